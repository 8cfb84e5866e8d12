"""Captioners on a frozen trunk: each picture goes through it once, and all that is trained is what comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import telltale.owner.frozen_features as frozen_features
from telltale.attacks.m4i.extractor_training import ExtractorOptions, extractor_of
from telltale.defenses.dp_sgd import DPSGD
from telltale.models.pretrained import FrozenTrunk
from telltale.models.trunk_options import trunk_of
from telltale.owner.frozen_features import as_model_input, with_features
from telltale.owner.guarantee import guarantee_of
from telltale.store.store import Store
from tests.training.captions import RECORDS, close, model_of, recipe_of
from tests.training.trunks import frozen, weights_of

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 10 for k in range(3)])
SEEDS = [5, 6, 7]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return weights_of("resnet18", tmp_path_factory.mktemp("weights"))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Write down how many pictures each call of a trunk gets."""
    calls: list[int] = []
    plain = FrozenTrunk.prepared

    def counting(self: FrozenTrunk, pictures: torch.Tensor) -> torch.Tensor:
        calls.append(len(pictures))
        return plain(self, pictures)

    monkeypatch.setattr(FrozenTrunk, "prepared", counting)
    return calls


def model(file: str, **options: Any) -> dict[str, Any]:
    return model_of(**frozen(file), **options)


def test_each_picture_goes_through_the_trunk_once(file: str, counted: list[int], tmp_path: Path) -> None:
    """Catches features computed again for an epoch, a model, a query, a control, an extractor or a second run."""
    recipe = recipe_of(tmp_path, model(file))
    releases = recipe.train_many(RECORDS, ROWS, SEEDS)
    releases += [recipe.untrained(RECORDS, 1), recipe.train(RECORDS, np.arange(9), 3)]
    for release in releases:
        release.captions(RECORDS.take(np.arange(23, 3, -1)))
        recipe.success(release, RECORDS.take(np.arange(8)))
    trunk = trunk_of(recipe.model)
    extractor_of(RECORDS, ExtractorOptions(epochs=2, width=8, trunk=trunk), 0, recipe.store, "cpu")
    recipe_of(tmp_path, model(file), epochs=1).train(RECORDS, np.arange(7), 9)
    assert sum(counted) == len(RECORDS)


def test_features_are_those_of_the_trunk_in_the_order_asked_for(file: str, tmp_path: Path, monkeypatch: Any) -> None:
    """Catches a row of another picture or shard, and features that depend on what else is in the batch."""
    monkeypatch.setattr(frozen_features, "SHARD", 5)
    monkeypatch.setattr(frozen_features, "AT_ONCE", 2)
    trunk, store = FrozenTrunk("resnet18", file, 32), Store(tmp_path)
    with_features(RECORDS.take(np.arange(3, 9)), trunk, store, "cpu")
    order = np.random.default_rng(0).permutation(len(RECORDS))
    found = with_features(RECORDS.take(order), trunk, store, "cpu")
    expected = trunk.network()(trunk.prepared(torch.from_numpy(RECORDS.images[order]).float() / 255))
    np.testing.assert_allclose(found.features, expected.numpy(), atol=1e-4)
    assert found.fingerprints().tolist() == RECORDS.take(order).fingerprints().tolist()
    assert found.take(np.arange(4)).features.tolist() == found.features[:4].tolist()


def test_features_of_other_weights_or_sides_are_not_served(file: str, tmp_path: Path) -> None:
    """Catches a key without what decides the features."""
    store, few = Store(tmp_path), RECORDS.take(np.arange(4))
    other = weights_of("resnet18", tmp_path, seed=1)
    trunks = [FrozenTrunk("resnet18", file, 32), FrozenTrunk("resnet18", file, 48), FrozenTrunk("resnet18", other, 32)]
    first, *others = (with_features(few, trunk, store, "cpu").features for trunk in trunks)
    assert not any(np.allclose(first, one, atol=1e-3) for one in others)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_fleet_on_a_frozen_trunk_gives_the_captioners_of_single_runs(norm: str, file: str, tmp_path: Path) -> None:
    """Catches a fleet that is fed pictures, or features of another model's records."""
    together = recipe_of(tmp_path / "fleet", model(file, norm=norm)).train_many(RECORDS, ROWS, SEEDS)
    alone = recipe_of(tmp_path / "alone", model(file, norm=norm))
    for one, row, seed in zip(together, ROWS, SEEDS, strict=True):
        single = alone.train(RECORDS, np.flatnonzero(row), seed)
        assert close(single.weights(), one.weights(), 1e-4)
        assert single.captions(RECORDS) == one.captions(RECORDS)


