"""Private training: what is sampled, how much noise there is, and that fleets and resumed fits are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, kstest

from telltale.data.images.records import ImageRecords
from telltale.defenses.dp_sgd import DPSGD
from telltale.errors import NotPrivateError
from telltale.owner.executor import Local
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.private import step
from telltale.training.private.account import read_account
from telltale.training.private.noise import gaussians
from telltale.training.private.privacy import Plan, Privacy
from telltale.training.private.sampling import PoissonBatches, PoissonFleetBatches, padded
from tests.owned import Owned
from tests.training.private.networks import MODELS, PICTURES, batch_of, flat, objective_of, records_for
from tests.training.small import CPU

ROWS = np.stack([np.random.default_rng(k).permutation(400) < 100 for k in range(3)])
SEEDS = [0, 1, 2]
NOISY = DPSGD(epsilon=None, sigma=0.5)


def recipe_of(folder: Path, model: str = "mlp", defense: DPSGD = NOISY, **options: Any) -> Owned:
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 3}
    objective |= {"batch_size": 25, "learning_rate": 0.05, **options}
    return Owned.of(MODELS[model], objective, CPU, Store(folder), defenses=(defense,))


def weights(release: Release) -> np.ndarray:
    return np.concatenate([one.ravel() for one in release.weights().values()])


def account(recipe: Owned, release: Release) -> dict[str, Any]:
    found = read_account(recipe.store.root / "release" / release.entry)
    assert found
    return found


def samples(records: int, rate: float, steps: int, seed: int = 0, epoch: int = 0) -> list[np.ndarray]:
    batches = PoissonBatches(records, rate, steps, seed)
    batches.set_epoch(epoch)
    return [places for _, places in batches]


def test_samples_are_poisson_each_record_by_a_coin_of_its_own() -> None:
    """Catches shuffled batches, a fixed batch size, and records that come in pairs: closed-form frequencies."""
    taken = np.zeros((4000, 50), bool)
    for row, places in zip(taken, samples(50, 0.1, 4000), strict=True):
        row[places] = True
    sizes = taken.sum(1)
    assert sizes.min() == 0 or binom.cdf(0, 50, 0.1) * 4000 < 5  # an empty sample is a sample
    assert sizes.mean() == pytest.approx(5, abs=4 * np.sqrt(4.5 / 4000))
    assert sizes.var() == pytest.approx(4.5, rel=0.1)  # n q (1 - q); shuffling has 0
    assert np.abs(taken.mean(0) - 0.1).max() < 5 * np.sqrt(0.09 / 4000)
    assert np.abs(np.corrcoef(taken.T) - np.eye(50)).max() < 0.09
    assert np.abs(np.corrcoef(taken[1:, 0], taken[:-1, 0])[0, 1]) < 0.09


def test_samples_are_a_function_of_seed_and_epoch_and_a_fleet_draws_those_of_single_runs() -> None:
    """Catches a generator that runs on, which a resumed fit could not find again."""
    first, again, other, later = (samples(80, 0.2, 5, seed, epoch) for seed, epoch in ((3, 1), (3, 1), (4, 1), (3, 2)))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(first, other, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(first, later, strict=True))
    together = PoissonFleetBatches([80, 80], 0.2, 5, [3, 4])
    together.set_epoch(1)
    for (_, places), one, two in zip(together, first, other, strict=True):
        assert np.array_equal(places[0][places[0] >= 0], one) and np.array_equal(places[1][places[1] >= 0], two)


def test_samples_side_by_side_are_filled_up_and_never_cut() -> None:
    """Catches a record that is sampled and left out, and a step without any record that has no place."""
    assert padded([np.array([4, 7, 9]), np.array([], int), np.array([1])]).tolist() == [
        [4, 7, 9],
        [-1, -1, -1],
        [1, -1, -1],
    ]
    assert padded([np.array([], int)]).tolist() == [[-1]]


def test_noise_is_standard_normal_and_its_own_for_each_model_and_step() -> None:
    """Catches noise that models share, which their difference would be free of, and noise that comes again."""
    shapes = [torch.Size([40, 30]), torch.Size([17])]
    drawn = [flat(one[k] for one in gaussians(shapes, [5, 6], s, torch.device("cpu"))) for s in (0, 1) for k in (0, 1)]
    assert all(kstest(one.numpy(), "norm").pvalue > 1e-3 for one in drawn)
    assert np.abs(np.corrcoef(torch.stack(drawn).numpy()) - np.eye(4)).max() < 0.12
    alone = flat(one[0] for one in gaussians(shapes, [6], 1, torch.device("cpu")))
    assert torch.equal(alone, drawn[3])


def gradient_of(plan: Plan, number: int) -> torch.Tensor:
    objective = objective_of("mlp")
    NOISY.prepare(objective)
    objective.private.use("bookkeeping")
    objective.private.begin(objective, plan, seed=7)
    objective.training_step(batch_of("mlp", number), 0).backward()
    assert int(objective.ledger.steps) == 1
    return flat(one.grad for one in objective.parameters())


@pytest.mark.parametrize("number", [0, 1, 30])
def test_a_step_adds_noise_of_sigma_times_clip_over_the_expected_batch(number: int) -> None:
    """Catches noise per record, division by the batch that happened to be drawn, and no step without records."""
    quiet, noisy = (gradient_of(Plan(0.1, 10, sigma, 0.5, 20.0), number) for sigma in (0.0, 3.0))
    noise = (noisy - quiet) / (3.0 * 0.5 / 20)
    assert noise.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(noise))) and kstest(noise, "norm").pvalue > 1e-3
    assert float(quiet.norm()) <= number * 0.5 / 20 * (1 + 1e-5)
    assert bool(quiet.any()) == bool(number)


def test_without_noise_and_clipping_it_is_the_plain_gradient() -> None:
    """Catches a sum in place of a mean."""
    objective, batch = objective_of("mlp"), batch_of("mlp", 16)
    objective(batch).backward()
    plain = flat(one.grad for one in objective.parameters())
    torch.testing.assert_close(gradient_of(Plan(0.1, 10, 0.0, 1e9, 16.0), 16), plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("way", ["stacked", "one_by_one"])
@pytest.mark.parametrize(("model", "mode"), [("mlp", "bookkeeping"), ("mlp", "vmap"), ("cnn, group", "bookkeeping")])
def test_a_fleet_equals_its_single_runs(model: str, mode: str, way: str, tmp_path: Path) -> None:
    """Catches samples, clip factors, noise or steps of another model, and padding that is trained on."""
    defense = DPSGD(epsilon=None, sigma=0.5, mode=mode)
    fleet, single = (recipe_of(tmp_path / name, model, defense) for name in ("fleet", "single"))
    together = fleet.replace(executor=Local(way=way)).train_many(PICTURES, ROWS, SEEDS)
    for release, row, seed in zip(together, ROWS, SEEDS, strict=True):
        alone = single.train(PICTURES, np.flatnonzero(row), seed)
        assert account(fleet, release) == account(single, alone)
        np.testing.assert_allclose(weights(release), weights(alone), rtol=0, atol=2e-5)
    assert account(fleet, together[0])["ledger"] == {"steps": 12, "sigma": 0.5, "rate": 0.25}


class KilledErrorError(Exception):
    pass


@pytest.mark.parametrize("models", [1, 3])
def test_an_interrupted_fit_goes_on_bit_for_bit_and_counts_every_step_once(models: int, tmp_path: Path) -> None:
    """Catches noise drawn anew, samples of another epoch, and an epsilon of the last part only."""
    defense = DPSGD(epsilon=None, sigma=0.5, mode="bookkeeping")
    whole = recipe_of(tmp_path / "whole", defense=defense).train_many(PICTURES, ROWS[:models], SEEDS[:models])

    def stop(values: dict[str, float], now: int) -> None:
        if now == 2:
            raise KilledErrorError

    parts = recipe_of(tmp_path / "parts", defense=defense)
    with pytest.raises(KilledErrorError):
        parts.replace(on_epoch=stop).train_many(PICTURES, ROWS[:models], SEEDS[:models])
    again = parts.train_many(PICTURES, ROWS[:models], SEEDS[:models])
    assert all(np.array_equal(weights(one), weights(two)) for one, two in zip(whole, again, strict=True))
    assert account(parts, again[0])["ledger"]["steps"] == 12


@pytest.mark.parametrize("model", ["mlp", "cnn, group", "gin"])
def test_noise_that_reaches_no_weight_is_caught_before_anything_is_trained(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a self-test that reads options in place of gradients: here the noise is switched off."""
    real = gaussians
    monkeypatch.setattr(step, "gaussians", lambda *args: [torch.zeros_like(one) for one in real(*args)])
    records = records_for(model)
    recipe, members = recipe_of(tmp_path, model), ROWS[:, : len(records)]
    with pytest.raises(NotPrivateError, match=r"noise of .* was asked for, 0 reaches"):
        recipe.train_many(records, members, SEEDS)
    assert not (tmp_path / "release").exists()


