"""The best one-record test reaches what densities say it can, and never more than the guarantee allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from telltale.audits.one_record_test import best_balanced_accuracy, law_of_code, one_record_test
from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis

COPIED, COVERED = Labels(), Labels("randomized_response", 0.5)
MECHANISMS = [
    LaplaceL2(0.5),
    LaplaceL1(0.3),
    Gaussian(1.0),
    VonMisesFisher(0.6),
    Purkayastha(0.5),
    VonMisesFisher(0.4, norm=Norm("release", 0.3, 0.2)),
    Purkayastha(0.3, norm=Norm("release", 0.3, 0.1)),
]


@pytest.mark.parametrize("labels", [COPIED, COVERED], ids=["copied", "covered"])
@pytest.mark.parametrize("width", [2, 3, 6])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_measured_accuracy_is_that_of_the_densities_and_within_the_bound(
    mechanism: Mechanism, width: int, labels: Labels
) -> None:
    """Catches noise that is not what its density says, and a bound that an attack breaks; five standard errors."""
    synthesis = Synthesis(mechanism, labels, width, classes=2)
    measured, best = one_record_test(synthesis, 40_000, seed=0), best_balanced_accuracy(synthesis)
    assert abs(measured.accuracy - best) < 5 * 0.5 / math.sqrt(40_000)
    assert measured.low <= measured.accuracy <= measured.high and measured.low <= synthesis.bound
    assert 0.53 < best <= synthesis.bound + 1e-9


@pytest.mark.parametrize(
    ("mechanism", "width", "exact"),
    [
        (LaplaceL2(0.7), 1, 1 - math.exp(-0.7) / 2),
        (LaplaceL1(0.7), 1, 1 - math.exp(-0.7) / 2),
        (VonMisesFisher(0.7), 3, (1 + math.tanh(0.35)) / 2),
        (Purkayastha(0.7), 2, (1 + math.tanh(0.7 * math.pi / 4)) / 2),
        (Gaussian(2.0, 1.0), 5, stats.norm.cdf(1.0 / Gaussian(2.0, 1.0).sigma(5))),
    ],
)
def test_the_quadrature_agrees_with_closed_forms(mechanism: Mechanism, width: int, exact: float) -> None:
    """Catches a Jacobian that is forgotten."""
    assert best_balanced_accuracy(Synthesis(mechanism, COPIED, width, 2)) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("mechanism", [one for one in MECHANISMS if not isinstance(one, Gaussian)])
def test_every_law_is_one_of_a_likelihood_ratio(mechanism: Mechanism) -> None:
    """Catches a density that is not the code's: Σ P[l] = Σ P[l] e^(-l) = 1 and |l| ≤ e."""
    ratios, probabilities = law_of_code(mechanism, 4)
    assert probabilities.sum() == pytest.approx(1) and probabilities @ np.exp(-ratios) == pytest.approx(1, abs=1e-4)
    assert np.abs(ratios).max() <= mechanism.worst_case(4) * (1 + 1e-9)


def test_copies_tell_more_and_no_more_than_their_bound() -> None:
    """Catches copies that share their noise, and a bound that does not compose."""
    one, five = (Synthesis(LaplaceL2(0.2), COVERED, 2, 2, copies) for copies in (1, 5))
    measured = [one_record_test(synthesis, 20_000, 0) for synthesis in (one, five)]
    assert measured[1].low > measured[0].high and measured[1].high < five.bound + 0.02


def test_a_mechanism_that_forgets_the_factor_two_is_caught() -> None:
    """Catches a test that cannot fail: noise for e = 1 where the densities promise e = 0.5 is seen to exceed it."""
    weak, promised = Synthesis(Gaussian(2.0), COPIED, 3, 2), Synthesis(Gaussian(0.5), COPIED, 3, 2)
    assert one_record_test(weak, 20_000, 0).low > promised.bound


def test_what_no_noise_gives_away_is_everything() -> None:
    """Catches a test that does not look at the row: a huge ε is always told."""
    assert one_record_test(Synthesis(LaplaceL2(1e3), COPIED, 3, 2), 2_000, 0).accuracy == 1.0
