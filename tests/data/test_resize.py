"""Pictures of one data set for the network of another."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.data.images import digits, fashion_mnist
from telltale.data.images.records import ImageRecords
from telltale.data.images.resize import fitted
from telltale.errors import InputError

SIZES = st.integers(1, 40)


def pictures(pixels: np.ndarray) -> ImageRecords:
    return ImageRecords(pixels, np.arange(len(pixels)) % 2, "some", ("a", "b"), np.zeros(len(pixels), int), ("all",))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 255))
def test_a_constant_picture_stays_constant(height: int, width: int, to_height: int, to_width: int, level: int) -> None:
    """Catches dark borders, and weights that do not add up to one."""
    plain = pictures(np.full((2, 1, height, width), level, np.uint8))
    scaled = fitted(plain, (3, to_height, to_width)).pixels
    assert scaled.dtype == np.uint8 and scaled.shape == (2, 3, to_height, to_width) and (scaled == level).all()


def test_half_the_size_is_the_closed_form_of_the_antialiased_triangle() -> None:
    """Catches plain bilinear, which skips pixels: weights of a triangle two source pixels wide are 1 3 3 1, over 8."""
    line = noise(1, 1, 1, 8)
    scaled = fitted(pictures(line), (1, 1, 4)).pixels[0, 0, 0]
    np.testing.assert_allclose(scaled[1:3], [line[0, 0, 0, k : k + 4] @ [1, 3, 3, 1] / 8 for k in (1, 3)], rtol=1e-5)


def test_twice_the_size_is_the_closed_form_of_linear_interpolation() -> None:
    line = np.array([[[[0.0, 1.0]]]], np.float32)
    np.testing.assert_allclose(fitted(pictures(line), (1, 1, 4)).pixels.ravel(), [0, 0.25, 0.75, 1])


@pytest.mark.parametrize("size", [8, 14, 28, 56, 64])
def test_the_mean_brightness_stays(size: int) -> None:
    clothes = fashion_mnist.load().records.take(np.arange(50))
    scaled = fitted(clothes, (1, size, size))
    np.testing.assert_allclose(scaled.pixels.mean((1, 2, 3)), clothes.pixels.mean((1, 2, 3)), rtol=0.04, atol=1.5)


def test_colour_becomes_luminance_and_grey_three_equal_channels() -> None:
    """Catches an average of the channels in place of what the eye sees."""
    primaries = np.eye(3, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, 4, 4), np.float32)
    grey = fitted(pictures(primaries), (1, 4, 4)).pixels
    np.testing.assert_allclose(grey[:, 0, 0, 0], [0.299, 0.587, 0.114], rtol=1e-6)
    single = noise(5, 1, 6, 6)
    np.testing.assert_array_equal(fitted(pictures(single), (3, 6, 6)).pixels, single.repeat(3, axis=1))


def test_pictures_that_fit_are_left_alone_and_labels_stay() -> None:
    records = pictures(noise(6, 1, 8, 8))
    assert fitted(records, (1, 8, 8)) is records
    scaled = fitted(records, (3, 5, 7))
    assert scaled.labels is records.labels and scaled.coarse is records.coarse and scaled.source == records.source


def test_no_pictures_and_many_pictures_are_scaled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a picture that depends on those beside it, at the seam of two chunks."""
    records = pictures(noise(7, 3, 9, 9))
    whole = fitted(records, (1, 4, 4)).pixels
    monkeypatch.setattr("telltale.data.images.resize.AT_ONCE", 2)
    np.testing.assert_array_equal(fitted(records, (1, 4, 4)).pixels, whole)
    assert fitted(records.take(np.arange(0)), (1, 4, 4)).pixels.shape == (0, 1, 4, 4)


def test_rounding_is_to_the_nearest_level() -> None:
    """Catches truncation, which darkens every picture by half a level."""
    line = np.array([[[[0, 255]]]], np.uint8)
    assert fitted(pictures(line), (1, 1, 4)).pixels.ravel().tolist() == [0, 64, 191, 255]


def test_digits_fit_a_network_for_clothing() -> None:
    scaled = fitted(digits.load().records, fashion_mnist.load().records.shape)
    assert scaled.shape == (1, 28, 28) and len(set(scaled.fingerprints())) == len(scaled)
    assert (scaled.pixels.min(), scaled.pixels.max()) >= (0, 0.9) and scaled.pixels.max() <= 1


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(InputError, match=r"^downstream=some: pictures of 2 channels, where 1 are needed"):
        fitted(pictures(noise(1, 2, 4, 4)), (1, 4, 4))


def test_ten_thousand_pictures_are_scaled_within_three_seconds() -> None:
    records = fashion_mnist.load().records
    started = time.process_time()
    fitted(records, (3, 32, 32))
    assert time.process_time() - started < 3
