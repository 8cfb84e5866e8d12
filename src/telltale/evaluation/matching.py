"""Which candidates are molecules that a victim was trained on, or parts of one; kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import rdkit

from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.data.molecules.substructure import SubstructureIndex, contained_exactly
from telltale.truth import Truth

KIND = "matches"  # of entries in the store
Found = Callable[[Sequence[str], Sequence[str]], np.ndarray]


def matches(smiles: np.ndarray, truth: Truth, kept: Kept = NOWHERE) -> tuple[np.ndarray, np.ndarray]:
    """Match candidates with each victim's training molecules: part of one, is one; each (victims, candidates)."""
    learned = [records.smiles for records in truth.learned]  # type: ignore[attr-defined]
    parts = np.stack([parts_of(smiles, molecules, kept) for molecules in learned])
    return parts, np.stack([_kept("is one", contained_exactly, smiles, molecules, kept) for molecules in learned])


def parts_of(smiles: np.ndarray, molecules: np.ndarray, kept: Kept = NOWHERE) -> np.ndarray:
    """Tell of each candidate whether it is part of any of the molecules: (candidates,) bool."""
    return _kept("part of one", _contained, smiles, molecules, kept)


def _contained(queries: Sequence[str], molecules: Sequence[str]) -> np.ndarray:
    return SubstructureIndex(molecules).contains(queries)


def _kept(name: str, found: Found, smiles: np.ndarray, molecules: np.ndarray, kept: Kept) -> np.ndarray:
    document = {
        **{"match": name, "candidates": content_digest(smiles), "molecules": content_digest(molecules)},
        "rdkit": rdkit.__version__,
    }
    made = kept.arrays(KIND, document, lambda: {"found": found(smiles.tolist(), molecules.tolist())}, __name__)
    return made["found"]
