"""The control of chance: models that were trained, but not on what the truth says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.threshold import Threshold
from telltale.data.pools import PoolSizes, deal
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from telltale.worlds.controls import Chance
from tests.attacks.closed_form_worlds import canary_game, gaussian_game, gaussian_mean


class Written(Owner):
    """An owner that writes down what it is asked to train on."""

    asked: list[tuple[np.ndarray, list[int], list[str]]] = []  # noqa: RUF012 - cleared by the test

    def train_many(
        self, recipe: Recipe, pool: Records, members: np.ndarray, seeds: Any, names: Any = ()
    ) -> list[Release]:
        self.asked.append((members, list(seeds), list(names)))
        return super().train_many(recipe, pool, members, seeds, names)


def written(game: Game) -> list[tuple[np.ndarray, list[int], list[str]]]:
    """Show the game's world and that of chance, and return what both trained."""
    Written.asked.clear()
    game.owner = Written(game.owner.store)
    game.world(frozenset({"probabilities"}))
    Chance().world(game, Threshold())
    return list(Written.asked)


def test_its_models_are_trained_on_other_draws_of_the_same_size(tmp_path: Path) -> None:
    """Catches a control whose members are the target's, their complement, or another number of records."""
    truth, fresh = written(canary_game(tmp_path, 6))
    assert (fresh[0].sum(1) == truth[0].sum(1)).all()
    agreement = (truth[0][:, None] == fresh[0]).mean(-1)
    assert agreement.min() > 0.3 and agreement.max() < 0.7
    assert not set(truth[1]) & set(fresh[1])
    assert fresh[2][0] == "chance control 0" and len(set(fresh[2])) == 6


def test_it_leaves_the_shadows_and_their_rows(tmp_path: Path) -> None:
    """Catches shadows that come with rows they were not trained on."""
    game, attack = canary_game(tmp_path, 6), Threshold()
    target, control = game.world(attack.access), Chance().world(game, attack)
    for victim in range(6):
        (ours, rows), (theirs, same) = target.shadows(victim), control.shadows(victim)
        assert [one.key for one in ours] == [one.key for one in theirs] and np.array_equal(rows, same)
        assert target.releases[victim].key != control.releases[victim].key


def test_more_victims_leave_the_first_controls_as_they_are(tmp_path: Path) -> None:
    """Catches draws that depend on how many are asked for: the store would train them again."""
    few, many = (Chance().world(gaussian_game(tmp_path, victims), Threshold()).releases for victims in (4, 6))
    assert [one.key for one in few] == [one.key for one in many[:4]]


def test_a_single_victim_has_a_single_control(tmp_path: Path) -> None:
    """Catches a control that needs several victims."""
    fresh = written(gaussian_game(tmp_path, 1))[-1]
    assert fresh[2] == ["chance control"] and fresh[0].shape == (1, 200)


def test_so_few_points_that_a_fresh_draw_may_be_the_victims_are_refused(tmp_path: Path) -> None:
    """Catches a control that leaks by accident."""
    pools = deal(gaussian_mean.load(30, 2).records, PoolSizes(members=5, non_members=5, auxiliary=1), seed=0)
    game = Game(pools, Recipe({}, {}, TrainerOptions(accelerator="cpu")), Owner(Store(tmp_path)), 2, seed=0)
    with pytest.raises(InputError, match=r"pools\.members=5: 10 challenge points leave 252 draws"):
        Chance().check(game)
    Chance().check(gaussian_game(tmp_path, 64))
