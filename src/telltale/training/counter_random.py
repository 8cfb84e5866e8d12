"""Random numbers as a function of (seed, epoch, record, role, counter): the same on any device and number of processes.

A corruption of a record (a masked atom, a dropped bond) must not depend on which batch or process the record
is in, nor on whether training was interrupted; so nothing is drawn from a running generator. The mixing function
is splitmix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def record_keys(fingerprints: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Give every record its own number for this seed and epoch: (n,) S16 -> (n,) int64."""
    return keys_from(padded_words(fingerprints), salt_of(seed, epoch))


def padded_words(fingerprints: np.ndarray) -> np.ndarray:
    """Return the first eight bytes of each fingerprint as a number: (n,) S16 -> (n,) uint64."""
    return np.ascontiguousarray(fingerprints.astype("S16")).view(np.uint64)[::2]


def salt_of(seed: int, epoch: int) -> np.uint64:
    """Hash a seed and an epoch to one number."""
    return np.uint64(int.from_bytes(hashlib.blake2b(f"{seed}/{epoch}".encode(), digest_size=8).digest(), "little"))


def keys_from(words: np.ndarray, salts: np.ndarray | np.uint64) -> np.ndarray:
    """Mix words of fingerprints with salts, broadcast: uint64 -> int64."""
    return (words * _GOLDEN ^ salts).view(np.int64)


def uniform(keys: Tensor, role: str, counters: Tensor | int = 0) -> Tensor:
    """Draw one number in [0, 1) for each key: int64 (n,) -> float32 (n,)."""
    bits = _mix(_mix(keys ^ _constant(role)) + counters)
    return _shift(bits, 40).to(torch.float32) / float(1 << 24)


def normal(keys: Tensor, role: str, counters: Tensor | int = 0) -> Tensor:
    """Draw from N(0, 1) for each key and counter, broadcast (Box & Muller 1958): int64 -> float32."""
    radius = (-2 * torch.log1p(-uniform(keys, f"{role}, radius", counters))).sqrt()
    return radius * torch.cos(2 * math.pi * uniform(keys, f"{role}, angle", counters))


def mixed(values: Tensor) -> Tensor:
    """Mix whole numbers by splitmix64's function: int64 (…) -> int64 (…), equal ones alike."""
    return _mix(values)


def _mix(values: Tensor) -> Tensor:
    values = values + _signed(int(_GOLDEN))
    values = (values ^ _shift(values, 30)) * _signed(_MULTIPLIERS[0])
    values = (values ^ _shift(values, 27)) * _signed(_MULTIPLIERS[1])
    return values ^ _shift(values, 31)


def _shift(values: Tensor, bits: int) -> Tensor:
    # torch shifts int64 arithmetically; the mask makes it the logical shift that splitmix64 is defined with
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def _constant(role: str) -> int:
    return _signed(int.from_bytes(hashlib.blake2b(role.encode(), digest_size=8).digest(), "little"))


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
