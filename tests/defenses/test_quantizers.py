"""Quantizers keep at most 2^b levels, and each does what its definition says."""

from __future__ import annotations

import time

import numpy as np
import pytest

from telltale.defenses.quantization.codebook import Codebook, distortion, nearest_level
from telltale.defenses.quantization.kmeans import kmeans
from telltale.defenses.quantization.network import QUANTIZERS, codebooks_of
from telltale.defenses.quantization.uniform import symmetric, uniform
from telltale.defenses.quantization.weighted_entropy import clusters, weighted_entropy
from telltale.models.stored_bits import stored_bits

WEIGHTS = (0.05 * np.random.default_rng(0).standard_t(5, 5_000)).astype(np.float32)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_weight_is_one_of_at_most_two_to_the_b_levels(name: str, bits: int) -> None:
    """Catches a level too many, which would not fit into b bits, and an index without a level."""
    book = QUANTIZERS[name](WEIGHTS, bits)
    assert len(book.levels) <= 2**bits and book.indices.max() < len(book.levels)
    assert len(np.unique(book.values())) <= 2**bits and book.values().shape == WEIGHTS.shape


@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0, 0.0], [1.0, 1.0, 2.0], [-3.0, -3.0]])
def test_few_distinct_weights_are_stored_without_an_error_or_a_crash(name: str, values: list[float]) -> None:
    """Catches a division by an empty cluster or by a range of zero."""
    weights = np.array(values, np.float32)
    stored = QUANTIZERS[name](weights, 2).values()
    assert np.isfinite(stored).all()
    if name in ("kmeans", "weighted_entropy"):
        np.testing.assert_allclose(stored, weights, atol=1e-6)


def test_uniform_levels_are_equally_far_apart_and_no_weight_moves_by_more_than_half_a_step() -> None:
    """Catches rounding down instead of to the nearest level."""
    book = uniform(WEIGHTS, 3)
    step = (WEIGHTS.max() - WEIGHTS.min()) / 7
    np.testing.assert_allclose(np.diff(book.levels), step, rtol=1e-4)
    assert np.abs(book.values() - WEIGHTS).max() <= step / 2 * 1.0001


def test_symmetric_levels_keep_zero() -> None:
    """Catches a grid in which pruned weights come back."""
    book = symmetric(np.append(WEIGHTS, np.float32(0)), 4)
    assert len(book.levels) == 15 and book.values()[-1] == 0
    np.testing.assert_allclose(book.levels, -book.levels[::-1], atol=1e-7)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_kmeans_errs_no_more_than_scikit_learn(bits: int) -> None:
    """Catches a start or a stop that leaves Lloyd's iterations in a bad place."""
    from sklearn.cluster import KMeans

    reference = KMeans(2**bits, n_init=3, random_state=0).fit(WEIGHTS[:, None])
    assert distortion(WEIGHTS, kmeans(WEIGHTS, bits)) <= reference.inertia_ / len(WEIGHTS) * 1.0005


def test_kmeans_levels_are_the_means_of_their_weights() -> None:
    """Catches prefix sums that are off by one."""
    book = kmeans(WEIGHTS, 3)
    means = [WEIGHTS[book.indices == level].mean(dtype=np.float64) for level in range(8)]
    np.testing.assert_allclose(book.levels, means, atol=1e-6)
    assert np.array_equal(nearest_level(WEIGHTS, book.levels).indices, book.indices)


def test_kmeans_of_gaussian_weights_reaches_the_error_of_the_textbook() -> None:
    """Catches levels that are near the optimum of another density: Lloyd-Max has 0.1175 σ² at 2 bits (Max 1960)."""
    gaussian = np.random.default_rng(1).normal(size=200_000).astype(np.float32)
    for bits, error in ((1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)):
        assert distortion(gaussian, kmeans(gaussian, bits)) == pytest.approx(error, rel=0.02)


def entropy(book: Codebook, values: np.ndarray) -> float:
    """S of one sign's clusters, by its definition."""
    total = 0.0
    for level in np.unique(book.indices):
        importance = values[book.indices == level] ** 2
        share = len(importance) / len(values)
        total -= importance.mean() * share * np.log(share)
    return total


def test_no_boundary_of_weighted_entropy_can_move_to_more() -> None:
    """Catches boundaries that stop early, and an S that is not the one of the definition."""
    values = np.sort(np.abs(np.random.default_rng(2).normal(size=60))).astype(np.float32)
    _, places = clusters(values, 3)
    reached = entropy(Codebook(np.zeros(3, np.float32), places), values)
    low, high = np.searchsorted(places, [1, 2])
    others = [(one, high) for one in range(1, high)] + [(low, one) for one in range(low + 1, 60)]
    tried = [np.repeat(np.arange(3, dtype=np.uint8), [one, two - one, 60 - two]) for one, two in others]
    assert max(entropy(Codebook(np.zeros(3, np.float32), one), values) for one in tried) <= reached + 1e-9


def test_weighted_entropy_gives_each_sign_half_of_the_levels_and_their_root_mean_square() -> None:
    """Catches a cluster across zero and a mean in place of sqrt(I_n)."""
    book = weighted_entropy(WEIGHTS, 3)
    assert (book.levels < 0).sum() == 4 and (np.sign(book.values()) == np.where(WEIGHTS < 0, -1, 1)).all()
    for level in range(8):
        rms = np.sqrt(np.square(WEIGHTS[book.indices == level], dtype=np.float64).mean())
        assert abs(book.levels[level]) == pytest.approx(rms, rel=1e-5)


def test_each_channel_has_its_own_levels() -> None:
    """Catches one grid for all, in which small channels vanish."""
    weights = np.stack([np.linspace(-1, 1, 50), np.linspace(-0.01, 0.01, 50)]).astype(np.float32)
    shared, own = (codebooks_of(weights, uniform, 2, granularity) for granularity in ("tensor", "channel"))
    assert (len(shared), len(own)) == (1, 2)
    assert distortion(weights[1], own[1]) < 1e-3 * distortion(weights.ravel(), shared[0])


def test_the_stored_size_counts_indices_levels_and_what_stays_whole() -> None:
    """Catches a code book, or a bias, that costs nothing."""
    weights = {"w": kmeans(WEIGHTS, 2).values().reshape(50, 100), "b": np.zeros(50, np.float32)}
    assert stored_bits(weights) == 5_000 * 2 + 4 * 32 + 50 * 32
    assert stored_bits({"w": WEIGHTS.reshape(50, 100)}) == 5_000 * 32


@pytest.mark.slow
@pytest.mark.parametrize("quantizer", [kmeans, weighted_entropy])
def test_ten_million_weights_take_under_three_seconds(quantizer: object) -> None:
    """Catches a method whose time grows with weights times levels."""
    weights = np.random.default_rng(3).normal(size=10_000_000).astype(np.float32)
    began = time.process_time()
    assert callable(quantizer) and len(quantizer(weights, 4).levels) == 16
    assert time.process_time() - began < 3
