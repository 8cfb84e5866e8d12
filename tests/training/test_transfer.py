"""Transfer: what is frozen stays, what is tuned moves, and heads trained on features are those trained whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.errors import InstantiationException

from telltale.data.images import digits
from telltale.data.images.records import ImageRecords
from telltale.data.molecules import b3db
from telltale.errors import InputError
from telltale.owner.preparation import initial_objective
from telltale.owner.release import Release
from telltale.store.store import Store
from tests.owned import Owned
from tests.training.small import CPU, model_of, molecules, objective_of

PICTURES: ImageRecords = digits.load().records
POOL, OTHERS = PICTURES.take(np.arange(200)), PICTURES.take(np.arange(200, 400))
MLP = {"_target_": "telltale.models.mlp.MLP", "widths": [16, 12], "shape": PICTURES.shape}
NORMED = {
    "_target_": "telltale.models.cnn.CNN",
    "channels": [4, 8],
    "width": 12,
    "norm": "batch",
    "shape": PICTURES.shape,
}
CLASSIFICATION = {"_target_": "telltale.objectives.classification.Classification"}
COMMON: dict[str, Any] = {"epochs": 3, "batch_size": 32, "learning_rate": 0.05, "classes": 10}
ROWS = np.stack([np.random.default_rng(k).permutation(200) < 100 for k in range(3)])


def transfer_of(folder: Path, model: dict[str, Any] = MLP, **options: Any) -> Owned:
    start = Owned.of(model, {**CLASSIFICATION, **COMMON}, CPU, Store(folder))
    objective = {"_target_": "telltale.objectives.transfer.Transfer", **COMMON, **options}
    return start.replace(start=start, objective=objective, finetune=OTHERS, finetune_share=0.8)


def both(recipe: Owned, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The weights of a pre-trained model and of the one fine-tuned from it."""
    assert recipe.start is not None
    rows = np.arange(100)
    return recipe.owner.train(recipe.start, POOL, rows, seed).weights(), recipe.train(POOL, rows, seed).weights()


def moved(recipe: Owned) -> set[str]:
    before, after = both(recipe)
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_with_a_head_alone_the_backbone_stays_bit_for_bit(tmp_path: Path) -> None:
    """Catches weight decay or momentum on frozen weights."""
    assert moved(transfer_of(tmp_path, weight_decay=0.1)) == {"head.weight", "head.bias"}


@pytest.mark.parametrize(("tune", "first"), [("last_k", "backbone.layers.2"), ("all", "backbone.layers.0")])
def test_what_is_tuned_moves_and_no_more(tune: str, first: str, tmp_path: Path) -> None:
    """Catches blocks counted from the wrong end."""
    names = moved(transfer_of(tmp_path, tune=tune, last_k=1))
    backbone = {name for name in names if name.startswith("backbone.")}
    expected = {"backbone.layers.2.weight", "backbone.layers.2.bias"}
    assert {f"{first}.weight", f"{first}.bias"} <= backbone
    assert (backbone == expected) is (tune == "last_k")


@pytest.mark.parametrize("tune", ["head", "all"])
@pytest.mark.parametrize("batch_norm", ["frozen", "moving"])
def test_statistics_of_pre_training_stay_or_move_as_asked(tune: str, batch_norm: str, tmp_path: Path) -> None:
    """Catches "frozen" layers whose BatchNorm follows the fine-tuning data unasked, as in the authors' code."""
    names = moved(transfer_of(tmp_path, NORMED, tune=tune, batch_norm=batch_norm))
    statistics = {name for name in names if name.endswith(("running_mean", "running_var"))}
    assert bool(statistics) is (batch_norm == "moving")


