"""DP-SGD under the canary audit: what keeps its promise is not accused, what leaves out its noise is caught."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from scripts.empirical_epsilon import silence
from telltale.attacks.canary_audit import CanaryAudit
from telltale.data.images.fashion_mnist import load
from telltale.data.pools import PoolSizes, deal
from telltale.data.seeds import derive
from telltale.defenses.dp_sgd import DPSGD
from telltale.errors import NotPrivateError
from telltale.evaluation.canary_audit import empirical_epsilon
from telltale.game.game import Game
from telltale.owner.guarantee import guarantee_of
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

SIZES = PoolSizes(members=200, non_members=0, canaries=400, auxiliary=10)


def game_of(folder: Path, epsilon: float, victims: int, epochs: int = 40) -> Game:
    """Set up private training of a small network, nothing is trained yet."""
    pools = CanaryAudit().plant(deal(load().records, SIZES, seed=0), seed=0)
    steps = {
        "epochs": epochs,
        "batch_size": 40,
        "learning_rate": 0.5,
        "momentum": 0.0,
        "weight_decay": 0.0,
    }
    learns = {
        "_target_": "telltale.objectives.classification.Classification",
        "classes": 10,
        "schedule": "constant",
        **steps,
    }
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [32], "shape": pools.challenge.shape}
    recipe = Recipe(model, learns, TrainerOptions(accelerator="cpu"))
    return Game(
        pools, recipe.protect(DPSGD(epsilon=epsilon, mode="bookkeeping")), Owner(Store(folder)), victims, seed=0
    )


def audited(game: Game) -> tuple[float, dict[str, float]]:
    """Return the accountant's ε and the lower bounds."""
    attack = CanaryAudit()
    world = game.world(attack.access)
    promised = guarantee_of(game.recipe, game.owner.store, world.releases, "images")
    found = empirical_epsilon(attack.run(world), game.unseal().membership)
    assert promised
    return promised["epsilon"], {name.removeprefix("empirical_epsilon_"): one.value for name, one in found.items()}


@pytest.mark.slow
def test_private_training_that_keeps_its_promise_is_not_accused(tmp_path: Path) -> None:
    """Catches a bound that sees more than there is, and a rate that is computed from the secret number of records."""
    game = game_of(tmp_path, 4.0, 8)
    assert len({int(row.sum()) for row in game._members}) > 4
    epsilon, bounds = audited(game)
    assert epsilon == pytest.approx(4, abs=0.05) and 0.2 < bounds["all_models"] < epsilon
    promised = guarantee_of(game.recipe, game.owner.store, game._releases[:1], "images")
    assert promised and promised["sampling_rate"] == 40 / 400


@pytest.mark.slow
def test_noise_that_is_counted_and_left_out_is_caught_by_the_bound(tmp_path: Path) -> None:
    """Catches an audit that cannot tell private training from training that only says so: its self-test is off here."""
    silent = mock.patch("telltale.training.private.step.gaussians", silence)
    with silent, mock.patch("telltale.training.private.settle.require_private"):
        epsilon, bounds = audited(game_of(tmp_path, 1.0, 8))
    assert epsilon == pytest.approx(1, abs=0.05)
    assert bounds["one_run"] > 1.5 and bounds["all_models"] > 2.5


def test_noise_that_is_left_out_is_refused_by_the_self_test_before_anything_is_trained(tmp_path: Path) -> None:
    """Catches an audit that is needed to see what a few steps would have shown."""
    with mock.patch("telltale.training.private.step.gaussians", silence), pytest.raises(NotPrivateError):
        audited(game_of(tmp_path, 1.0, 8))
    assert not (tmp_path / "release").exists()


def test_private_models_of_different_lengths_are_in_one_fleet_and_equal_their_single_runs(tmp_path: Path) -> None:
    """Catches samples drawn from another model's number of records, and filled-up places that are trained on."""
    game, alone = (game_of(tmp_path / name, 8.0, 3, epochs=4) for name in ("fleet", "alone"))
    points = game.pools.auxiliary
    together = [release.probabilities(points) for release in game._releases]
    assert len(list((tmp_path / "fleet").glob("private_self_test/*"))) == 1  # of one fleet
    for model, row in enumerate(game._members):
        release = alone.owner.train(
            alone.recipe, alone.pools.challenge, np.flatnonzero(row), derive(0, "victim", model)
        )
        np.testing.assert_allclose(release.probabilities(points), together[model], atol=1e-4)
