"""Signals and calibration against cases worked out by hand."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from telltale.attacks.embedding_membership import calibration
from telltale.attacks.embedding_membership.calibration import calibrated_by_peers, judge, peers
from telltale.attacks.embedding_membership.signals import (
    norm_signals,
    part_whole_signals,
    spread_over_groups,
    view_signals,
)
from telltale.attacks.embedding_membership.subgraphs import Sides
from telltale.attacks.embedding_membership.views import sides_of
from telltale.attacks.membership.thresholds import areas, best_threshold
from telltale.data.molecules.records import MoleculeRecords

RNG = np.random.default_rng(0)
PAIRED = np.stack([row for _ in range(3) for half in [RNG.random(40) < 0.5] for row in (half, ~half)])


def test_calibration_removes_what_belongs_to_the_point() -> None:
    """Catches a mean over points instead of models: a difficult molecule must not look like a member."""
    own, shadows = RNG.normal(size=(40, 3)), RNG.normal(size=(6, 40, 3))
    offset = 100 * RNG.normal(size=(40, 3))
    for ridge in (0.1, 10.0):
        plain = judge(own, shadows, PAIRED, True, ridge)
        moved = judge(own + offset, shadows + offset, PAIRED, True, ridge)
        np.testing.assert_allclose(plain.scores, moved.scores, atol=1e-5)
    np.testing.assert_allclose(
        calibrated_by_peers(shadows + offset, peers(PAIRED)), calibrated_by_peers(shadows, peers(PAIRED)), atol=1e-10
    )


def test_a_shadow_is_calibrated_by_all_but_itself_and_its_complement() -> None:
    """Catches a complement that calibrates, whose row tells the pseudo-target's."""
    expected = np.kron(1 - np.eye(3), np.ones((2, 2))).astype(bool)
    assert np.array_equal(peers(PAIRED), expected)
    unpaired = RNG.random((4, 40)) < 0.5
    assert np.array_equal(peers(unpaired), ~np.eye(4, dtype=bool))
    signals = RNG.normal(size=(6, 40, 1))
    np.testing.assert_allclose(calibrated_by_peers(signals, expected)[0], signals[0] - signals[2:].mean(0))


def test_two_shadows_calibrate_each_other_and_the_log_says_so_once() -> None:
    """Catches a mean over nobody, which is NaN, and silence about it."""
    calibration._say_too_few.cache_clear()
    with mock.patch.object(calibration.log, "info") as told:
        assert np.array_equal(peers(PAIRED[:2]), ~np.eye(2, dtype=bool))
        peers(PAIRED[:2])
    assert told.call_count == 1 and "victims=6" in told.call_args.args[0]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("calibrated", [False, True])
def test_the_sign_is_learned_on_shadows(direction: int, calibrated: bool) -> None:
    """Catches "higher is member" taken for granted: edge prediction has it the other way round."""
    truth = RNG.random(40) < 0.5
    own = direction * truth[:, None] + 0.1 * RNG.normal(size=(40, 1))
    shadows = direction * PAIRED[..., None] + 0.1 * RNG.normal(size=(6, 40, 1))
    judged = judge(own, shadows, PAIRED, calibrated)
    assert areas(judged.scores[None], truth[None])[0] > 0.95


def test_regression_weighs_the_signal_that_tells() -> None:
    """Catches weights that go to noise, or to each column alike."""
    truth = RNG.random(40) < 0.5
    own, shadows = RNG.normal(size=(40, 5)), RNG.normal(size=(6, 40, 5))
    own[:, 3] -= 4 * truth
    shadows[..., 3] -= 4 * PAIRED
    assert areas(judge(own, shadows, PAIRED, True).scores[None], truth[None])[0] > 0.9


def test_a_signal_that_never_changes_gives_no_nan() -> None:
    """Catches a division by a spread of zero."""
    judged = judge(np.ones((40, 2)), np.ones((6, 40, 2)), PAIRED, False)
    assert np.isfinite(judged.scores).all() and np.isfinite(judged.threshold)


def test_areas_and_threshold_equal_scikit_learns() -> None:
    """Catches ties counted whole, and a threshold that is not the best on the shadows."""
    scores = RNG.integers(0, 9, size=(6, 40)) + 3.0 * PAIRED
    expected = [roc_auc_score(row, one) for row, one in zip(PAIRED, scores, strict=True)]
    np.testing.assert_allclose(areas(scores, PAIRED), expected)
    reached = {t: balanced_accuracy_score(PAIRED.ravel(), scores.ravel() >= t) for t in np.unique(scores)}
    assert reached[best_threshold(scores, PAIRED)] == max(reached.values())


def test_the_norm_is_the_log_distance_from_the_auxiliary_mean() -> None:
    """Catches a distance from zero, or from the challenge points' own mean."""
    auxiliary = np.array([[0.0, 0.0], [2.0, 4.0]])  # mean (1, 2), spread (1, 2)
    found = norm_signals(np.array([[4.0, 6.0], [1.0, 2.0]]), auxiliary)
    np.testing.assert_allclose(found[0], np.log([5, np.hypot(3, 2)]))
    assert np.isfinite(found).all()


def test_views_are_compared_about_the_auxiliary_mean() -> None:
    """Catches a cosine that is not centred, and views of one point compared with another."""
    auxiliary = np.array([[1.0, 1.0], [1.0, 1.0]])
    points, views = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[[2.0, 1], [1, 2]], [[1, 2], [1, 0]]])
    found = view_signals(points, views, auxiliary)
    np.testing.assert_allclose(found[:, 0], [0.5, 0.0])  # cosines 1, 0 and 1, -1
    np.testing.assert_allclose(found[:, 1:3], [[0, 1], [-1, 1]])
    np.testing.assert_allclose(found[:, 4], [0, -1])  # between the two views
    np.testing.assert_allclose(found[:, 5], np.log([np.sqrt(2) / 2, 2]))


def test_the_part_whole_signal_is_equation_1_averaged_over_cuts() -> None:
    """Catches sizes left out and sides swapped; a ring has no cut and gets the median."""
    records = MoleculeRecords.of(["CCO", "c1ccccc1"], "test")
    sides = sides_of(records, 5, seed=0)
    assert isinstance(sides, Sides) and sides.molecule.tolist() == [0, 0]
    parts, whole = RNG.normal(size=(len(sides.parts), 4)), RNG.normal(size=(2, 4))
    found = part_whole_signals(whole, parts, sides, np.zeros((1, 4)))
    cosines = []
    for one, other in zip(sides.first, sides.second, strict=True):
        mix = sides.sizes[one] * parts[one] + sides.sizes[other] * parts[other]
        cosines.append(mix @ whole[0] / np.linalg.norm(mix) / np.linalg.norm(whole[0]))
    np.testing.assert_allclose(found[0, :3], [np.mean(cosines), min(cosines), max(cosines)])
    np.testing.assert_allclose(found[1], found[0])


def test_spread_over_groups_is_that_of_each_group() -> None:
    """Catches groups shifted by an empty one."""
    found = spread_over_groups(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(found, [[2, 1, 3, 1], [3.5, 3, 4, 0.5], [5, 5, 5, 0]])
    assert not spread_over_groups(np.zeros(0), np.zeros(0, int), 2).any()
