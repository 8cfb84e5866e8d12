"""The law of leakage over experiments: planted laws are recovered, intervals cover, forms are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.leakage_law import (
    Cells,
    Fit,
    Form,
    Law,
    as_auc,
    covered,
    expected_error,
    fitted,
    left_out,
    separation,
    steadied,
    weighted_error,
)

RATIO = Form("ratio", True, ((1.0, -1.0),))
SEPARATE = Form("separate", True, ((1.0, 0.0), (0.0, 1.0)))
LEVELS = (1.2, 0.5, 0.0)


def world(
    rng: np.random.Generator,
    slopes: tuple[float, float],
    levels: tuple[float, ...] = LEVELS,
    scatter: float = 0.1,
    error: float = 0.05,
    repeats: int = 8,
) -> Cells:
    """Plant d′ = level · exp(slopes · factors), cells scattered about it."""
    group = np.repeat(np.arange(len(levels)), repeats)
    factors = np.log(rng.choice([0.1, 0.3, 1.0, 3.0], (len(group), 2)))
    law = np.array(levels)[group] * np.exp(factors @ np.array(slopes))
    errors = error * rng.uniform(0.5, 1.5, len(group))
    measured = law * (1 + scatter * rng.standard_normal(len(law))) + errors * rng.standard_normal(len(law))
    return Cells(measured, errors, group, factors)


def test_a_law_without_noise_is_found_to_the_digit() -> None:
    """Catches a wrong gradient, a lost group, a slope with the sign of another."""
    cells = world(np.random.default_rng(0), (0.4, -0.3), scatter=0.0, error=1e-6)
    fit = fitted(cells.shaped(SEPARATE), "power")
    assert fit.levels[0] == pytest.approx(LEVELS, abs=1e-4) and fit.slopes[0] == pytest.approx((0.4, -0.3), abs=1e-4)
    assert fit.scatter[0] < 1e-3
    line = Cells(0.2 + 0.1 * cells.factors[:, 0], cells.error, np.zeros_like(cells.group), cells.factors)
    fit = fitted(line.shaped(Form("line", False, ((1.0, 0.0),), "line")), "line")
    assert fit.levels[0] == pytest.approx([0.2]) and fit.slopes[0] == pytest.approx([0.1])


def test_scatter_beyond_errors_is_found_and_none_is_none() -> None:
    """Catches cells that are trusted as their victims alone say, and scatter made of errors."""
    rng = np.random.default_rng(1)
    cells = world(rng, (0.4, -0.4), scatter=0.3, repeats=200)
    assert fitted(cells.shaped(RATIO), "power").scatter[0] == pytest.approx(0.3, abs=0.03)
    cells = world(rng, (0.4, -0.4), scatter=0.0, repeats=200)
    assert fitted(cells.shaped(RATIO), "power").scatter[0] < 0.05


def test_a_batch_is_fitted_as_each_data_set_alone() -> None:
    """Catches a step of one data set that halves another's, and cells left out that still pull."""
    rng = np.random.default_rng(2)
    cells = world(rng, (0.3, -0.5)).shaped(SEPARATE)
    values = cells.separation + 0.05 * rng.standard_normal((3, len(cells)))
    together = fitted(cells, "power", values)
    for place, row in enumerate(values):
        alone = fitted(cells, "power", row[None])
        np.testing.assert_allclose(together.slopes[place], alone.slopes[0], atol=1e-6)
    fewer = np.arange(len(cells)) != 3
    without = fitted(cells, "power", used=fewer[None])
    np.testing.assert_allclose(without.slopes, fitted(cells.take(fewer), "power").slopes, atol=1e-6)


def coverage(slopes: tuple[float, float], worlds: int, levels: tuple[float, ...] = LEVELS) -> tuple[float, float]:
    """Return how often the slope's interval holds it, and how often a further cell's interval holds that cell."""
    rng = np.random.default_rng(3)
    inside, cells_inside = 0, 0.0
    for _ in range(worlds):
        cells = world(rng, slopes, levels)
        law = Law.of(cells, SEPARATE, replicates=200)
        _, low, high = law.slope(0)
        inside += low <= slopes[0] <= high
        further = world(rng, slopes, levels, repeats=4)
        _, lows, highs = law.predicted(further.group, further.factors, further.error)
        cells_inside += covered(further, lows, highs) / len(further)
    return inside / worlds, cells_inside / worlds


