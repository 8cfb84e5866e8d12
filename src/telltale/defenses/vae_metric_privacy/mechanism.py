"""What a mechanism is: noise on latent codes that hides how far a code is from others, by a metric that it names.

Metric privacy (Chatzikokolakis et al., PETS 2013): M is ε·d-private iff P[M(z) ∈ S] ≤ exp(ε d(z, z')) P[M(z') ∈ S] for
all codes z, z' and sets S. Codes are clipped to ‖z‖₂ ≤ R first, so that no two are farther apart than a worst case.

Drawn by numpy, about as fast as torch on a CPU, which has no generator of its own for Gamma and Beta numbers. Samplers
draw floating-point numbers as they come, whose grid gives away more than real numbers would (Mironov 2012), from seeds
that a reader of the results may know: good for research, not for a release.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from telltale.checks import number
from telltale.data.seeds import generator
from telltale.errors import InputError

BLOCK = 2048  # records whose noise comes from one generator


@dataclass(frozen=True)
class Mechanism:
    """Base of all mechanisms; a subclass names its metric, draws noise and states what it is worth.

    epsilon: ε per unit of the metric, infinite = no mechanism at all: codes stay as they are, unclipped; clip_radius:
    R, None = √n, which must not come from the protected records. Raises InputError for ε or R that are not above 0.
    """

    metric: ClassVar[str] = ""
    unit: ClassVar[str] = ""  # what ε is counted in
    angular: ClassVar[bool] = False
    epsilon: float
    clip_radius: float | None = None

    def __post_init__(self) -> None:
        number("defense.mechanism.epsilon", self.epsilon, above=0, infinite=True, expected="above 0; .inf for no noise")
        radius, expected = self.clip_radius, "above 0, or null for √n"
        number("defense.mechanism.clip_radius", radius, above=0, or_null=True, expected=expected)

    def perturb(self, codes: np.ndarray, seed: int, first: int = 0) -> np.ndarray:
        """Clip and perturb codes: (records, n) floats -> the same shape and type.

        first: place of codes[0] among all records. A record's noise follows from the seed and its place alone, however
        records are batched; a second copy of the same records needs a seed of its own.
        Raises InputError where n is too small.
        """
        width = codes.shape[1]
        self.check(width)
        if math.isinf(self.epsilon):
            return codes
        out = np.empty_like(codes)

        def fill(part: tuple[int, slice, slice]) -> None:
            block, inside, rows = part
            noise = self.draw(generator(seed, "latent noise", block), BLOCK, width, codes.dtype)
            out[rows] = self.place(clip(codes[rows], self.radius(width)), noise[inside])

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # numpy draws and computes outside the lock
            list(threads.map(fill, blocks(first, len(codes))))
        return out

    def check(self, width: int) -> None:
        """Refuse, by InputError, a latent dimension that the mechanism cannot work in."""
        if width < 1:
            raise InputError("defense.vae.latent_dim", width, "at least 1")

    def clipped_share(self, codes: np.ndarray) -> float:
        """Return the share of codes (records, n) that are longer than R, and so are cut; 0 where none is."""
        if math.isinf(self.epsilon) and not isinstance(self, ClipOnly):
            return 0.0
        return float((np.linalg.norm(codes, axis=1) > self.radius(codes.shape[1])).mean())

    def radius(self, width: int) -> float:
        """Return R."""
        return math.sqrt(width) if self.clip_radius is None else self.clip_radius

    def draw(self, rng: np.random.Generator, records: int, width: int, dtype: np.dtype) -> np.ndarray:
        """Draw noise that knows nothing of the codes: (records, …)."""
        raise NotImplementedError

    def place(self, codes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Put noise on clipped codes: (records, n), (records, …) -> (records, n)."""
        return codes + noise

    def worst_case(self, width: int) -> float:
        """Return e: any two clipped codes are e-indistinguishable from one release."""
        raise NotImplementedError

    def composed(self, width: int, copies: int) -> tuple[float, float]:
        """Return (e, δ) of so many releases of one code."""
        return copies * self.worst_case(width), 0.0

    def arithmetic(self, width: int) -> str:
        """Say in symbols and figures how e comes about, e.g. "2 R ε = 2 · 4 · 0.1"."""
        raise NotImplementedError

    def farthest(self, width: int) -> np.ndarray:
        """Return two clipped codes that reach the worst case: (2, n)."""
        end = np.zeros(width)
        end[0] = self.radius(width)
        return np.stack([end, -end])

    def log_ratio(self, released: np.ndarray, code: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return log p(released | code) - log p(released | other), clipped codes (n,): (records, n) -> (records,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class NoNoise(Mechanism):
    """y = z: nothing is private. What the VAE alone does, to tell the noise's part from it."""

    metric: ClassVar[str] = "none"
    unit: ClassVar[str] = "no unit"
    epsilon: float = field(default=math.inf, init=False)
    clip_radius: float | None = field(default=None, init=False)

    def worst_case(self, width: int) -> float:
        """Nothing is hidden."""
        return math.inf

    def arithmetic(self, width: int) -> str:
        """Say so."""
        return "no noise"


@dataclass(frozen=True)
class ClipOnly(NoNoise):
    """y = z cut to ‖z‖ ≤ R: nothing is private. What clipping alone does, which comes before any noise."""

    metric: ClassVar[str] = "none"
    clip_radius: float | None = None

    def perturb(self, codes: np.ndarray, seed: int, first: int = 0) -> np.ndarray:
        """Clip codes: (records, n) -> the same shape and type."""
        self.check(codes.shape[1])
        return clip(codes, self.radius(codes.shape[1])).astype(codes.dtype, copy=False)

    def arithmetic(self, width: int) -> str:
        """Say so."""
        return "no noise, codes clipped"


def clip(codes: np.ndarray, radius: float) -> np.ndarray:
    """z min(1, R / ‖z‖₂), rounded inwards: no norm exceeds R."""
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    inwards = radius * (1 - 4 * np.finfo(codes.dtype).eps)
    return np.where(norms > radius, codes * (inwards / np.maximum(norms, inwards)), codes)


def blocks(first: int, records: int) -> Iterator[tuple[int, slice, slice]]:
    """Cut places first … first + records - 1 into blocks: number, rows of the block, rows of the batch."""
    at = first
    while at < first + records:
        block, start = divmod(at, BLOCK)
        stop = min(BLOCK, start + first + records - at)
        yield block, slice(start, stop), slice(at - first, at - first + stop - start)
        at += stop - start
