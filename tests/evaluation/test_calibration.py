"""Thresholds of a record's own: right where nothing is to be found, and as good as theory says where there is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nct, t

from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.evaluation.calibration import calibrated_rates, fitted_false_alarms, record_rates
from telltale.evaluation.exposure import exposure, exposure_by
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores

MODELS, POINTS, RATES = 64, 2000, (0.01, 0.05, 0.2)
WITHOUT = MODELS // 2


def world(separation: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores of records with laws of their own, `separation` deviations higher in models with the record."""
    rng = np.random.default_rng(seed)
    inside = rng.permuted(np.tile(np.arange(MODELS) % 2 == 0, (POINTS, 1)), axis=1).T
    spread, place = np.exp(rng.normal(size=POINTS)), 3 * rng.normal(size=POINTS)
    return place + spread * (rng.normal(size=(MODELS, POINTS)) + separation * inside), inside


def test_where_scores_say_nothing_every_rate_is_its_own_false_alarm_rate() -> None:
    """Catches a threshold that has seen its own score, a fit without its error, and a rate that is rounded down."""
    found = record_rates(*world(0.0), RATES)
    spread = 5 * np.sqrt(np.array(RATES) / (POINTS * WITHOUT))
    assert np.isnan(found.counted[0]).all()  # 32 models resolve no 1 %
    assert (np.abs(found.counted.mean(1) - RATES)[1:] < spread[1:]).all()
    assert (np.abs(found.fitted.mean(1) - RATES) < spread).all()


def test_what_is_found_is_what_theory_says_of_so_many_models() -> None:
    """Catches n - 1 in the place of n, and a deviation of all models: T is Student's, shifted by δ / √(1 + 1/n)."""
    separation = 1.5
    found = record_rates(*world(separation), RATES).fitted.mean(1)
    shift = separation / np.sqrt(1 + 1 / WITHOUT)
    expected = [nct.sf(t.isf(rate, WITHOUT - 1), WITHOUT - 1, shift) for rate in RATES]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_record_s_models_keep_to_its_rate_and_one_threshold_for_all_does_not() -> None:
    """Catches what the page warns of: of records with laws of their own, few would make all the false alarms."""
    scores, inside = world(0.0)
    own = (np.where(inside, 1.0, fitted_false_alarms(scores, inside)) <= 0.05).sum(0) / WITHOUT
    of_all = (~inside & (scores > np.quantile(scores[~inside], 0.95))).sum(0) / WITHOUT
    assert own.mean() == pytest.approx(0.05, abs=0.004) == of_all.mean()
    assert own.max() < 0.35 < 0.9 < of_all.max()


def test_counted_rates_are_those_of_a_loop_with_ties_shared_by_chance() -> None:
    """Catches ties that count as above, and models with the record among those without."""
    rng = np.random.default_rng(1)
    inside = rng.random((30, 40)) < 0.4
    scores = rng.integers(0, 6, (30, 40)).astype(float)
    found = record_rates(scores, inside, (0.2,))
    for point in range(40):
        out, chances = scores[~inside[:, point], point], []
        for score in scores[inside[:, point], point]:
            places = np.arange((out > score).sum(), (out >= score).sum() + 1)  # of n + 1, all as likely
            chances.append(np.clip(0.2 * (len(out) + 1) - places, 0, 1).sum() / len(places))
        assert found.counted[0, point] == pytest.approx(np.mean(chances))


def test_over_all_records_calibrated_scores_find_what_one_threshold_misses() -> None:
    """Catches a metric by the scores as they came; where nothing is to be found it finds nothing."""
    for separation, least, most in ((0.0, 0.007, 0.013), (1.5, 0.17, 0.21)):
        scores, inside = (part[:, :500] for part in world(separation))
        found = calibrated_rates(
            MembershipScores(scores, alone=scores), inside, Resampling.crossed(MODELS, 500, 20, seed=0)
        )
        estimate = found["calibrated_tpr_at_fpr_0.01"]
        assert least < estimate.value < most and "normal fit" in estimate.note and "31 or 32 models" in estimate.note


def test_scores_with_other_victims_answers_in_them_are_not_what_a_record_is_judged_by() -> None:
    """Catches LiRA's finite-population bias (arXiv 2605.25819): nothing to be found, and every model is a shadow."""
    rng = np.random.default_rng(2)
    halves = rng.permuted(np.tile(np.arange(300) < 150, (16, 1)), axis=1)
    inside = np.stack([halves, ~halves], 1).reshape(32, 300)
    signals, scores = rng.normal(size=(32, 300, 1)), np.empty((32, 300))
    for victim in range(32):
        others = np.arange(32) // 2 != victim // 2  # its complement is left out
        scores[victim] = likelihood_ratio(signals[victim], signals[others], inside[others])
    by_scores = exposure_by(MembershipScores(scores), inside)
    by_signal = exposure_by(MembershipScores(scores, alone=signals[..., 0]), inside)
    assert by_scores.value.mean() < 0.47 and by_signal.value.mean() == pytest.approx(0.5, abs=0.015)
    assert not by_scores.alone and np.isnan(by_scores.rates.fitted).all()
    assert by_signal.rates.fitted[1].mean() == pytest.approx(0.01, abs=0.006)
    assert calibrated_rates(MembershipScores(scores), inside, Resampling.crossed(32, 300, 10, seed=0)) == {}


def test_few_models_and_scores_without_a_spread_have_no_fit() -> None:
    """Catches a law through one score, a deviation of 0, and infinite scores that end as NaN."""
    inside = np.array([[True, False, True], [False, True, False], [False, True, True], [False, True, False]])
    scores = np.array([[1.0, 5.0, np.inf], [0.0, 1.0, 2.0], [0.0, 1.0, 3.0], [0.0, 1.0, -np.inf]])
    found = record_rates(scores, inside, (0.3,))
    assert np.isnan(found.fitted[0, :2]).all() and np.isfinite(found.fitted[0, 2])
    assert found.counted[0, 0] == 1 and np.isfinite(fitted_false_alarms(scores, inside)).all()
    assert calibrated_rates(MembershipScores(scores, alone=scores), inside, Resampling.crossed(4, 3, 10, seed=0)) == {}
    assert np.isnan(exposure(scores[:1], inside[:1]).rates.fitted).all()
