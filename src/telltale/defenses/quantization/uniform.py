"""Uniform levels between the smallest and the largest weight: what integer tool chains do."""

from __future__ import annotations

import numpy as np

from telltale.defenses.quantization.codebook import Codebook, nearest_level


def uniform(values: np.ndarray, bits: int) -> Codebook:
    """Affine: Δ = (max - min) / (2^b - 1), q = round((w - min) / Δ), ŵ = min + q Δ."""
    return nearest_level(values, np.linspace(values.min(), values.max(), 2**bits))


def symmetric(values: np.ndarray, bits: int) -> Codebook:
    """Symmetric around zero, which is kept: Δ = max|w| / (2^(b-1) - 1), 2^b - 1 levels; with one bit ±max|w|."""
    largest = np.abs(values).max()
    return nearest_level(values, np.linspace(-largest, largest, max(2, 2**bits - 1)))
