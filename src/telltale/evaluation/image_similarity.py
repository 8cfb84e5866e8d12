"""How alike two pictures are: mean absolute pixel error and structural similarity."""

from __future__ import annotations

import numpy as np

WINDOW = 7
STABILISERS = (0.01, 0.03)


def mape(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Mean absolute pixel error ("MAPE", Song et al. 2017) of pictures on the scale 0 to 255: (…, c, h, w) -> (…,).

    >>> mape(np.array([[[0.0, 255.0]]]), np.array([[[51.0, 255.0]]])).item()
    25.5
    """
    return np.abs(one - other).mean((-3, -2, -1))


def ssim(one: np.ndarray, other: np.ndarray, scale: float = 255.0) -> np.ndarray:
    """Structural similarity (Wang et al. 2004) of pictures, averaged over windows and channels: (…, c, h, w) -> (…,).

    SSIM = (2 μx μy + c1)(2 σxy + c2) / ((μx² + μy² + c1)(σx² + σy² + c2)),  c = (0.01 L)², (0.03 L)²; uniform windows
    of 7 x 7 wholly inside (the largest odd size that fits into smaller pictures), unbiased covariances.
    """
    window = min(WINDOW, *(side - 1 + side % 2 for side in one.shape[-2:]))
    mean_x, mean_y = window_means(one, window), window_means(other, window)
    unbiased = window**2 / max(1, window**2 - 1)
    variance_x = unbiased * (window_means(one * one, window) - mean_x**2)
    variance_y = unbiased * (window_means(other * other, window) - mean_y**2)
    covariance = unbiased * (window_means(one * other, window) - mean_x * mean_y)
    c1, c2 = ((share * scale) ** 2 for share in STABILISERS)
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return (above / below).mean((-3, -2, -1))


def window_means(pictures: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of every window wholly inside: (…, h, w) -> (…, h - window + 1, w - window + 1), by sums."""
    padded = [(0, 0)] * (pictures.ndim - 2) + [(1, 0), (1, 0)]
    sums = np.pad(pictures.astype(np.float64), padded).cumsum(-1).cumsum(-2)
    corners = (sums[..., window:, window:], sums[..., :-window, window:], sums[..., window:, :-window])
    return (corners[0] - corners[1] - corners[2] + sums[..., :-window, :-window]) / window**2