def test_noise_of_a_tenth_and_gradients_that_are_not_clipped_are_caught_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a self-test that any noise satisfies, and one that never looks at clipping."""
    real = gaussians
    with monkeypatch.context() as patch:
        patch.setattr(step, "gaussians", lambda *args: [one / 10 for one in real(*args)])
        with pytest.raises(NotPrivateError, match="noise of"):
            recipe_of(tmp_path).train(PICTURES, np.arange(100), 0)
    monkeypatch.setattr("telltale.training.private.bookkeeping.clip_factors", lambda norms, *_: torch.ones_like(norms))
    defense = DPSGD(epsilon=None, sigma=0.5, mode="auto")
    recipe = recipe_of(tmp_path / "another store", defense=defense)
    monkeypatch.setattr("telltale.training.private.settle.inexactness", lambda *_: "")  # which would find it too
    with pytest.raises(NotPrivateError, match="clip 0"):
        recipe.train(PICTURES, np.arange(100), 0)


def test_the_self_test_runs_once_a_recipe_and_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a test that every one of 64 models pays for, and one that another recipe inherits."""
    recipe_of(tmp_path).train(PICTURES, np.arange(100), 0)
    monkeypatch.setattr("telltale.training.private.settle.require_private", lambda *_: pytest.fail("again"))
    recipe_of(tmp_path).train(PICTURES, np.arange(100), 1)
    with pytest.raises(pytest.fail.Exception):
        recipe_of(tmp_path, defense=DPSGD(epsilon=None, sigma=0.6)).train(PICTURES, np.arange(100), 0)


