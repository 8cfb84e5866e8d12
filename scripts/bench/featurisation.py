"""Graphs of 20,000 molecules: made by RDKit against read from the cache."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from telltale.data.molecules import moses
from telltale.data.molecules.graphs import featurise_cached


def measure(molecules: int = 20_000, repeats: int = 3) -> dict[str, float]:
    """Return seconds of the first start and of a later one (the fastest of `repeats`), and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        smiles = moses.load(cache=folder).records.smiles[:molecules].tolist()
        began = time.perf_counter()
        featurise_cached(smiles, cache)
        first = time.perf_counter() - began
        later = min(_seconds(smiles, cache) for _ in range(repeats))
    return {"molecules": molecules, "first_seconds": first, "later_seconds": later, "ratio": first / later}


def _seconds(smiles: list[str], cache: Path) -> float:
    began = time.perf_counter()
    featurise_cached(smiles, cache)
    return time.perf_counter() - began
