"""Worlds with nothing to find, in which no attack may find anything, and rows that no score may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.membership.by_record import ByRecord
from telltale.worlds.controls import Chance
from tests.attacks.closed_form_worlds import Played, Said, canary_game, deviation, gaussian_game, play
from tests.attacks.configured import ATTACKS, judged

VICTIMS = 16
WORLDS = ("canaries, nothing learned", "gaussian_mean, nothing learned", "canaries, chance", "gaussian_mean, chance")
TINY = 1e-9


@pytest.fixture(scope="module")
def null(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Played]:
    folder = tmp_path_factory.mktemp("null")
    idle = [
        canary_game(folder / "a", VICTIMS, learning_rate=TINY),
        gaussian_game(folder / "b", VICTIMS, learning_rate=TINY, head_init=1e-3),
    ]
    learned = [canary_game(folder / "c", VICTIMS), gaussian_game(folder / "d", VICTIMS)]
    runs = [play(game) for game in idle]
    runs += [Played(game, Said(partial(Chance().world, game))) for game in learned]
    return dict(zip(WORLDS, runs, strict=True))


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_where_nothing_was_learned_every_attack_is_at_chance(
    null: Mapping[str, Played], world: str, attack: str
) -> None:
    """Catches a victim's own row among its shadows, ties broken by membership, a threshold tuned on the victim."""
    found = null[world].measured(attack)["auc"]
    assert found.value == pytest.approx(0.5, abs=3 * deviation(found))


def test_intervals_in_null_worlds_cover_chance(null: Mapping[str, Played]) -> None:
    """Catches intervals that are too narrow: of all attacks in all worlds, at most a tenth may miss one half."""
    found = [null[world].measured(attack)["auc"] for world in WORLDS for attack in ATTACKS]
    assert np.mean([one.low <= 0.5 <= one.high for one in found]) >= 0.9


@pytest.mark.parametrize("attack", ATTACKS)
def test_permuting_a_victims_row_changes_none_of_its_scores(tmp_path: Path, attack: str) -> None:
    """Catches an attack that reads its victim's row, or that of its complement, from anywhere."""
    game, one = canary_game(tmp_path, 8), ATTACKS[attack]
    before = judged(one, game.world(one.access))
    for victim in (4, 5):
        game._members[victim] = np.random.default_rng(victim).permutation(game._members[victim])
    after = judged(one, game.world(one.access))
    assert np.array_equal(before.scores[4:6], after.scores[4:6])
    if isinstance(one, ByRecord):  # which asks one release alone, so that nobody's row is anything to it
        assert np.array_equal(before.scores, after.scores)
        return
    assert np.array_equal(before.thresholds(8)[4:6], after.thresholds(8)[4:6])
    same = np.array_equal(before.scores, after.scores) and np.array_equal(before.thresholds(8), after.thresholds(8))
    assert not same or attack == "gap"  # two values leave its threshold little choice; the other attacks use the rows
