"""Data-aware code books keep the payload's histogram or its line; both keep few levels."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.attacks.quantized_encoding.codebooks import DATA_AWARE, affine, histogram
from telltale.attacks.weight_encoding.correlation import standardised
from telltale.data.images.tones import WHITE
from telltale.defenses.quantization.kmeans import kmeans

RNG = np.random.default_rng(0)
PAYLOAD = RNG.integers(0, 256, 4000).astype(float)
NOISY = (0.001 * PAYLOAD + 0.05 * RNG.normal(size=4000)).astype(np.float32)
WEIGHTS = np.append(NOISY, RNG.normal(0.1, 0.1, 500)).astype(np.float32)


@pytest.mark.parametrize("sign", [1, -1])
def test_as_many_weights_lie_on_a_level_as_pixels_on_its_grey(sign: int) -> None:
    """Catches ranks that run the wrong way where r is negative."""
    book = histogram(sign * WEIGHTS, PAYLOAD, 3)
    pixels = np.bincount(kmeans(PAYLOAD.astype(np.float32), 3).indices)
    weights = np.bincount(book.indices[:4000])
    np.testing.assert_array_equal(weights, pixels[::sign])
    means = [(sign * WEIGHTS)[:4000][book.indices[:4000] == level].mean() for level in range(8)]
    np.testing.assert_allclose(book.levels, means, atol=1e-5)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("name", DATA_AWARE)
def test_levels_fit_into_the_bits_and_every_weight_has_one(name: str, bits: int) -> None:
    """Catches a level too many, and weights beyond the payload that are forgotten."""
    book = DATA_AWARE[name](WEIGHTS, PAYLOAD, bits)
    assert len(book.levels) <= 2**bits and len(book.indices) == len(WEIGHTS)
    assert (np.diff(book.levels) > 0).all()


def test_two_greys_leave_two_levels() -> None:
    """Catches empty levels where the payload has fewer greys than bits allow."""
    flat = np.where(PAYLOAD < 100, 0.0, WHITE)
    assert len(histogram(WEIGHTS, flat, 4).levels) == 2 and len(affine(WEIGHTS, flat, 4).levels) == 2


def test_weights_that_are_a_line_of_the_pixels_decode_to_the_pixels_code_book() -> None:
    """Catches levels away from the line: what is left of the error is that of the pixels' own levels."""
    line = (0.002 * PAYLOAD - 0.1).astype(np.float32)
    own = kmeans(PAYLOAD.astype(np.float32), 4).values()
    for quantizer in DATA_AWARE.values():
        stored = quantizer(line, PAYLOAD, 4).values()
        decoded = own.mean() + own.std() * standardised(stored.astype(np.float64))
        assert np.abs(decoded - own).mean() < 1.0


def test_a_payload_without_contrast_is_no_crash() -> None:
    """Catches a division by the variance of equal pixels."""
    for quantizer in DATA_AWARE.values():
        assert np.isfinite(quantizer(WEIGHTS, np.full(100, 7.0), 4).values()).all()
