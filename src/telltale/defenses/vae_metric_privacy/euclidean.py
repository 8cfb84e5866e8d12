"""Mechanisms that add noise to a code: the Euclidean and the L1 Laplace distribution, and the Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from telltale.checks import number
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.trade_off import epsilon_for, sigma_for


@dataclass(frozen=True)
class LaplaceL2(Mechanism):
    """p(y | z) ∝ exp(-ε ‖y - z‖₂): the n-dimensional Laplace mechanism of metric privacy."""

    metric: ClassVar[str] = "Euclidean distance"
    unit: ClassVar[str] = "per unit of Euclidean distance in latent space"

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """ρ u,  u uniform on the sphere,  ρ ~ Gamma(shape n, scale 1/ε)."""
        noise = rng.standard_normal((records, width), dtype=dtype.type)
        radii = rng.standard_gamma(width, records) / self.epsilon
        noise *= (radii / np.sqrt(np.einsum("ij,ij->i", noise, noise))).astype(dtype)[:, None]
        return noise

    def worst_case(self, width: int) -> float:
        """e = 2 R ε."""
        return 2 * self.radius(width) * self.epsilon

    def arithmetic(self, width: int) -> str:
        """2 R ε."""
        return f"2 R ε = 2 · {self.radius(width):.4g} · {self.epsilon:.4g}"

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """ε (‖y - z'‖₂ - ‖y - z‖₂)."""
        return self.epsilon * (np.linalg.norm(released - other, axis=1) - np.linalg.norm(released - code, axis=1))


@dataclass(frozen=True)
class LaplaceL1(Mechanism):
    """p(y | z) ∝ exp(-ε ‖y - z‖₁): independent Laplace(0, 1/ε) on every coordinate."""

    metric: ClassVar[str] = "L1 distance"
    unit: ClassVar[str] = "per unit of L1 distance in latent space"

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """Draw Laplace numbers as exponential ones with a fair sign."""
        noise = rng.standard_exponential((records, width), dtype=dtype.type)
        noise /= dtype.type(self.epsilon)
        return np.negative(noise, out=noise, where=rng.integers(2, size=noise.shape, dtype=np.uint8).view(bool))

    def worst_case(self, width: int) -> float:
        """e = 2 √n R ε: codes clipped by their L2 norm are up to 2 √n R apart in L1."""
        return 2 * math.sqrt(width) * self.radius(width) * self.epsilon

    def arithmetic(self, width: int) -> str:
        """2 √n R ε."""
        return f"2 √n R ε = 2 · {math.sqrt(width):.4g} · {self.radius(width):.4g} · {self.epsilon:.4g}"

    def farthest(self, width: int) -> np.ndarray:
        """Return both ends of the diagonal."""
        end = np.full(width, self.radius(width) / math.sqrt(width))
        return np.stack([end, -end])

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """ε (‖y - z'‖₁ - ‖y - z‖₁)."""
        return self.epsilon * (np.abs(released - other).sum(1) - np.abs(released - code).sum(1))


@dataclass(frozen=True)
class Gaussian(Mechanism):
    """y ~ N(z, σ² I): not ε·d-private for any ε, but of Rényi divergence D_α = α ‖z - z'‖² / (2 σ²) for every order α.

    epsilon, delta: (ε, δ)-indistinguishability of the two clipped codes that are farthest apart, 2 R, in one release;
    σ follows from them by the analytic Gaussian mechanism (Balle, Wang 2018).
    """

    metric: ClassVar[str] = "Euclidean distance, as a Rényi divergence"
    unit: ClassVar[str] = "between the two clipped codes that are farthest apart, at δ"
    delta: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        number("defense.mechanism.delta", self.delta, above=0, below=1, expected="above 0 and below 1")

    def sigma(self, width: int) -> float:
        """Return σ, 0 where ε is infinite."""
        return sigma_for(self.epsilon, self.delta, 2 * self.radius(width))

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """σ N(0, I)."""
        return rng.standard_normal((records, width), dtype=dtype.type) * dtype.type(self.sigma(width))

    def worst_case(self, width: int) -> float:
        """e = ε, at δ."""
        return self.epsilon

    def mu(self, width: int, copies: int = 1) -> float:
        """μ = √k 2 R / σ: k releases of one code are one of a code √k times as far away."""
        sigma = self.sigma(width)
        return math.sqrt(copies) * 2 * self.radius(width) / sigma if sigma else math.inf

    def composed(self, width: int, copies: int) -> tuple[float, float]:
        """Return (e, δ) of all releases together, exactly."""
        if copies == 1 or math.isinf(self.epsilon):
            return self.epsilon, self.delta
        return epsilon_for(self.mu(width, copies), self.delta), self.delta

    def arithmetic(self, width: int) -> str:
        """2 R / σ."""
        radius, sigma = self.radius(width), self.sigma(width)
        return f"ε at δ = {self.delta:g}, from 2 R / σ = 2 · {radius:.4g} / {sigma:.4g}"

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(‖y - z'‖² - ‖y - z‖²) / (2 σ²), as a product with z - z'."""
        return (released - (code + other) / 2) @ (code - other) / self.sigma(released.shape[1]) ** 2
