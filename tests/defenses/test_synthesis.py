"""What a synthetic data set proves: labels, composition, the bound, and a statement that says no more than holds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.mechanism import BLOCK, NoNoise
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.statement import guarantee
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis, balanced_accuracy_bound, require_within
from telltale.defenses.vae_metric_privacy.trade_off import (
    epsilon_for,
    mu_for,
    randomized_response,
    renyi_divergence,
    total_variation,
    total_variation_with_gaussian,
)
from telltale.errors import InputError
from telltale.reporting.metrics_file import plain

COVERED, COPIED = Labels("randomized_response", 1.0), Labels()


def synthesis(**other: Any) -> Synthesis:
    return replace(Synthesis(LaplaceL2(0.1), COVERED, width=16, classes=10), **other)


def test_labels_stay_as_often_as_randomised_response_says_and_change_to_all_others_alike() -> None:
    """Catches a uniform draw over all classes, the true one included, and one other class preferred."""
    records, true = 60_000, 3
    released = COVERED.perturb(np.full(records, true), 5, seed=0)
    kept = math.e / (math.e + 4)
    expected = records * np.array([kept if label == true else (1 - kept) / 4 for label in range(5)])
    assert stats.chisquare(np.bincount(released, minlength=5), expected).pvalue > 1e-3


def test_label_ratios_are_those_of_the_frequencies() -> None:
    """Catches an ε that the flips do not keep to: log(P[y | y] / P[y | y']) = ε."""
    kept = COVERED.kept(7)
    assert math.log(kept / ((1 - kept) / 6)) == pytest.approx(1.0)
    assert COVERED.log_ratio(np.array([0, 1, 2]), 0, 1).tolist() == [1.0, -1.0, 0.0]
    ratios, probabilities = COVERED.law(7, copies=3)
    assert probabilities.sum() == pytest.approx(1) and probabilities @ np.exp(-ratios) == pytest.approx(1)


def test_label_noise_follows_from_seed_and_place_however_records_are_batched() -> None:
    """Catches noise that depends on the batch."""
    labels = np.arange(BLOCK + 50) % 4
    whole = COVERED.perturb(labels, 4, 1)
    parts = [COVERED.perturb(labels[:77], 4, 1), COVERED.perturb(labels[77:], 4, 1, first=77)]
    assert (np.concatenate(parts) == whole).all() and (COVERED.perturb(labels, 4, 2) != whole).any()


def test_copied_labels_and_an_infinite_epsilon_change_nothing() -> None:
    """Catches a label that is lost without any promise."""
    labels = np.arange(100) % 3
    assert (COPIED.perturb(labels, 3, 0) == labels).all()
    assert (Labels("randomized_response", math.inf).perturb(labels, 3, 0) == labels).all()


@pytest.mark.parametrize(
    ("mechanism", "e"),
    [
        (LaplaceL2(0.1), 2 * 4 * 0.1),
        (LaplaceL2(0.1, 2.5), 2 * 2.5 * 0.1),
        (LaplaceL1(0.1), 2 * 4 * 4 * 0.1),
        (Gaussian(0.7), 0.7),
        (VonMisesFisher(0.5), 1.0),
        (Purkayastha(0.5), math.pi / 2),
        (VonMisesFisher(0.5, norm=Norm("release", 0.2, 1.0)), 1.0 + 0.2 * 3),
    ],
)
def test_the_worst_case_adds_code_and_label(mechanism: Any, e: float) -> None:
    """Catches a term that is forgotten or counted twice."""
    said = guarantee(synthesis(mechanism=mechanism))
    assert said["worst_case"] == pytest.approx(e + 1.0) and said["holds"]
    assert said["bound_by_e_alone"] == pytest.approx(1 / (1 + math.exp(-e - 1)), abs=1e-5)


def test_the_table_of_bounds_is_that_of_the_formula() -> None:
    """Catches tanh(e) for tanh(e/2): TPR - FPR ≤ tanh(e/2), balanced accuracy ≤ e^e / (1 + e^e)."""
    said = guarantee(synthesis(mechanism=LaplaceL2(0.1, 2.8), labels=COPIED, width=8))
    assert said["worst_case"] == pytest.approx(0.56)
    assert said["tpr_minus_fpr_bound"] == pytest.approx(math.tanh(0.28))
    assert said["balanced_accuracy_bound"] == pytest.approx(0.6365, abs=1e-4)
    assert balanced_accuracy_bound(0.0, 0.1) == pytest.approx(0.55) and balanced_accuracy_bound(800.0) == 1


def test_copies_multiply_what_a_record_spends() -> None:
    """Catches copies that are free."""
    said = guarantee(synthesis(copies=3))
    assert said["worst_case"] == pytest.approx(3 * 1.8) and "3 copies" in said["worst_case_is"]


def test_gaussian_copies_add_as_one_gaussian_of_more_distance_which_is_less_than_their_sum() -> None:
    """Catches sums of ε for the exact √k, and a curve of δ that is turned around."""
    one = Gaussian(0.7)
    assert one.composed(16, 1) == (0.7, 1e-5)
    assert 0.7 < one.composed(16, 4)[0] < 4 * 0.7
    assert epsilon_for(mu_for(0.7, 1e-5), 1e-5) == pytest.approx(0.7)
    assert one.mu(16, 4) == pytest.approx(2 * mu_for(0.7, 1e-5))


def test_the_gaussian_bound_is_the_exact_one_and_below_that_of_epsilon_and_delta() -> None:
    """Catches a bound by (ε, δ) where the trade-off is known: Φ(μ/2) without labels, and with them a sum."""
    mechanism = Gaussian(2.0)
    said = guarantee(synthesis(mechanism=mechanism, labels=COPIED))
    assert said["balanced_accuracy_bound"] == pytest.approx(stats.norm.cdf(mechanism.mu(16) / 2))
    both = guarantee(synthesis(mechanism=mechanism))
    assert said["balanced_accuracy_bound"] < both["balanced_accuracy_bound"] < both["bound_by_e_alone"]


def test_the_gaussian_trade_off_with_labels_is_that_of_a_numerical_integral() -> None:
    """Catches a likelihood ratio of the label that is added with the wrong sign."""
    ratios, first = COVERED.law(3, copies=2)
    x = np.linspace(-12, 13, 200_001)
    one, two = stats.norm.pdf(x - 0.8), stats.norm.pdf(x)
    gaps = [
        np.trapezoid(np.maximum(p * one - p * math.exp(-ratio) * two, 0), x)
        for ratio, p in zip(ratios, first, strict=True)
    ]
    assert total_variation_with_gaussian(0.8, (ratios, first)) == pytest.approx(sum(gaps), abs=1e-7)


def test_the_bound_knows_the_parts_that_e_is_the_sum_of() -> None:
    """Catches the sum where a part decides: of two answers the surer one is believed, of three the majority."""
    assert synthesis(mechanism=LaplaceL2(0.05), classes=2).bound == pytest.approx(1 / (1 + math.exp(-1)))
    p = 1 / (1 + math.exp(-0.8))
    assert synthesis(labels=COPIED, copies=3).bound == pytest.approx(p**3 + 3 * p**2 * (1 - p))
    for copies in (1, 2, 5):
        one = synthesis(copies=copies)
        assert one.bound <= balanced_accuracy_bound(*one.total)


def test_delta_is_told_outright_and_networks_count_like_a_further_answer() -> None:
    """Catches a δ that is dropped: (e^ε + δ) / (1 + e^ε) for one release."""
    assert (1 + total_variation(randomized_response(1.0, 0.01))) / 2 == pytest.approx(
        balanced_accuracy_bound(1.0, 0.01)
    )
    one = synthesis(labels=COPIED, train_on="private_dpsgd", vae=(0.5, 1e-3))
    failing = (1 + math.exp(0.5)) * 1e-3
    assert one.bound == pytest.approx(balanced_accuracy_bound(1.0, failing), abs=1e-9)


def test_renyi_divergence_of_the_gaussian_is_that_of_a_numerical_integral() -> None:
    """Catches a factor of two: D_α = log(∫ p^α q^(1-α)) / (α - 1)."""
    x = np.linspace(-20, 25, 200_001)
    moment = np.trapezoid(stats.norm.pdf(x, 1.2) ** 3 * stats.norm.pdf(x) ** -2, x)
    assert renyi_divergence(3.0, 1.2) == pytest.approx(math.log(moment) / 2)


@pytest.mark.parametrize("mechanism", [LaplaceL2(0.1), Gaussian(1.0), VonMisesFisher(1.0)])
def test_networks_trained_on_the_protected_records_leave_nothing_guaranteed(mechanism: Any) -> None:
    """Catches a bound that post-processing does not carry; ε is still told, as what the noise would be worth."""
    said = guarantee(synthesis(mechanism=mechanism, train_on="private"))
    assert said["statement"].startswith("nothing is guaranteed") and not said["holds"]
    assert said["balanced_accuracy_bound"] is said["tpr_minus_fpr_bound"] is said["bound_by_e_alone"] is None
    assert said["epsilon"] == mechanism.epsilon and f"{mechanism.epsilon:g} " in said["statement"]
    assert math.isfinite(said["worst_case"])


def test_no_noise_leaves_nothing_guaranteed() -> None:
    """Catches a bound of 1 that is printed as if it were one."""
    said = guarantee(synthesis(mechanism=NoNoise()))
    assert "nothing is guaranteed" in said["statement"] and not said["holds"]
    assert json.loads(json.dumps(plain(said), allow_nan=False))["epsilon"] is None


def test_private_networks_are_counted_for_a_record_that_is_replaced() -> None:
    """Catches one record's removal for its replacement: (2 ε, (1 + e^ε) δ)."""
    said = guarantee(synthesis(train_on="private_dpsgd", vae=(0.5, 1e-6)))
    assert said["worst_case"] == pytest.approx(1.8 + 2 * 0.5)
    assert said["delta"] == pytest.approx((1 + math.exp(0.5)) * 1e-6) and "DP-SGD" in said["worst_case_is"]


def test_a_delta_of_one_promises_nothing() -> None:
    """Catches a bound above 1, and an exponential beyond the floats, at an epsilon that nobody should choose."""
    for epsilon in (12.0, 800.0):
        said = guarantee(synthesis(train_on="private_dpsgd", vae=(epsilon, 1e-5)))
        assert not said["holds"] and said["balanced_accuracy_bound"] is None and "δ" in said["statement"]


def test_private_networks_leave_no_protection_by_distance() -> None:
    """Catches neighbours called safe whose difference encoder and decoder may tell."""
    said = guarantee(synthesis(train_on="private_dpsgd", vae=(6.0, 1e-9)))
    assert "however near" in said["doubt"] and "near each other" not in said["doubt"]


def test_copied_labels_are_said_not_to_be_covered() -> None:
    """Catches a bound that speaks of any two records."""
    said = guarantee(synthesis(labels=COPIED))
    assert "label is copied and not covered" in said["statement"] and "same label" in said["protects"]
    assert said["worst_case"] == pytest.approx(0.8)
    assert guarantee(synthesis())["does_not_cover"] is None


def test_an_empty_bound_is_called_one() -> None:
    """Catches ε = 10 printed as if it hid anything: e = 80."""
    assert "near each other" in guarantee(synthesis(mechanism=LaplaceL2(10.0)))["doubt"]
    assert guarantee(synthesis())["doubt"] is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: require_within(3.0, synthesis(copies=2)), "copies=2.*spend 3.6, one 1.8"),
        (lambda: require_within(float("nan"), synthesis()), "budget=nan"),
        (lambda: require_within(9.0, synthesis(train_on="private")), "budget=9.0"),
        (lambda: synthesis(copies=0), "copies=0"),
        (lambda: synthesis(train_on="both"), "train_on=both"),
        (lambda: synthesis(mechanism=VonMisesFisher(1.0), width=1), "vae.latent_dim=1"),
        (lambda: Labels("flip"), "labels.mode=flip"),
        (lambda: Labels("copy", 1.0), "labels.epsilon=1.0"),
        (lambda: Labels("randomized_response"), "labels.epsilon=None"),
        (lambda: Labels("randomized_response", -1.0), "labels.epsilon=-1.0"),
    ],
)
def test_bad_options_are_one_clear_line(make: Any, message: str) -> None:
    """Catches a budget that copies overspend, and options that nothing would use."""
    with pytest.raises(InputError, match=rf"^defense\.[^\n]*{message}[^\n]*: [^\n]+$|^defense\.{message}"):
        make()


def test_copies_within_the_budget_are_let_through() -> None:
    """Catches a budget that refuses what it allows."""
    require_within(3.6, synthesis(copies=2))
    require_within(None, synthesis(copies=200))