def test_intervals_hold_the_planted_law_about_as_often_as_they_say() -> None:
    """Catches intervals of half or twice their width."""
    slope, cell = coverage((0.4, -0.3), 60)
    assert slope >= 0.87 and 0.92 <= cell <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("slopes", [(0.4, -0.3), (0.0, 0.0)])
def test_intervals_cover_from_both_sides(slopes: tuple[float, float]) -> None:
    """Catches intervals that hold too much, or too little, where there is a law and where there is none."""
    slope, cell = coverage(slopes, 700)
    assert 0.92 <= slope <= 0.98 and 0.92 <= cell <= 0.98


def test_a_law_of_nothing_has_a_slope_that_may_be_nothing() -> None:
    """Catches a slope made of the noise of cells that leak nothing, and a fit that breaks there."""
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(30):
        law = Law.of(world(rng, (0.0, 0.0), (0.0, 0.0, 0.0)), SEPARATE, replicates=100)
        _, low, high = law.slope(0)
        inside += low <= 0 <= high
        assert np.isfinite(law.best.slopes).all()
    assert inside >= 26


def test_the_form_that_holds_predicts_cells_left_out_best() -> None:
    """Catches forms that are compared by cells they were fitted to: the richest would always win."""
    cells = world(np.random.default_rng(5), (0.4, -0.4), scatter=0.05, error=0.03, repeats=12)
    forms = [Form("constant", False, ()), Form("group", True, ()), RATIO, SEPARATE]
    errors = [weighted_error(cells, left_out(cells, form)) for form in forms]
    assert errors[2] < 0.5 * errors[1] < 0.5 * errors[0] and errors[2] <= errors[3] * 1.2


def test_too_few_cells_are_refused() -> None:
    """Catches a law with as many numbers as cells, which holds for anything."""
    with pytest.raises(ValueError, match="3 cells are too few"):
        Law.of(world(np.random.default_rng(0), (0.0, 0.0), repeats=1), SEPARATE)


def test_separation_and_area_are_one_the_other_way_round() -> None:
    """Catches a factor of √2, and an error that is not carried along."""
    areas = np.array([0.5, 0.6, 0.99])
    found, errors = separation(areas, np.full(3, 1e-5))
    np.testing.assert_allclose(as_auc(found), areas)
    np.testing.assert_allclose(as_auc(found + errors) - areas, 1e-5, rtol=1e-3)
    assert np.isfinite(separation(np.array([0.0, 1.0]), np.zeros(2))[0]).all()


def test_a_law_at_another_place_has_the_level_and_the_slopes_it_says() -> None:
    """Catches factors that are taken in another order than they were fitted in."""
    law = Fit("power", np.array([[1.0, 2.0]]), np.array([[0.5, -1.0]]), np.zeros(1))
    value = law.at(np.array([1]), np.log(np.array([[4.0, 2.0]])))
    assert value[0, 0] == pytest.approx(2.0 * 4**0.5 / 2)


def test_what_is_told_of_a_place_does_not_hang_on_which_others_are_asked_about() -> None:
    """Catches an interval whose digits are luck, so that two tables tell different ends of one cell."""
    law = Law.of(world(np.random.default_rng(2), (0.4, -0.4)), SEPARATE, 200)
    group, factors = np.zeros(3, int), np.log(np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]]))
    together = np.stack(law.predicted(group, factors, 0.05))
    alone = np.concatenate([law.predicted(group[:1], factors[[at]], 0.05) for at in range(3)], axis=1)
    np.testing.assert_array_equal(together, alone)


def test_the_expected_error_is_that_of_many_draws() -> None:
    """Catches a variance of another formula: normal scores, half a unit apart."""
    rng = np.random.default_rng(6)
    areas = [float((rng.normal(0.5, 1, (40, 1)) > rng.normal(0, 1, 40)).mean()) for _ in range(3000)]
    assert expected_error(np.array(np.mean(areas)), np.array(40)) == pytest.approx(np.std(areas), rel=0.05)


def test_errors_of_few_degrees_are_drawn_together_and_keep_their_size() -> None:
    """Catches a cell that outweighs all others by luck, and errors that lose what encoders add to them."""
    rng = np.random.default_rng(7)
    expected = rng.uniform(0.01, 0.05, 4000)
    lucky = 2 * expected * np.sqrt(rng.chisquare(2, 4000) / 2)
    steady = steadied(lucky, expected) / expected
    assert np.mean(steady**2) == pytest.approx(4, rel=0.05) and steady.std() < 0.25 * (lucky / expected).std()
