"""Early stopping keeps each model's best epoch: alone, in a fleet, and after a kill."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from telltale.defenses.early_stopping import EarlyStopping
from telltale.defenses.relaxloss import RelaxLoss
from telltale.errors import InputError
from telltale.owner.executor import Local
from telltale.owner.preparation import initial_objective, training_records
from telltale.training.batches import training_loader
from telltale.training.best_epoch import BestEpoch
from telltale.training.fit import fit
from telltale.training.objective import Objective
from telltale.training.validation import validation_split
from tests.defenses.recipes import MODELS, RECORDS, ROWS, SEEDS, alone, fleet, logits, recipe_of, same_weights
from tests.training.small import CPU, DDP, model_of, molecules, objective_of, recipe_in, same

DEFENSE = EarlyStopping("own", 0.2)
PUBLIC = EarlyStopping()
OVERFITTED = {"epochs": 12, "learning_rate": 0.5, "schedule": "constant"}  # the best epoch is not the last


class KilledErrorError(Exception):
    pass


def objective(folder: Path, **options: Any) -> Objective:
    """Fit the first model outside the store, with the defence."""
    recipe = recipe_of(folder, **options)
    made = initial_objective(recipe.model, recipe.objective, 0)
    DEFENSE.prepare(made)
    folder.mkdir(parents=True, exist_ok=True)
    records = training_records(RECORDS.take(np.flatnonzero(ROWS[0])), (), 0)
    fit(made, training_loader(records, made.batch_size, 0, records.labels), 0, CPU, folder, "a test")
    return made


def test_the_kept_epoch_is_the_one_with_the_lowest_loss_on_the_records_held_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches the last weights, the best training loss, and a loss on records trained on."""
    states: list[dict[str, torch.Tensor]] = []
    keep = BestEpoch.on_train_epoch_end

    def watch(callback: BestEpoch, trainer: Any, module: Any) -> None:
        states.append({name: tensor.clone() for name, tensor in module.trained.state_dict().items()})
        keep(callback, trainer, module)

    monkeypatch.setattr(BestEpoch, "on_train_epoch_end", watch)
    made = objective(tmp_path, **OVERFITTED)
    records = training_records(RECORDS.take(np.flatnonzero(ROWS[0])), (), 0)
    _, held = validation_split(90, 0.2, 0)
    inputs, labels = torch.from_numpy(records.pixels[held]).float(), torch.from_numpy(records.labels[held])
    inputs = inputs / 255 if records.pixels.dtype == np.uint8 else inputs
    losses = []
    for state in states:
        made.load_state_dict(state)
        losses.append(cross_entropy(made.eval().model(inputs), labels).item())
    best = int(np.argmin(losses))
    assert best < len(states) - 1
    assert same(objective(tmp_path / "again", **OVERFITTED).state_dict(), states[best])


def test_the_records_held_back_are_never_trained_on(tmp_path: Path) -> None:
    """Catches a loader that still serves all records, and a batch count of the whole set."""
    recipe = recipe_of(tmp_path)
    made = initial_objective(recipe.model, recipe.objective, 0)
    DEFENSE.prepare(made)
    records = training_records(RECORDS.take(np.flatnonzero(ROWS[0])), (), 0)
    loader = made.hold_out(training_loader(records, 30, 0, records.labels))
    served = torch.cat([batch.inputs for batch in loader]).flatten(1)
    held = made.held_out[0, np.arange(18)].inputs.flatten(1)
    assert (len(loader), len(served), len(held)) == (2, 72, 18)
    assert torch.cdist(served, held).min() > 0


def test_the_split_depends_on_the_seed_alone_and_covers_all() -> None:
    """Catches one split for all models, and records that are in neither part."""
    splits = [validation_split(100, 0.1, seed) for seed in (0, 0, 1)]
    assert [len(held) for _, held in splits] == [10, 10, 10]
    assert np.array_equal(splits[0][1], splits[1][1]) and not np.array_equal(splits[0][1], splits[2][1])
    assert sorted(np.concatenate(splits[0])) == list(range(100))


