"""Mechanisms that turn a code's direction on the sphere; its norm is released by a rule of its own.

Weggenmann and Kerschbaum, Differential Privacy for Directional Data, CCS 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.norm import Norm
from telltale.defenses.vae_metric_privacy.sphere import (
    about_the_first_axis,
    purkayastha_angles,
    reflect_first_axis_to,
    von_mises_fisher_cosines,
)
from telltale.errors import InputError

SHORTEST = 1e-8  # norm below which a code has no direction of its own


@dataclass(frozen=True)
class VonMisesFisher(Mechanism):
    """p(y | u) = C_n(κ) exp(κ ⟨u, y⟩) on the unit sphere, u = z / ‖z‖, κ = ε; the code is r y, r by the norm's rule.

    ε counts chords: |κ ⟨u - u', y⟩| ≤ κ ‖u - u'‖ = 2 κ sin(θ/2) ≤ κ θ, and C_n(κ) does not depend on u.
    """

    metric: ClassVar[str] = "chordal distance of directions"
    unit: ClassVar[str] = "per unit of chord between directions on the unit sphere"
    angular: ClassVar[bool] = True
    norm: Norm = field(default_factory=Norm)

    def check(self, width: int) -> None:
        """Refuse one dimension, and a range of norms that is empty."""
        require_directions(width, self.norm, self.radius(width))

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """Draw y about e_1 and, in column n, Laplace(1) for the norm: (records, n + 1)."""
        cosines = von_mises_fisher_cosines(rng, records, width, self.epsilon)
        sines = np.sqrt((1 - cosines) * (1 + cosines))
        return with_norm_noise(rng, about_the_first_axis(rng, cosines, sines, width, dtype))

    def place(self, codes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Turn e_1 to each code's direction."""
        return turned(codes, noise, self.norm, self.radius(codes.shape[1]))

    def worst_case(self, width: int) -> float:
        """e = 2 κ, and what the norm adds."""
        return 2 * self.epsilon + self.norm.worst_case(self.radius(width))

    def arithmetic(self, width: int) -> str:
        """2 κ."""
        return f"2 κ = 2 · {self.epsilon:.4g}{self.norm.arithmetic(self.radius(width))}"

    def farthest(self, width: int) -> np.ndarray:
        """Return two opposite directions."""
        return opposite(width, self.norm, self.radius(width))

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """κ ⟨u - u', y⟩, and the norm's part."""
        y, (u, v) = normalised(released), unit(np.stack([code, other]))
        return self.epsilon * (y @ (u - v)) + norm_log_ratio(self.norm, released, code, other, self.radius(len(code)))


@dataclass(frozen=True)
class Purkayastha(Mechanism):
    """p(y | u) ∝ exp(-ε angle(u, y)) on the unit sphere, u = z / ‖z‖; the code is r y, r by the norm's rule."""

    metric: ClassVar[str] = "angle between directions"
    unit: ClassVar[str] = "per radian between directions"
    angular: ClassVar[bool] = True
    norm: Norm = field(default_factory=Norm)

    def check(self, width: int) -> None:
        """Refuse one dimension, and a range of norms that is empty."""
        require_directions(width, self.norm, self.radius(width))

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """Draw y about e_1 and, in column n, Laplace(1) for the norm: (records, n + 1)."""
        angles = purkayastha_angles(rng, records, width, self.epsilon)
        return with_norm_noise(rng, about_the_first_axis(rng, np.cos(angles), np.sin(angles), width, dtype))

    def place(self, codes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Turn e_1 to each code's direction."""
        return turned(codes, noise, self.norm, self.radius(codes.shape[1]))

    def worst_case(self, width: int) -> float:
        """e = π ε, and what the norm adds."""
        return math.pi * self.epsilon + self.norm.worst_case(self.radius(width))

    def arithmetic(self, width: int) -> str:
        """π ε."""
        return f"π ε = 3.142 · {self.epsilon:.4g}{self.norm.arithmetic(self.radius(width))}"

    def farthest(self, width: int) -> np.ndarray:
        """Return two opposite directions."""
        return opposite(width, self.norm, self.radius(width))

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """ε (angle(u', y) - angle(u, y)), and the norm's part."""
        y, (u, v) = normalised(released), unit(np.stack([code, other]))
        turn = angles_between(y, v) - angles_between(y, u)  # π/2 - π/2 for a code of norm 0
        return self.epsilon * turn + norm_log_ratio(self.norm, released, code, other, self.radius(len(code)))


def require_directions(width: int, norm: Norm, radius: float) -> None:
    """Refuse, by InputError, a latent space of one dimension and norms whose range is empty."""
    if width < 2:
        raise InputError("defense.vae.latent_dim", width, "at least 2 for an angular mechanism: a line has no angles")
    if not norm.lowest < radius:
        raise InputError("defense.mechanism.norm.lowest", norm.lowest, f"below the clip radius {radius:.4g}")


def normalised(codes: np.ndarray) -> np.ndarray:
    """z / ‖z‖, and 0 where ‖z‖ < 1e-8: (records, n) -> (records, n)."""
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.divide(codes, norms, out=np.zeros_like(codes), where=norms >= SHORTEST)


def unit(codes: np.ndarray) -> np.ndarray:
    """z / ‖z‖, and e_1 where ‖z‖ < 1e-8: (records, n) -> (records, n)."""
    directions = normalised(codes)
    directions[~directions.any(axis=1), 0] = 1
    return directions


def turned(codes: np.ndarray, noise: np.ndarray, norm: Norm, radius: float) -> np.ndarray:
    """Turn noise about e_1 to the codes' directions, at the norms that the rule releases."""
    norms = norm.released(np.linalg.norm(codes, axis=1), noise[:, -1], radius)
    return reflect_first_axis_to(unit(codes), noise[:, :-1]) * norms.astype(codes.dtype)[:, None]


def with_norm_noise(rng: np.random.Generator, directions: np.ndarray) -> np.ndarray:
    """Append a column of Laplace(1)."""
    return np.column_stack([directions, rng.laplace(size=len(directions)).astype(directions.dtype)])


def opposite(width: int, norm: Norm, radius: float) -> np.ndarray:
    """Return the longest and the shortest code that have opposite directions: (2, n)."""
    ends = np.zeros((2, width))
    ends[0, 0] = radius
    ends[1, 0] = -radius if norm.epsilon is None else -max(norm.lowest, 2 * SHORTEST)
    return ends


def angles_between(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """2 atan2(‖y - u‖, ‖y + u‖), exact for small and for large angles: (records, n), (n,) -> (records,)."""
    return 2 * np.arctan2(np.linalg.norm(points - direction, axis=1), np.linalg.norm(points + direction, axis=1))


def norm_log_ratio(norm: Norm, released: np.ndarray, code: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    """Return the norm's part of the log-likelihood ratio."""
    norms = np.linalg.norm(released, axis=1)
    return norm.log_ratio(norms, float(np.linalg.norm(code)), float(np.linalg.norm(other)), radius)
