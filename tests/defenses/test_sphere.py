"""Samplers on the unit sphere agree with closed forms, numerical integrals and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.sphere import (
    by_rejection,
    gamma_envelope,
    normal_envelope,
    purkayastha_angles,
    reflect_first_axis_to,
    von_mises_fisher_cosines,
)

DRAWS = 40_000


def directions(records: int, width: int) -> np.ndarray:
    drawn = np.random.default_rng(2).standard_normal((records, width))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("width", "kappa"), [(2, 3.0), (3, 0.5), (3, 40.0), (8, 4.0), (16, 16.0), (64, 64.0), (64, 1e-3)]
)
def test_the_mean_cosine_is_the_ratio_of_bessel_functions(width: int, kappa: float) -> None:
    """Catches Ulrich's uncorrected constant: E⟨u, y⟩ = I_{n/2}(κ) / I_{n/2 - 1}(κ)."""
    u = directions(DRAWS, width)
    y = VonMisesFisher(kappa, 1.0).perturb(u, 0)
    along = (u * y).sum(1)
    exact = special.ive(width / 2, kappa) / special.ive(width / 2 - 1, kappa)
    assert abs(along.mean() - exact) < 5 * along.std() / math.sqrt(DRAWS)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize(("width", "kappa"), [(2, 1.0), (3, 2.0), (5, 10.0), (16, 16.0)])
def test_von_mises_fisher_draws_have_the_moments_of_scipys(width: int, kappa: float) -> None:
    """Catches a direction that is reflected to another place, and a part across it that is not uniform."""
    u = directions(1, width)[0]
    ours = VonMisesFisher(kappa, 1.0).perturb(np.tile(u, (DRAWS, 1)), 5)
    theirs = stats.vonmises_fisher(u, kappa).rvs(DRAWS, random_state=np.random.default_rng(5))
    tolerance = 5 * math.sqrt(2 / DRAWS)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=tolerance)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=tolerance)
    assert stats.ks_2samp(ours @ u, theirs @ u).pvalue > 1e-3


@pytest.mark.parametrize(("width", "epsilon"), [(3, 0.1), (3, 2.0), (8, 4.0), (16, 16.0), (64, 64.0), (8, 64.0)])
def test_purkayastha_angles_have_the_density_that_numerical_integration_gives(width: int, epsilon: float) -> None:
    """Catches an envelope that is below the density somewhere; each of both is tried where it accepts anything."""
    cumulative = integrated(width, epsilon)
    for envelope in (normal_envelope, gamma_envelope):
        propose = envelope(np.random.default_rng(0), width, epsilon)
        if propose(10_000)[1].mean() > 0.02:
            assert stats.kstest(by_rejection(propose, 10_000), cumulative).pvalue > 1e-3, envelope
    chosen = purkayastha_angles(np.random.default_rng(1), DRAWS, width, epsilon)
    assert stats.kstest(chosen, cumulative).pvalue > 1e-3


def integrated(width: int, epsilon: float) -> object:
    """The distribution function of h(θ) ∝ exp(-ε θ) sin(θ)^(n-2), on a fine grid."""
    grid = np.linspace(0, math.pi, 200_001)[1:-1]
    logs = -epsilon * grid + (width - 2) * np.log(np.sin(grid))
    mass = integrate.cumulative_simpson(np.exp(logs - logs.max()), x=grid, initial=0)
    return lambda angles: np.interp(angles, grid, mass / mass[-1])


@pytest.mark.parametrize("envelope", [normal_envelope, gamma_envelope])
def test_both_envelopes_are_tried_by_the_test_above(envelope: object) -> None:
    """Catches a list of cases in which one envelope is never looked at."""
    propose = envelope(np.random.default_rng(0), 8, 16.0)  # type: ignore[operator]
    assert propose(10_000)[1].mean() > 0.3
    assert stats.kstest(by_rejection(propose, DRAWS), integrated(8, 16.0)).pvalue > 1e-3


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 50.0])
def test_in_the_plane_purkayastha_angles_are_a_cut_exponential(epsilon: float) -> None:
    """Catches a closed form that loses its digits for small or large ε."""
    angles = purkayastha_angles(np.random.default_rng(0), DRAWS, 2, epsilon)
    assert stats.kstest(angles, stats.truncexpon(math.pi * epsilon, scale=1 / epsilon).cdf).pvalue > 1e-3


def test_the_mean_angle_at_sixty_four_dimensions_is_the_sheets() -> None:
    """Catches a sampler that is right only in few dimensions: 0.7775 by quadrature for n = ε = 64."""
    u = directions(DRAWS, 64)
    angles = np.arccos((u * Purkayastha(64.0, 1.0).perturb(u, 0)).sum(1))
    assert abs(angles.mean() - 0.7775) < 5 * angles.std() / math.sqrt(DRAWS) + 5e-5


@pytest.mark.parametrize("mechanism", [VonMisesFisher(2.0), Purkayastha(2.0)])
def test_dropped_norms_are_r_whatever_they_were(mechanism: VonMisesFisher | Purkayastha) -> None:
    """Catches a norm that is kept without noise, which voids the guarantee."""
    given = directions(500, 9) * np.linspace(0, 20, 500)[:, None]
    np.testing.assert_allclose(np.linalg.norm(mechanism.perturb(given, 0), axis=1), 3.0, rtol=1e-9)


def test_released_norms_are_laplace_about_the_clipped_norm_within_their_range() -> None:
    """Catches noise of scale ε, and noise on norms that were not clipped."""
    mechanism = VonMisesFisher(2.0, 6.0, Norm("release", 2.0, 1.0))
    norms = np.linalg.norm(mechanism.perturb(np.tile([100.0, 0, 0], (DRAWS, 1)), 0), axis=1)
    assert abs((norms >= 6 - 1e-9).mean() - 0.5) < 0.02 and norms.min() >= 1 - 1e-9
    np.testing.assert_allclose(np.exp(2 * (5.0 - 6.0)) / 2, (norms < 5.0).mean(), atol=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_code_without_direction_and_the_two_ends_of_the_first_axis_are_no_exception(dtype: type) -> None:
    """Catches a division by ‖z‖ = 0 and by ‖e_1 - u‖ = 0."""
    given = np.array([[0, 0, 0], [1e-9, 0, 0], [0, -1e-9, 0], [2, 0, 0], [-2, 0, 0], [2, 1e-7, 0]], dtype)
    released = VonMisesFisher(1e7, 2.0).perturb(given, 0)
    expected = np.array([[2, 0, 0], [2, 0, 0], [2, 0, 0], [2, 0, 0], [-2, 0, 0], [2, 0, 0]])
    np.testing.assert_allclose(released, expected, atol=0.01)


def test_the_reflection_takes_the_first_axis_to_the_direction_and_keeps_lengths() -> None:
    """Catches a map that is no isometry, or that ends at -u."""
    u = directions(100, 7)
    np.testing.assert_allclose(reflect_first_axis_to(u, np.tile(np.eye(7)[0], (100, 1))), u, atol=1e-12)
    points = directions(100, 7) @ np.diag(np.arange(7.0))
    lengths = np.linalg.norm(reflect_first_axis_to(u, points), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(points, axis=1), rtol=1e-12)


def test_cosines_in_three_dimensions_follow_the_exponential_between_both_poles() -> None:
    """Catches the closed form with U and 1 - U at the wrong ends."""
    cosines = von_mises_fisher_cosines(np.random.default_rng(0), DRAWS, 3, 2.0)
    assert stats.kstest(1 - cosines, stats.truncexpon(4.0, scale=0.5).cdf).pvalue > 1e-3