@pytest.mark.parametrize("mode", ["bookkeeping", "vmap", "hooks", "ghost"])
def test_every_mode_trains_a_model_to_the_same_weights(mode: str, tmp_path: Path) -> None:
    """Catches a mode that is exact by itself and not in a fit, where autograd is off."""
    one, other = (
        recipe_of(tmp_path / name, defense=DPSGD(epsilon=None, sigma=0.5, mode=name)) for name in (mode, "one_by_one")
    )
    found, expected = (weights(recipe.train(PICTURES, np.arange(100), 0)) for recipe in (one, other))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_frozen_weights_stay_and_get_no_noise(tmp_path: Path) -> None:
    """Catches noise on a backbone that a transfer leaves as it was pre-trained."""
    objective = objective_of("mlp")
    objective.model.backbone.requires_grad_(False)
    NOISY.prepare(objective)
    objective.private.use("bookkeeping")
    objective.private.begin(objective, Plan(0.1, 10, 1.0, 1.0, 20.0), seed=7)
    objective.training_step(batch_of("mlp"), 0).backward()
    assert all(one.grad is None for one in objective.model.backbone.parameters())
    assert all(one.grad is not None for one in objective.model.head.parameters())


def test_the_public_number_of_records_decides_rate_and_steps() -> None:
    """Catches a rate that tells how many records there are, where the owner keeps that to itself."""
    privacy = Privacy(None, 1.0, 1e-5, 1.0, "rdp", 200, "auto")
    assert privacy.plan(180, 50, 3) == Plan(0.25, 4, 1.0, 1.0, 50.0)
    assert privacy.plan(180, 500, 3) == Plan(1.0, 1, 1.0, 1.0, 200.0)


def test_equal_sets_are_sampled_alike_whatever_their_order(tmp_path: Path) -> None:
    """Catches samples by place in the pool, where the store's key is by content."""
    shuffled: ImageRecords = PICTURES.take(np.random.default_rng(1).permutation(100))
    one, other = (
        recipe_of(tmp_path / name).train(records, np.arange(100), 0)
        for name, records in (("a", PICTURES.take(np.arange(100))), ("b", shuffled))
    )
    assert one.key == other.key and np.allclose(weights(one), weights(other), atol=2e-5)
