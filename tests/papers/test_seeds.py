"""Intervals over seeds cover what they say, and a truth at the bound is seldom decided."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from scripts.seeds_coverage import CLAIM, RATIOS, RULES, SEEDS, Outcome, before, draw, student, verdicts
from telltale.papers.claims import Verdict
from telltale.papers.decision import decide
from telltale.papers.results import Measured
from telltale.papers.seeds import over_seeds

WORLDS = list(product(SEEDS, RATIOS))


@pytest.mark.parametrize(("seeds", "ratio"), [(3, 0.0), (3, 5.0), (5, 1.0), (8, 5.0)])
def test_intervals_over_seeds_cover_and_a_truth_at_the_bound_is_seldom_decided(seeds: int, ratio: float) -> None:
    """Catches intervals that cover 75 % where seeds differ, and 100 % where they do not."""
    values = draw(seeds, ratio, 2500, np.random.default_rng(seeds))
    outcome, said = Outcome.of(*student(values)), verdicts(values[:500])
    assert 0.93 <= outcome.covered <= 0.98 and max(outcome.holds, outcome.fails) <= 0.035
    of_these = Outcome.of(*student(values[:500]))
    assert (said[Verdict.HOLDS], said[Verdict.FAILS]) == pytest.approx((of_these.holds, of_these.fails))


def test_an_attack_at_chance_beside_controls_at_chance_is_seldom_decided() -> None:
    """Catches four comparisons of which any refutes, each at the full level: 7 % of such claims failed."""
    rng, said = np.random.default_rng(0), []
    for _ in range(1500):
        values = draw(5, 1.0, 4, rng)
        main, *controls = (
            over_seeds([Measured(value) for value in row]) for row in [values[0], *(values[0] - values[1:])]
        )
        said.append(decide(CLAIM, main, dict(zip("abc", controls, strict=True))).verdict)
    assert said.count(Verdict.FAILS) <= 0.035 * len(said) and said.count(Verdict.HOLDS) <= 0.035 * len(said)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "ratio"), WORLDS)
def test_intervals_cover_at_every_number_of_seeds_and_every_ratio(seeds: int, ratio: float) -> None:
    """Catches a rule that is right at one ratio alone."""
    outcome = Outcome.of(*student(draw(seeds, ratio, 20_000, np.random.default_rng(seeds))))
    assert 0.94 <= outcome.covered <= 0.96 and max(outcome.holds, outcome.fails) <= 0.03


@pytest.mark.slow
def test_neither_drawing_seeds_nor_mixing_the_spreads_keeps_what_it_says() -> None:
    """Catches a simulation that could not tell a wrong rule from a right one."""
    rng = np.random.default_rng(0)
    drawn = Outcome.of(*before(draw(3, 5.0, 4000, rng), rng))
    assert drawn.covered < 0.8 and drawn.holds > 0.08
    covered = [Outcome.of(*RULES["mix"](draw(3, ratio, 20_000, rng), rng)).covered for ratio in RATIOS]
    assert min(covered) < 0.935


def test_one_seed_shows_its_runs_own_interval_and_two_are_honest() -> None:
    """Catches an interval over seeds made of one."""
    assert over_seeds([Measured(0.6, 0.5, 0.7)]).cell == (0.6, 0.5, 0.7)
    low, high = over_seeds([Measured(0.6, 0.59, 0.61), Measured(0.62, 0.61, 0.63)]).cell[1:]
    assert high - low == pytest.approx(2 * 12.706 * 0.01, rel=1e-4)


def test_equal_numbers_have_no_spread() -> None:
    """Catches rounding told as a spread: the mean of three tenths is not a tenth."""
    mean = over_seeds([Measured(0.1)] * 3)
    assert (mean.value, mean.standard_error) == (0.1, 0.0)
