"""Random numbers as a function of (seed, role, picture, place): a picture does not hang on how many there are.

The mixing function is splitmix64 (Steele, Lea & Flood 2014): the same numbers with any version of numpy.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def bits(seed: int, role: str, pictures: np.ndarray, places: int) -> np.ndarray:
    """Draw 64 bits for each place of each picture: (n,) int64 numbers of pictures -> (n, places) uint64."""
    salt = int.from_bytes(blake2b(f"{seed}/{role}".encode(), digest_size=8).digest(), "little")
    streams = _mixed(pictures.astype(np.uint64) * _STEP + np.uint64(salt))
    return _mixed(streams[:, None] + np.arange(1, places + 1, dtype=np.uint64) * _STEP)


def uniform(seed: int, role: str, pictures: np.ndarray, places: int) -> np.ndarray:
    """Draw from [0, 1) for each place of each picture: (n, places) float64."""
    return (bits(seed, role, pictures, places) >> np.uint64(11)) * 2.0**-53


def whole(seed: int, role: str, pictures: np.ndarray, places: int, below: int) -> np.ndarray:
    """Draw whole numbers from 0 to `below` - 1, all as likely: (n, places) int64."""
    return (uniform(seed, role, pictures, places) * below).astype(np.int64)


def bell(seed: int, role: str, pictures: np.ndarray, places: int) -> np.ndarray:
    """Draw sums of four bytes, mean 0 and variance 1, nearly normal and within ±3.5: (n, places) float32."""
    parts = bits(seed, role, pictures, -(-places // 2)).view(np.uint8).reshape(len(pictures), -1, 4)
    sums = parts[:, :places].sum(2, dtype=np.int16)
    return (sums.astype(np.float32) - np.float32(510)) * np.float32(1 / (4 * (256**2 - 1) / 12) ** 0.5)


def _mixed(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
