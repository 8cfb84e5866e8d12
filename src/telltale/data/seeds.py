"""Every seed of a run derives from (seed, role, index), so that owner and attacker never share one by accident."""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, role: str, index: int = 0) -> int:
    """Derive a seed in [0, 2^31) for one role, e.g. derive(0, "victim", 3)."""
    digest = hashlib.blake2b(f"{seed}/{role}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % 2**31


def generator(seed: int, role: str, index: int = 0) -> np.random.Generator:
    """Return a numpy generator for one role."""
    return np.random.default_rng(derive(seed, role, index))