@pytest.mark.parametrize("model", [MLP, NORMED], ids=["mlp", "cnn with BatchNorm"])
@pytest.mark.parametrize("options", [{}, {"tune": "last_k"}, {"batch_norm": "moving"}], ids=str)
def test_a_fleet_of_transfers_equals_its_single_runs(
    model: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    """Catches features of another model, of other records, or of a backbone in training."""
    together = transfer_of(tmp_path / "fleet", model, **options).train_many(POOL, ROWS, [0, 1, 2])
    single = transfer_of(tmp_path / "single", model, **options)
    for release, row, seed in zip(together, ROWS, range(3), strict=True):
        alone = single.train(POOL, np.flatnonzero(row), seed)
        np.testing.assert_allclose(logits(release), logits(alone), rtol=0, atol=1e-3)


def logits(release: Release) -> np.ndarray:
    return np.log(release.probabilities(POOL))


def test_heads_train_on_features_that_are_computed_once(tmp_path: Path) -> None:
    """Catches a forward pass through a frozen backbone in every epoch, and features used where they change."""
    assert transfer_of(tmp_path).features_are_fixed
    assert transfer_of(tmp_path, NORMED, batch_norm="frozen").features_are_fixed
    for model, options in ((MLP, {"tune": "all"}), (MLP, {"augmentation": "flip"}), (NORMED, {"batch_norm": "moving"})):
        assert not transfer_of(tmp_path, model, **options).features_are_fixed
    dropout = transfer_of(tmp_path, {**MLP, "dropout": 0.5})
    assert not dropout.features_are_fixed


def test_each_model_draws_its_own_fine_tuning_records(tmp_path: Path) -> None:
    """Catches one draw for all models, which the authors' code does not have."""
    recipe = transfer_of(tmp_path)
    rows = np.stack([recipe.finetuning_members(seed) for seed in range(3)])
    assert (rows.sum(1) == 160).all() and (rows[0] != rows[1]).any()
    assert np.array_equal(rows[1], recipe.finetuning_members(1))


def test_shared_initial_weights_are_shared_by_all_seeds_and_named_in_the_key(tmp_path: Path) -> None:
    """Catches a switch that changes nothing, and models of both kinds under one key."""
    owned = transfer_of(tmp_path)
    assert owned.start is not None
    own, shared = Owned(owned.start, owned.owner), Owned(owned.start.replace(initial_seed=7), owned.owner)
    first, second = (shared.objective_for(seed).state_dict() for seed in (0, 1))
    assert all((first[name] == second[name]).all() for name in first)
    assert own.train(POOL, np.arange(9), 0).key != shared.train(POOL, np.arange(9), 0).key


def test_a_fresh_backbone_is_fine_tuned_like_the_others(tmp_path: Path) -> None:
    """Catches the control `untrained` without a trained head, or on a pre-trained backbone."""
    recipe = transfer_of(tmp_path, epochs=40)
    (release,) = recipe.untrained_many(POOL, [3], ["control"])
    initial = initial_objective(MLP, {**CLASSIFICATION, **COMMON}, 3).model.state_dict()
    assert np.array_equal(release.weights()["backbone.layers.0.weight"], initial["backbone.layers.0.weight"].numpy())
    accuracy = (release.labels(OTHERS) == OTHERS.labels).mean()
    assert accuracy > 0.2  # twice chance, five standard errors above it


def test_a_head_on_an_encoder_of_molecules_learns_a_property(tmp_path: Path) -> None:
    """Catches an unsupervised start whose weights are not found under the classifier's names."""
    start = Owned.of(model_of(), objective_of("infograph"), CPU, Store(tmp_path))
    labelled = b3db.load().records.take(np.arange(300))
    objective = {"_target_": "telltale.objectives.transfer.Transfer", **COMMON, "classes": 2}
    recipe = start.replace(start=start, objective=objective, finetune=labelled)
    pool = molecules(40)
    releases = recipe.train_many(pool, np.ones((2, 40), bool), [0, 1])
    alone = recipe.replace(store=Store(tmp_path / "other"))
    single = alone.train(pool, np.arange(40), 1)
    assert releases[1].probabilities(pool).shape == (40, 2)
    np.testing.assert_allclose(releases[1].probabilities(pool), single.probabilities(pool), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tune": "last_k", "last_k": 3}, "objective.last_k=3: at most 2"),
        ({"last_k": 0}, "objective.last_k=0"),
        ({"tune": "some"}, "objective.tune=some: one of head, last_k, all"),
        ({"batch_norm": "off"}, "objective.batch_norm=off"),
        ({"classes": 1}, "objective.classes=1: at least 2"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Catches a value that is silently taken for another."""
    with pytest.raises((InputError, InstantiationException), match=told):
        transfer_of(tmp_path, **options).check()


def test_another_backbone_than_the_one_pre_trained_is_refused(tmp_path: Path) -> None:
    """Catches a start from scratch in silence."""
    recipe = transfer_of(tmp_path)
    wider = recipe.replace(model={**MLP, "widths": [16, 13]})
    with pytest.raises(InputError, match=r"not the one pre-trained: layers\.2\.weight differs"):
        wider.train(POOL, np.arange(50), 0)
