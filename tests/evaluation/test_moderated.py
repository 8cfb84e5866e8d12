"""Errors moderated over experiments: what is common is found, and tests by them hold their level and see more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from telltale.evaluation.moderated import moderated

CELLS, WORLDS = 26, 1500
EXPECTED = np.geomspace(0.01, 0.03, CELLS)


def errors(rng: np.random.Generator, prior: float, degrees: float = 2, scale: float = 1.7) -> tuple[np.ndarray, ...]:
    """Draw true errors about what is expected (scaled inverse χ² of so many degrees), and estimates of few degrees."""
    true = scale * EXPECTED * np.sqrt(prior / rng.chisquare(prior, CELLS))
    return true, true * np.sqrt(rng.chisquare(degrees, CELLS) / degrees)


def seen(rng: np.random.Generator, prior: float, effect: float, steadied: bool, degrees: float = 2) -> np.ndarray:
    """Say of worlds by cells whether a cell of that effect (in expected errors) is told from nothing, corrected.

    degrees: that errors really have; two is what is said of them.
    """
    found = []
    for _ in range(WORLDS):
        true, told = errors(rng, prior, degrees)
        value = effect * EXPECTED + true * rng.standard_normal(CELLS)
        said = np.full(CELLS, 2.0)
        if steadied:
            told, said = moderated(told, EXPECTED, said)
        found.append(value / told > stdtrit(said, 1 - 0.025 / CELLS))
    return np.array(found)


@pytest.mark.parametrize("prior", [2.0, 4.0, 10.0])
def test_a_false_alarm_in_any_cell_stays_within_its_level_and_is_not_ruled_out(prior: float) -> None:
    """Catches an error that is drawn too far, or degrees that are too many: from both sides."""
    alarms = seen(np.random.default_rng(3), prior, 0.0, True).any(1).mean()
    assert 0.003 < alarms < 0.025 + 3 * np.sqrt(0.025 * 0.975 / WORLDS)


@pytest.mark.parametrize("prior", [3.0, 6.0, 20.0])
def test_errors_that_are_known_better_than_said_raise_no_alarm(prior: float) -> None:
    """Catches a cell of truly large error that is drawn to the others': records tell of it, not models alone."""
    alarms = seen(np.random.default_rng(6), prior, 0.0, True, degrees=18).any(1).mean()
    assert alarms < 0.025 + 3 * np.sqrt(0.025 * 0.975 / WORLDS)


def test_what_two_degrees_do_not_see_is_seen() -> None:
    """Catches a moderation that changes nothing."""
    rng = np.random.default_rng(4)
    before, after = (seen(rng, 10.0, 8.0, steadied).mean() for steadied in (False, True))
    assert before < 0.1 and after > 0.35


def test_what_is_common_is_found() -> None:
    """Catches a wrong moment: many cells tell the prior's degrees and the scale."""
    rng = np.random.default_rng(5)
    true = 1.7 * np.sqrt(6.0 / rng.chisquare(6.0, 40_000))
    told = true * np.sqrt(rng.chisquare(2, len(true)) / 2)
    moved, degrees = moderated(told, np.ones(len(true)), np.full(len(true), 2.0))
    assert degrees == pytest.approx(np.full(len(true), 8.0), rel=0.1)
    assert moved**2 == pytest.approx(np.maximum((2 * told**2 + 6 * 1.7**2) / 8, told**2), rel=0.1)


def test_errors_alike_become_one_and_few_or_well_known_ones_stay() -> None:
    """Catches a division by nothing where errors scatter less than chance, and a change of what is known."""
    alike, degrees = moderated(np.full(5, 0.2), np.full(5, 0.1), np.full(5, 2.0))
    assert np.ptp(alike) == 0 and degrees == pytest.approx(np.full(5, 10.0))
    two = np.array([0.1, 0.4])
    assert np.array_equal(moderated(two, np.ones(2), np.full(2, 2.0))[0], two)
    mixed, degrees = moderated(np.array([0.1, 0.2, 0.3, 0.9]), np.ones(4), np.array([2.0, 2.0, 2.0, np.inf]))
    assert mixed[3] == 0.9 and np.isinf(degrees[3]) and mixed[0] > 0.1
    some = np.array([0.1, 0.2, 0.3, 0.9])
    nothing, of = moderated(np.append(some, 0.0), np.ones(5), np.full(5, 2.0))  # an error of 0 is none that is known
    rest, degrees = moderated(some, np.ones(4), np.full(4, 2.0))
    assert np.array_equal(nothing[:4], rest) and rest.min() < nothing[4] < rest.max() and of[4] == degrees[0] - 2
    for expected in (0.0, np.inf):
        with pytest.raises(ValueError, match="above 0"):
            moderated(np.ones(3), np.array([1.0, expected, 1.0]), np.full(3, 2.0))