def test_on_public_records_every_member_is_trained_on_and_the_best_epoch_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches members held back all the same, the last weights, and a fleet that validates otherwise than one model."""
    others = RECORDS.take(np.flatnonzero(~ROWS[0])[:40])
    recipe = recipe_of(tmp_path / "fleet", PUBLIC.with_public(others), **OVERFITTED)
    kept: list[torch.Tensor] = []
    end = BestEpoch.on_fit_end
    monkeypatch.setattr(BestEpoch, "on_fit_end", lambda one, *rest: (kept.append(one.losses), end(one, *rest))[1])
    together = fleet(recipe)
    lone = alone(recipe_of(tmp_path / "single", PUBLIC.with_public(others), **OVERFITTED))
    np.testing.assert_allclose(logits(together[0]), logits(lone), rtol=0, atol=1e-4)
    made = initial_objective(recipe.model, recipe.objective, 0)
    PUBLIC.with_public(others).prepare(made)
    records = training_records(RECORDS.take(np.flatnonzero(ROWS[0])), (), 0)
    served = torch.cat([batch.labels for batch in made.hold_out(training_loader(records, 30, 0, records.labels))])
    assert len(served) == 90 and len(made.held_out.places) == 40
    chosen = torch.from_numpy(np.log(lone.probabilities(others)))
    loss = -chosen[torch.arange(40), torch.from_numpy(others.labels)].mean()
    assert float(loss) == pytest.approx(float(kept[-1][0]), rel=1e-3)


def test_other_public_records_are_another_key_and_none_are_refused(tmp_path: Path) -> None:
    """Catches weights that were chosen on other records, and an owner who validates on nothing."""
    keys = {alone(recipe_of(tmp_path, PUBLIC.with_public(RECORDS.take(np.arange(n))))).key for n in (20, 30)}
    assert len(keys) == 2
    with pytest.raises(InputError, match=r"defense.validate_on=public: own"):
        alone(recipe_of(tmp_path, PUBLIC))
    start = recipe_of(tmp_path)
    with pytest.raises(InputError, match=r"defense.validate_on=public: own"):
        PUBLIC.check(start.replace(start=start))


@pytest.mark.parametrize("way", ["stacked", "one_by_one"])
def test_a_fleet_equals_its_single_runs(way: str, tmp_path: Path) -> None:
    """Catches one epoch for all models, another split, and the wrong model's weights."""
    together = fleet(recipe_of(tmp_path / "fleet", DEFENSE, **OVERFITTED).replace(executor=Local(way=way)))
    single = recipe_of(tmp_path / "single", DEFENSE, **OVERFITTED)
    for model, release in enumerate(together):
        lone = alone(single, model)
        np.testing.assert_allclose(logits(release), logits(lone), rtol=0, atol=1e-4)


def test_models_of_a_fleet_stop_at_epochs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches the best epoch of the mean over models, which the test above would miss if all agreed."""
    kept: list[torch.Tensor] = []
    end = BestEpoch.on_fit_end
    monkeypatch.setattr(BestEpoch, "on_fit_end", lambda one, *rest: (kept.append(one.epochs), end(one, *rest))[1])
    fleet(recipe_of(tmp_path, DEFENSE, **OVERFITTED))
    assert kept[0].shape == (MODELS,) and len(kept[0].unique()) > 1


@pytest.mark.parametrize("epoch", [5, 10, 12])
def test_an_interrupted_fit_goes_on_bit_for_bit(epoch: int, tmp_path: Path) -> None:
    """Catches a best epoch that is forgotten by a kill, also by one when no epoch is left to train."""
    whole = fleet(recipe_of(tmp_path / "whole", DEFENSE, **OVERFITTED))

    def stop(values: dict[str, float], now: int) -> None:
        if now == epoch:
            raise KilledErrorError

    recipe = recipe_of(tmp_path / "parts", DEFENSE, **OVERFITTED)
    with pytest.raises(KilledErrorError):
        recipe.replace(on_epoch=stop).train_many(RECORDS, ROWS, SEEDS)
    assert all(same_weights(*pair) for pair in zip(whole, fleet(recipe), strict=True))


def test_a_kill_after_the_last_epoch_still_ends_with_the_best_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches the last epoch's weights where Lightning finds nothing left to train."""
    whole = alone(recipe_of(tmp_path / "whole", DEFENSE, **OVERFITTED))
    with monkeypatch.context() as patch:
        patch.setattr("telltale.owner.single.write_weights", lambda *_: (_ for _ in ()).throw(KilledErrorError))
        with pytest.raises(KilledErrorError):
            alone(recipe_of(tmp_path / "parts", DEFENSE, **OVERFITTED))
    assert same_weights(whole, alone(recipe_of(tmp_path / "parts", DEFENSE, **OVERFITTED)))


