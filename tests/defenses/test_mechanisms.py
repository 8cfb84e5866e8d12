"""Mechanisms on latent codes draw from the distribution they name, and keep to the ratio that they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from telltale.defenses.vae_metric_privacy.angular import Purkayastha, VonMisesFisher
from telltale.defenses.vae_metric_privacy.euclidean import Gaussian, LaplaceL1, LaplaceL2
from telltale.defenses.vae_metric_privacy.mechanism import (
    BLOCK,
    ClipOnly,
    Mechanism,
    NoNoise,
    clip,
)
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.errors import InputError

DRAWS = 100_000
RELEASED = Norm("release", 0.5, 0.2)
MECHANISMS: dict[str, Mechanism] = {
    "laplace_l2": LaplaceL2(0.5),
    "laplace_l1": LaplaceL1(0.3),
    "gaussian": Gaussian(1.0),
    "vmf": VonMisesFisher(0.8),
    "vmf with norm": VonMisesFisher(0.5, norm=RELEASED),
    "purkayastha": Purkayastha(0.5),
    "purkayastha with norm": Purkayastha(0.4, norm=RELEASED),
}
PURE = {name: one for name, one in MECHANISMS.items() if name != "gaussian"}


def codes(records: int, width: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(1).standard_normal((records, width))


@pytest.mark.parametrize("width", [2, 16, 64])
def test_euclidean_laplace_noise_has_the_moments_of_its_closed_form(width: int) -> None:
    """Catches a Gamma with a rate for a scale, shape 1 for n, a Gaussian radius and a norm over the batch."""
    noise = LaplaceL2(2.0).perturb(np.zeros((DRAWS, width)), 0)
    radii = np.linalg.norm(noise, axis=1)
    error = math.sqrt(width) / 2 / math.sqrt(DRAWS)
    assert abs(radii.mean() - width / 2) < 5 * error
    np.testing.assert_allclose(noise.var(), (width + 1) / 4, rtol=0.03)
    np.testing.assert_allclose((noise / radii[:, None]).mean(0), 0, atol=5 / math.sqrt(width * DRAWS))


@pytest.mark.parametrize("mechanism", [LaplaceL2(2.0), LaplaceL1(2.0)])
def test_in_one_dimension_both_laplace_mechanisms_are_the_laplace_distribution(mechanism: Mechanism) -> None:
    """Catches a one-sided noise and a scale of ε."""
    noise = mechanism.perturb(np.zeros((DRAWS, 1)), 3)[:, 0]
    assert stats.kstest(noise, stats.laplace(scale=0.5).cdf).pvalue > 1e-3


def test_l1_laplace_noise_is_independent_from_coordinate_to_coordinate() -> None:
    """Catches one sign or one size drawn for a whole record."""
    noise = LaplaceL1(2.0).perturb(np.zeros((DRAWS, 3)), 0)
    np.testing.assert_allclose(np.cov(noise.T), 0.5 * np.eye(3), atol=0.02)
    np.testing.assert_allclose(np.corrcoef(np.abs(noise).T), np.eye(3), atol=0.02)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_the_gaussian_sigma_spends_exactly_delta_at_the_farthest_codes(epsilon: float) -> None:
    """Catches the classic σ, which is wrong above ε = 1, and the distance R in place of 2 R: δ = ∫ (p - e^ε q)⁺."""
    sigma = Gaussian(epsilon, clip_radius=3.0, delta=1e-5).sigma(8)
    x = np.linspace(-12 * sigma, 6 + 12 * sigma, 400_001)
    excess = stats.norm.pdf(x, 6.0, sigma) - math.exp(epsilon) * stats.norm.pdf(x, 0.0, sigma)
    assert np.trapezoid(np.maximum(excess, 0), x) == pytest.approx(1e-5, rel=1e-4)


def test_gaussian_noise_is_normal_with_that_sigma_in_every_coordinate() -> None:
    """Catches σ² for σ."""
    mechanism = Gaussian(2.0)
    noise = mechanism.perturb(np.zeros((20_000, 3)), 0)
    assert stats.kstest(noise.ravel(), stats.norm(scale=mechanism.sigma(3)).cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_likelihood_ratio_is_that_of_the_sampler(name: str) -> None:
    """Catches a density that belongs to another distribution: E[p(y | z') / p(y | z)] = 1 for y drawn at z."""
    mechanism = MECHANISMS[name]
    code, other = clip(codes(2, 4, 2.0), mechanism.radius(4))
    released = mechanism.perturb(np.tile(code, (DRAWS, 1)), 0)
    ratios = np.exp(-mechanism.log_ratio(released, code, other))
    assert abs(ratios.mean() - 1) < 5 * ratios.std() / math.sqrt(DRAWS)
    assert ratios.std() > 0.05


@pytest.mark.parametrize("name", PURE)
def test_no_likelihood_ratio_exceeds_the_worst_case_which_the_farthest_codes_reach(name: str) -> None:
    """Catches R for 2 R, κ for 2 κ, and a norm whose cost is left out."""
    mechanism = PURE[name]
    one, other = mechanism.farthest(5)
    assert np.linalg.norm([one, other], axis=1).max() <= mechanism.radius(5) * (1 + 1e-12)
    worst = mechanism.worst_case(5)
    pairs = clip(codes(40, 5, 3.0), mechanism.radius(5)).reshape(20, 2, 5)
    assert max(np.abs(mechanism.log_ratio(codes(500, 5, 3.0), *pair)).max() for pair in pairs) <= worst
    assert mechanism.log_ratio(one[None], one, other)[0] == pytest.approx(worst, rel=1e-6)


@pytest.mark.parametrize("name", ["laplace_l2", "laplace_l1", "vmf", "purkayastha"])
def test_no_likelihood_ratio_exceeds_epsilon_times_the_distance_it_names(name: str) -> None:
    """Catches a metric that the noise does not keep to, e.g. the angle for the chord of near directions."""
    mechanism = PURE[name]
    pairs = clip(codes(100, 4, 3.0), 2.0).reshape(50, 2, 4)
    directions = pairs / np.linalg.norm(pairs, axis=2, keepdims=True)
    distances = {
        "laplace_l2": np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1),
        "laplace_l1": np.abs(pairs[:, 0] - pairs[:, 1]).sum(1),
        "vmf": np.linalg.norm(directions[:, 0] - directions[:, 1], axis=1),
        "purkayastha": np.arccos((directions[:, 0] * directions[:, 1]).sum(1)),
    }[name]
    for pair, distance in zip(pairs, distances, strict=True):
        ratios = np.abs(mechanism.log_ratio(np.concatenate([codes(500, 4, 3.0), pair]), *pair))
        assert ratios.max() <= mechanism.epsilon * distance * (1 + 1e-9)
        assert ratios.max() > 0.5 * mechanism.epsilon * distance


@pytest.mark.parametrize("name", ["laplace_l2", "laplace_l1"])
def test_histograms_of_two_codes_in_one_dimension_differ_by_no_more_than_exp_epsilon_distance(name: str) -> None:
    """Catches too little noise, whatever the density claims: drawn at z and z', counted in the same bins."""
    mechanism = {"laplace_l2": LaplaceL2(1.0, 1.0), "laplace_l1": LaplaceL1(1.0, 1.0)}[name]
    drawn = [mechanism.perturb(np.full((DRAWS, 1), z), seed)[:, 0] for seed, z in enumerate((0.5, -0.5))]
    counts = np.stack([np.histogram(one, np.linspace(-4, 4, 33))[0] for one in drawn])
    error = np.sqrt((1 / counts).sum(0))
    ratios = np.abs(np.log(counts[0] / counts[1]))
    assert (ratios <= 1.0 + 4 * error).all() and ratios.max() > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_keeps_every_norm_within_r_and_shorter_codes_as_they_are(dtype: type) -> None:
    """Catches a norm of R (1 + rounding), which is outside of the promise."""
    given = codes(5_000, 16).astype(dtype)
    cut, short = clip(given, 4.0), np.linalg.norm(given, axis=1) <= 4.0
    assert np.linalg.norm(cut, axis=1).max() <= 4.0 and (cut[short] == given[short]).all()
    np.testing.assert_allclose(np.linalg.norm(cut[~short], axis=1), 4.0, rtol=1e-5)


def test_the_default_radius_is_the_root_of_n_and_codes_beyond_it_are_clipped_before_the_noise() -> None:
    """Catches noise on codes that are not clipped, for which no worst case holds."""
    far = LaplaceL2(1e6).perturb(np.full((3, 4), 100.0), 0)
    np.testing.assert_allclose(np.linalg.norm(far, axis=1), 2.0, rtol=1e-4)


@pytest.mark.parametrize("name", MECHANISMS)
def test_noise_follows_from_seed_and_place_however_records_are_batched(name: str) -> None:
    """Catches noise that depends on the batch, and one noise for every block or seed."""
    mechanism, given = MECHANISMS[name], codes(2 * BLOCK + 100, 3)
    whole = mechanism.perturb(given, 7)
    cuts = (0, 5, BLOCK + 3, 2 * BLOCK + 50)
    parts = [mechanism.perturb(given[a:b], 7, first=a) for a, b in zip(cuts, (*cuts[1:], None), strict=True)]
    assert (np.concatenate(parts) == whole).all()
    assert (mechanism.perturb(given, 8) != whole).any(axis=1).all()
    assert len(np.unique(mechanism.perturb(np.ones_like(given), 7), axis=0)) == len(given)


@pytest.mark.parametrize("mechanism", [NoNoise(), *[type(one)(math.inf) for one in MECHANISMS.values()]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinite_epsilon_gives_the_codes_back(mechanism: Mechanism, dtype: type) -> None:
    """Catches a plain reconstruction that is not one, and a type that changes on the way."""
    given = codes(10, 3, 5.0).astype(dtype)
    released = mechanism.perturb(given, 0)
    assert (released == given).all() and released.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_alone_is_what_comes_before_the_noise_and_its_share_is_told(dtype: type) -> None:
    """Catches a row "clipped, no noise" that clips nothing or otherwise, and a share of the codes that are not cut."""
    given = codes(1000, 4, 2.0).astype(dtype)
    assert (ClipOnly().perturb(given, 0) == clip(given, 2.0)).all() and ClipOnly().perturb(given, 0).dtype == dtype
    share = (np.linalg.norm(given, axis=1) > 2).mean()
    assert 0.5 < share < 1 and ClipOnly().clipped_share(given) == LaplaceL2(1.0).clipped_share(given) == share
    assert NoNoise().clipped_share(given) == LaplaceL2(math.inf).clipped_share(given) == 0
    assert math.isinf(ClipOnly().worst_case(4))


@pytest.mark.parametrize("name", MECHANISMS)
def test_single_precision_codes_get_noise_of_the_same_distribution(name: str) -> None:
    """Catches a path for float32 that is not the path for float64."""
    single, double = (
        MECHANISMS[name].perturb(codes(20_000, 3).astype(dtype), seed)
        for seed, dtype in enumerate((np.float32, np.float64))
    )
    assert single.dtype == np.float32
    for axis in range(3):
        assert stats.ks_2samp(single[:, axis], double[:, axis]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LaplaceL2(0.0), "epsilon=0.0"),
        (lambda: VonMisesFisher(-1.0), "epsilon=-1.0"),
        (lambda: Gaussian(math.nan), "epsilon=nan"),
        (lambda: LaplaceL1(1.0, 0.0), "clip_radius=0.0"),
        (lambda: LaplaceL1(1.0, math.inf), "clip_radius=inf"),
        (lambda: Gaussian(1.0, delta=0.0), "delta=0.0"),
        (lambda: Norm("keep"), "norm.rule=keep"),
        (lambda: Norm("release"), "norm.epsilon=None"),
        (lambda: Norm("drop", 1.0), "norm.epsilon=1.0"),
        (lambda: Norm("release", 1.0, -1.0), "norm.lowest=-1.0"),
        (lambda: VonMisesFisher(1.0).perturb(codes(5, 1), 0), "vae.latent_dim=1"),
        (lambda: Purkayastha(1.0).check(1), "vae.latent_dim=1"),
        (lambda: Purkayastha(1.0, 2.0, Norm("release", 1.0, 3.0)).check(4), "norm.lowest=3.0"),
    ],
)
def test_bad_options_are_one_clear_line(make: object, message: str) -> None:
    """Catches an option that would prove nothing and is taken all the same."""
    with pytest.raises(InputError, match=rf"^defense\.[^\n]*{message}: [^\n]+$"):
        make()  # type: ignore[operator]