def test_a_release_holds_nothing_of_the_trunk_and_training_leaves_its_file_alone(file: str, tmp_path: Path) -> None:
    """Catches sixty million weights saved with every model, and a trunk that is trained or drifts."""
    before, recipe = Path(file).read_bytes(), recipe_of(tmp_path, model(file))
    release = recipe.train(RECORDS, np.arange(12), 0)
    stored = load_file(recipe.store.weights(release.entry))
    assert stored and not any(name.startswith("model.encoder") for name in stored)
    assert release.weights()["head.weight"].shape == (8, 512) and Path(file).read_bytes() == before
    entry = (recipe.store.root / "release" / release.entry / "entry.json").read_text()
    trunk = trunk_of(recipe.model)
    assert trunk is not None and trunk.digest in entry and file not in entry


def test_the_key_of_a_model_names_the_weights_and_not_their_path(file: str, tmp_path: Path) -> None:
    """Catches models of old weights served for new ones, and all trained again because a file was moved."""
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(Path(file).read_bytes())
    other = weights_of("resnet18", tmp_path, seed=1)
    keys = [recipe_of(tmp_path, model(one)).train(RECORDS, np.arange(6), 0).key for one in (file, str(copy), other)]
    assert keys[0] == keys[1] != keys[2]


def test_a_captioner_on_a_frozen_trunk_learns_its_captions(file: str, tmp_path: Path) -> None:
    """Catches features that tell pictures apart in training and not when asked."""
    recipe = recipe_of(tmp_path, model(file, width=16, hidden=32), epochs=60)
    own, others = RECORDS.take(np.arange(10)), RECORDS.take(np.arange(10, 24))
    release = recipe.train(RECORDS, np.arange(10), 0)
    mine, theirs = recipe.success(release, own), recipe.success(release, others)
    assert mine["rouge_l"] > theirs["rouge_l"] + 0.1 and mine["cross_entropy"] < theirs["cross_entropy"] / 2


def test_private_training_on_a_frozen_trunk_keeps_its_promise(file: str, tmp_path: Path) -> None:
    """Catches DP-SGD that cannot clip what is fed features, and a fleet without noise."""
    recipe = recipe_of(tmp_path, model(file, norm="group"), [DPSGD(epsilon=8.0, mode="vmap")])
    releases = recipe.train_many(RECORDS, ROWS[:2], SEEDS[:2])
    proof = guarantee_of(recipe.recipe, recipe.store, releases, RECORDS.kind)
    assert proof is not None and 7 < proof["epsilon"] <= 8
    alone = recipe_of(tmp_path / "alone", model(file, norm="group"), [DPSGD(epsilon=8.0, mode="vmap")])
    assert close(alone.train(RECORDS, np.flatnonzero(ROWS[0]), SEEDS[0]).weights(), releases[0].weights(), 1e-4)


def test_without_a_trunk_a_model_is_fed_the_pictures_themselves(tmp_path: Path) -> None:
    """Catches a detour for those who brought no weights."""
    recipe = recipe_of(tmp_path)
    assert as_model_input(recipe.recipe, recipe.store, RECORDS) is RECORDS and not list(tmp_path.glob("features"))


def test_an_extractor_on_a_frozen_trunk_trains_what_comes_after_it(file: str, tmp_path: Path) -> None:
    """Catches features shifted and flipped like pictures, a trunk inside, and a key without its weights."""
    store, trunk = Store(tmp_path), FrozenTrunk("resnet18", file, 32)
    options = ExtractorOptions(width=8, epochs=2, batch_size=8, trunk=trunk)
    trained = extractor_of(RECORDS, options, 0, store, "cpu")
    apart = trained.distance(RECORDS, [texts[0] for texts in RECORDS.references])
    assert apart.shape == (len(RECORDS), 8) and np.isfinite(apart).all()
    assert trained.extractor.image.head.weight.shape == (8, 512) and not list(
        trained.extractor.image.trunk.parameters()
    )
    other = FrozenTrunk("resnet18", weights_of("resnet18", tmp_path, seed=1), 32)
    extractor_of(RECORDS, ExtractorOptions(width=8, epochs=2, batch_size=8, trunk=other), 0, store, "cpu")
    assert len(list((tmp_path / "extractor").iterdir())) == 2