class StandIn:
    """A fit of two models, each one number, that loses what it is told to."""

    def __init__(self, losses: list[list[float]]) -> None:
        self.losses, self.epoch = losses, -1

    def validation_losses(self) -> torch.Tensor:
        return torch.tensor(self.losses[self.epoch])

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"weight": torch.full((2, 1), float(self.epoch)), "steps": torch.full((2,), self.epoch)}


class EpochOf:
    """The part of a trainer that the callback reads."""

    def __init__(self, epoch: int) -> None:
        self.current_epoch = epoch


def test_ties_keep_the_first_epoch_and_a_loss_that_is_no_number_never_wins() -> None:
    """Catches `<=`, and a comparison with NaN that freezes a model at its first epoch."""
    callback, module = BestEpoch(), StandIn([[3.0, float("nan")], [1.0, 2.0], [1.0, float("nan")], [2.0, 1.0]])
    for module.epoch in range(4):
        callback.on_train_epoch_end(EpochOf(module.epoch), SimpleNamespace(trained=module))  # type: ignore[arg-type]
    assert callback.epochs.tolist() == [2, 4]
    assert callback.kept["weight"].tolist() == [[1.0], [3.0]] and callback.kept["steps"].tolist() == [1, 3]


def test_without_the_defence_nothing_is_held_back(tmp_path: Path) -> None:
    """Catches a default share that takes records from owners who asked for nothing."""
    recipe = recipe_of(tmp_path)
    assert initial_objective(recipe.model, recipe.objective, 0).validation_share == 0


@pytest.mark.parametrize("name", ["attribute_masking", "infograph", "graphcl"])
def test_objectives_without_classes_stop_early_too(name: str, tmp_path: Path) -> None:
    """Catches a validation that knows labelled batches only."""
    plain = recipe_in(tmp_path, objective=objective_of(name, epochs=3))
    records, all_rows = molecules(40), np.arange(40)
    undefended = plain.train(records, all_rows, 0)
    assert not same_weights(undefended, plain.protect(DEFENSE).train(records, all_rows, 0))


def test_a_share_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    """Catches a fit on no records."""
    with pytest.raises(InputError, match=r"defense.share=0.999"):
        alone(recipe_of(tmp_path, EarlyStopping("own", 0.999)))


def test_validation_measures_the_plain_loss_and_leaves_the_training_as_it_was(tmp_path: Path) -> None:
    """Catches dropout left on, a loss that other code has changed, and a model that stays in evaluation."""
    recipe = recipe_of(tmp_path)
    model = {**recipe.model, "dropout": 0.5}
    made = initial_objective(model, recipe.objective, 0)
    made.loss_code = [RelaxLoss(5.0)]
    DEFENSE.prepare(made)
    records = training_records(RECORDS.take(np.flatnonzero(ROWS[0])), (), 0)
    made.hold_out(training_loader(records, 7, 0, records.labels))
    held = made.held_out[0, np.arange(18)]
    expected = cross_entropy(copy.deepcopy(made).eval().model(held.inputs), held.labels)
    torch.testing.assert_close(made.validation_losses()[0], expected)
    assert made.training and made.model.training and made.loss_code


@pytest.mark.slow
def test_two_processes_keep_the_epoch_that_one_keeps(tmp_path: Path) -> None:
    """Catches a validation that each process does on its own share, and weights that stay in a worker."""
    states = []
    for options in (CPU, DDP):
        made = initial_objective(model_of(), objective_of(epochs=6, learning_rate=0.05), 0).double()
        DEFENSE.prepare(made)
        loader = training_loader(training_records(molecules(40), (), 0), made.batch_size, 0)
        (tmp_path / str(options.devices)).mkdir()
        fit(made, loader, 0, options, tmp_path / str(options.devices), "a test")
        states.append(made.state_dict())
    one, two = states
    assert one["model.norms.0.num_batches_tracked"] < 24  # the best epoch is not the last
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-6, atol=1e-6)
