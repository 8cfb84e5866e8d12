"""The canary audit: who is in which model, what a canary is, and what its scores come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.canary_audit import CanaryAudit, wrong_labels
from telltale.data.images.fashion_mnist import load
from telltale.data.images.records import ImageRecords
from telltale.data.pools import Pools, PoolSizes, deal
from telltale.errors import InputError
from telltale.evaluation.canary_audit import empirical_epsilon
from telltale.evidence import CanaryScores, MembershipScores
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from telltale.worlds.controls import Chance

SIZES = PoolSizes(members=60, non_members=0, canaries=200, auxiliary=10)


@pytest.fixture(scope="module")
def records() -> ImageRecords:
    return load().records


@pytest.fixture(scope="module")
def pools(records: ImageRecords) -> Pools[ImageRecords]:
    return deal(records, SIZES, seed=0)


def game_of(pools: Pools[ImageRecords], folder: Path, victims: int, epochs: int = 1) -> Game:
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [32], "shape": pools.challenge.shape}
    steps = {"epochs": epochs, "batch_size": 32, "learning_rate": 0.05}
    learns = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, **steps}
    return Game(pools, Recipe(model, learns, TrainerOptions(accelerator="cpu")), Owner(Store(folder)), victims, seed=0)


def test_members_are_in_every_model_and_canaries_by_independent_fair_coins(
    pools: Pools[ImageRecords], tmp_path: Path
) -> None:
    """Catches a fixed number of canaries a model, and complements: coins that tell of each other void the bound."""
    rows = game_of(pools, tmp_path, 40)._members
    assert rows[:, :60].all() and abs(rows[:, 60:].mean() - 0.5) < 0.03
    assert len(set(rows.sum(1))) > 8
    assert abs(np.corrcoef(rows[:, 60:]) - np.eye(40)).max() < 0.35


def test_canaries_alone_are_shown_and_the_truth_is_their_coins(pools: Pools[ImageRecords], tmp_path: Path) -> None:
    """Catches members among the challenge points, and as many canaries in as out of a single model."""
    game = game_of(pools, tmp_path, 1)
    coins, shown = game.unseal().membership, game.knowledge.challenge.fingerprints()
    assert coins.shape == (1, 200) and coins.sum() != 100
    assert set(shown) == set(pools.challenge.fingerprints()[60:])
    assert set(shown[coins[0]]) < set(game.unseal().learned[0].fingerprints())


def test_a_canary_has_a_wrong_label_and_a_member_keeps_its_own(pools: Pools[ImageRecords]) -> None:
    """Catches labels drawn anew in each model's game, and a wrong label that is the right one."""
    planted, again = (CanaryAudit("mislabelled").plant(pools, seed=5).challenge.labels for _ in range(2))
    before = pools.challenge.labels
    assert (planted == again).all() and (planted[:60] == before[:60]).all() and (planted[60:] != before[60:]).all()
    drawn = wrong_labels(np.full(9000, 3), 10, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=10).tolist()[3] == 0 and np.bincount(drawn).max() < 1150


def test_canaries_of_noise_are_pictures_of_their_own(pools: Pools[ImageRecords]) -> None:
    """Catches one picture for all canaries, and noise that the members get too."""
    planted = CanaryAudit("noise").plant(pools, seed=5).challenge
    assert (planted.pixels[:60] == pools.challenge.pixels[:60]).all() and planted.pixels.dtype == np.uint8
    assert len(set(planted.fingerprints())) == 260
    assert set(np.unique(planted.pixels[60:])) == {0, 255} and abs(planted.pixels[60:].mean() - 25.5) < 1


def test_the_chance_control_throws_coins_of_its_own(pools: Pools[ImageRecords], tmp_path: Path) -> None:
    """Catches a control in which canaries are members, or members are not."""
    game = game_of(pools, tmp_path, 2)
    Chance().check(game)
    world = Chance().world(game, CanaryAudit())
    assert not {one.key for one in world.releases} & {one.key for one in game._releases}


def test_canaries_that_are_remembered_give_a_large_bound_and_an_untrained_model_none(
    pools: Pools[ImageRecords], tmp_path: Path
) -> None:
    """Catches scores that belong to other canaries than the coins do, and a sign that is turned."""
    attack = CanaryAudit(delta=1e-5)
    game = game_of(attack.plant(pools, seed=1), tmp_path, 4, epochs=120)
    evidence, coins = attack.run(game.world(attack.access)), game.unseal().membership
    found = {name: one.value for name, one in empirical_epsilon(evidence, coins).items()}
    assert found["empirical_epsilon_one_run"] > 2 and found["empirical_epsilon_all_models"] > 2.5
    shuffled = np.random.default_rng(0).permuted(coins, axis=1)
    assert empirical_epsilon(evidence, shuffled)["empirical_epsilon_one_run"].value < 0.3


def test_only_scores_of_canaries_bound_anything() -> None:
    """Catches a bound on draws that are not coins: exactly half of the records are members there."""
    coins = np.random.default_rng(0).random((5, 30)) < 0.5
    assert empirical_epsilon(MembershipScores(coins * 1.0), coins) == {}
    names = ["one_run", "all_models", "f_dp_one_run", "f_dp_all_models", "retrained"]
    found = empirical_epsilon(CanaryScores(coins * 1.0, delta=1e-5), coins)
    assert list(found) == [f"empirical_epsilon_{name}" for name in names]
    assert list(empirical_epsilon(CanaryScores(coins[:1] * 1.0, delta=1e-5), coins[:1])) == list(found)[::2][:2]


def test_every_bound_says_what_it_can_show_at_most() -> None:
    """Catches a bound of 0 that is taken for privacy where so few models could not show more."""
    coins = np.random.default_rng(0).random((4, 300)) < 0.5
    found = empirical_epsilon(CanaryScores(coins * 1.0, delta=1e-5), coins)
    one_run = found["empirical_epsilon_one_run"]
    assert one_run.value == pytest.approx(3.91, abs=0.01)
    assert "at most 3.91" in one_run.note and "3.91 to 3.91, of which the largest is no bound" in one_run.note
    assert "at most 0.00 with so many models" in found["empirical_epsilon_retrained"].note


@pytest.mark.parametrize(
    ("options", "field"), [({"canary": "blank"}, "attack.canary"), ({"delta": 1.0}, "attack.delta")]
)
def test_options_out_of_range_are_refused(options: dict, field: str) -> None:
    """Catches a typing error that trains sixteen models first."""
    with pytest.raises(InputError, match=field):
        CanaryAudit(**options)


def test_pools_without_canaries_or_with_non_members_are_refused(records: ImageRecords) -> None:
    """Catches an audit of points that are no canaries, and records that would be in no model at all."""
    with pytest.raises(InputError, match=r"pools\.canaries"):
        CanaryAudit().plant(deal(records, PoolSizes(members=9, non_members=9, auxiliary=9), 0), seed=0)
    with pytest.raises(InputError, match=r"pools\.non_members"):
        PoolSizes(members=9, non_members=9, auxiliary=9, canaries=9)
