"""Fréchet ChemNet distance: how far two sets of molecules lie apart in a trained network's activations."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any


def frechet_chemnet_distance(smiles_a: Sequence[str], smiles_b: Sequence[str]) -> float | None:
    """Return the distance of Preuer et al. 2018 (doi 10.1021/acs.jcim.8b00234), 0 for equal sets.

    None without the optional package `fcd_torch` or if a set has fewer than two molecules. Sets of
    different size are not comparable: the distance is biased upwards for small ones.
    """
    if min(len(smiles_a), len(smiles_b)) < 2 or importlib.util.find_spec("fcd_torch") is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fcd_torch calls retired names of numpy and scipy
        a, b = _statistics(tuple(map(str, smiles_a))), _statistics(tuple(map(str, smiles_b)))
        return max(0.0, float(_network()(pref=b, pgen=a)))


@lru_cache(maxsize=16)
def _statistics(smiles: tuple[str, ...]) -> Any:
    return _network().precalc(list(smiles))


@cache
def _network() -> Any:
    from fcd_torch import FCD

    return FCD(device="cpu", n_jobs=1)
