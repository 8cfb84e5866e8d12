"""The attack on published rows finds what was planted, nothing where nothing is, and refuses owners without rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.membership.nearest_synthetic import CALIBRATIONS, NearestSynthetic, nearest
from telltale.configuration.compatibility import require_answers
from telltale.data.pools import PoolSizes, deal
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.worlds.controls import Untrained
from tests.defenses.recipes import RECORDS, recipe_of
from tests.defenses.test_vae_metric_privacy import CopyTheData


def game_of(folder: Path, copying: bool = True) -> Game:
    pools = deal(RECORDS, PoolSizes(members=60, non_members=60, auxiliary=20, disjoint=60), 0)
    owned = recipe_of(folder, *([CopyTheData()] if copying else []), epochs=1)
    return Game(pools, owned.recipe, owned.owner, victims=8, seed=0)


def test_the_distance_is_that_of_the_nearest_row() -> None:
    """Catches a square that is not undone, and the farthest row."""
    points, rows = np.random.default_rng(0).random((5, 3)), np.random.default_rng(1).random((7, 3))
    expected = np.linalg.norm(points[:, None] - rows, axis=-1).min(1)
    np.testing.assert_allclose(nearest(points, rows), expected)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_rows_that_are_the_records_give_every_member_away(calibration: str, tmp_path: Path) -> None:
    """Catches an attack that compares with another victim's rows, or in another order."""
    game = game_of(tmp_path)
    found = NearestSynthetic(calibration=calibration).run(game.world(NearestSynthetic.access))
    truth = game.unseal().membership
    inside, outside = found.scores[truth], found.scores[~truth]
    assert np.mean(inside[:, None] > outside[None]) > 0.98


def test_rows_of_others_give_nothing_away(tmp_path: Path) -> None:
    """Catches a score that knows the points' membership by another way than the rows."""
    game, attack = game_of(tmp_path), NearestSynthetic(calibration="likelihood_ratio")
    releases = game.owner.train_many(game.recipe, game.pools.disjoint, np.ones((8, 60), bool), list(range(8)))
    found = attack.run(game.world_of(releases, attack.access))
    truth = game.unseal().membership
    auc = np.mean(found.scores[truth][:, None] > found.scores[~truth][None])
    assert abs(auc - 0.5) < 0.06


def test_flipping_a_victims_row_changes_no_score_of_it(tmp_path: Path) -> None:
    """Catches an attack that reads the truth: what it sees are rows, and other owners' membership."""
    attack = NearestSynthetic(calibration="likelihood_ratio")
    plain, flipped = game_of(tmp_path), game_of(tmp_path)
    releases = plain.released()
    flipped._releases = list(releases) + list(plain._releases[len(releases) :])
    flipped._members = plain._members.copy()
    flipped._members[0] = ~flipped._members[0]
    scores = [attack.run(one.world(attack.access)).scores[0] for one in (plain, flipped)]
    np.testing.assert_array_equal(*scores)


def test_an_owner_who_publishes_no_rows_is_refused_in_one_line(tmp_path: Path) -> None:
    """Catches an attack that ends in the middle, after all models were trained."""
    game = game_of(tmp_path, copying=False)
    with pytest.raises(InputError, match=r"^attack=nearest_synthetic: .* try defense=vae_metric_privacy"):
        require_answers("attack", "nearest_synthetic", NearestSynthetic(), game.recipe)
    with pytest.raises(InputError, match=r"^controls=untrained: comes without published records"):
        Untrained().world(game_of(tmp_path), NearestSynthetic())
