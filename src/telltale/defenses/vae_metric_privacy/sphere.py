"""Exact samplers of distributions on the unit sphere S^(n-1) that are symmetric about a direction, for many at once.

Each fixes a direction's cosine or angle to the centre and is uniform otherwise. Rejection draws again only for the
records that were rejected, for all of these at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Propose = Callable[[int], tuple[np.ndarray, np.ndarray]]  # number -> values, which of them are accepted


def von_mises_fisher_cosines(rng: np.random.Generator, records: int, width: int, kappa: float) -> np.ndarray:
    """Draw w = ⟨u, y⟩ for y ~ vMF(u, κ) on S^(n-1): density ∝ exp(κ w) (1 - w²)^((n-3)/2), (records,).

    n = 2: a von Mises angle. n = 3: w = 1 + log(U + (1 - U) e^(-2κ)) / κ. Else Ulrich (1984) as corrected by
    Wood (1994).
    """
    if width == 2:
        return np.cos(rng.vonmises(0.0, kappa, records))
    if width == 3:
        uniform = rng.random(records)
        return np.clip(1 + np.log(uniform + (1 - uniform) * math.exp(-2 * kappa)) / kappa, -1.0, 1.0)
    m = width - 1
    b = m / (2 * kappa + math.sqrt(4 * kappa**2 + m**2))
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + m * math.log1p(-(x0**2))

    def propose(number: int) -> tuple[np.ndarray, np.ndarray]:
        z = rng.beta(m / 2, m / 2, number)
        w = (1 - (1 + b) * z) / (1 - (1 - b) * z)
        return w, kappa * w + m * np.log1p(-x0 * w) - c >= -rng.standard_exponential(number)

    return by_rejection(propose, records)


def purkayastha_angles(rng: np.random.Generator, records: int, width: int, epsilon: float) -> np.ndarray:
    """Draw θ = angle(u, y), density ∝ exp(-ε θ) sin(θ)^(n-2) on (0, π): (records,).

    n = 2: by inversion. Else by rejection from the envelope that should accept more.
    """
    if width == 2:
        return -np.log1p(rng.random(records) * math.expm1(-math.pi * epsilon)) / epsilon
    propose = gamma_envelope if _prefers_gamma(width, epsilon) else normal_envelope
    return by_rejection(propose(rng, width, epsilon), records)


def normal_envelope(rng: np.random.Generator, width: int, epsilon: float) -> Propose:
    """Propose θ ~ N(θ*, 1/(n-2)),  θ* = atan2(n-2, ε) the mode: (log h)'' = -(n-2)/sin² ≤ -(n-2), n > 2.

    Accept with log-probability log h(θ) - log h(θ*) + (n-2)(θ - θ*)²/2: about sin θ* of them.
    """
    k = width - 2
    mode = math.atan2(k, epsilon)

    def propose(number: int) -> tuple[np.ndarray, np.ndarray]:
        off = rng.standard_normal(number) / math.sqrt(k)
        angles = mode + off
        within = (angles > 0) & (angles < math.pi)
        ratio = np.log(np.where(within, np.sin(angles), 1.0) / math.sin(mode))
        return angles, within & (k * (ratio + off**2 / 2) - epsilon * off >= -rng.standard_exponential(number))

    return propose


def gamma_envelope(rng: np.random.Generator, width: int, epsilon: float) -> Propose:
    """Propose θ ~ Gamma(n-1, scale 1/ε); accept with probability (sin θ / θ)^(n-2) where θ < π."""

    def propose(number: int) -> tuple[np.ndarray, np.ndarray]:
        angles = rng.standard_gamma(width - 1, number) / epsilon
        ratio = np.sinc(np.minimum(angles, math.pi) / math.pi)
        return angles, (angles < math.pi) & (rng.random(number) < ratio ** (width - 2))

    return propose


def by_rejection(propose: Propose, records: int) -> np.ndarray:
    """Draw until every record has an accepted value: (records,). Only the rejected are drawn again."""
    out, missing = np.empty(records), np.arange(records)
    while len(missing):
        values, accepted = propose(len(missing))
        out[missing[accepted]] = values[accepted]
        missing = missing[~accepted]
    return out


def about_the_first_axis(
    rng: np.random.Generator, cosines: np.ndarray, sines: np.ndarray, width: int, dtype: np.dtype
) -> np.ndarray:
    """Return (cos, sin · v), v uniform on the unit sphere of R^(n-1): (records,) -> (records, n)."""
    out = np.empty((len(cosines), width), dtype)
    around = rng.standard_normal((len(cosines), width - 1), dtype=dtype.type)
    lengths = np.sqrt(np.einsum("ij,ij->i", around, around))
    out[:, 0] = cosines
    np.multiply(around, (sines / lengths).astype(dtype)[:, None], out=out[:, 1:])
    return out


def reflect_first_axis_to(directions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply each record's Householder map that takes e_1 to its unit direction: (records, n) twice -> (records, n).

    y - 2 h ⟨h, y⟩ / ⟨h, h⟩,  h = e_1 - u; the identity where u = e_1.
    """
    normals = -directions
    normals[:, 0] += 1
    squares = np.einsum("ij,ij->i", normals, normals)
    along = np.einsum("ij,ij->i", normals, points)
    scale = np.divide(2 * along, squares, out=np.zeros_like(along), where=squares > 0)
    return points - normals * scale[:, None]


def _prefers_gamma(width: int, epsilon: float) -> bool:
    """Compare the acceptance of both envelopes at the centre of their proposals, roughly."""
    mode, typical = math.atan2(width - 2, epsilon), (width - 1) / epsilon
    if typical >= math.pi:
        return False
    return (width - 2) * math.log(math.sin(typical) / typical) > math.log(math.sin(mode))
