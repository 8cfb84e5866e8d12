"""From what a release carries back to pictures (Song et al., CCS 2017; sheet 2.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telltale.data.images.tones import WHITE, stretched

DECODINGS = ("moment", "minmax")


def decodings(carrier: np.ndarray, auxiliary: np.ndarray) -> dict[str, np.ndarray]:
    """Decode pictures from standardised weights, (n, c, h, w) each, on the scale 0 to 255.

    minmax: each picture to 0…255 by its own smallest and largest weight (Song et al.); moment: clip(μ + σ z, 0, 255)
    with mean and deviation of the attacker's own pictures, since those of the hidden ones are not known.
    """
    return {"moment": moment(carrier, auxiliary.mean(), auxiliary.std()), "minmax": stretched(carrier)}


def moment(carrier: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Give standardised weights the mean and deviation of pixels."""
    return np.clip(mean + deviation * carrier, 0, WHITE)


def sign_of(carrier: np.ndarray, groups: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
    """Guess for each number whether it was hidden as a negative, -1 or 1, one sign for each layer group.

    Training decides the sign of r by its start. The guess: the mean of what is decoded looks like the mean of the
    attacker's own pictures, not like its negative. carrier, groups: (n, c, h, w); auxiliary: (m, c, h, w).
    """
    typical = np.broadcast_to(auxiliary.mean(0), carrier.shape)
    signs = np.ones(carrier.shape)
    for group in np.unique(groups):
        inside = groups == group
        signs[inside] = -1.0 if np.corrcoef(carrier[inside], typical[inside])[0, 1] < 0 else 1.0
    return signs


def quantiles(weights: Mapping[str, np.ndarray], number: int = 1000) -> np.ndarray:
    """Return the quantiles (k + 1/2) / number of all weights in matrices and kernels: (number,)."""
    values = np.concatenate([array.ravel() for array in weights.values() if array.ndim > 1])
    return np.quantile(values.astype(np.float64), (np.arange(number) + 0.5) / number)
