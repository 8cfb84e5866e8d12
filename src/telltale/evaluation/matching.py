"""Which candidates are molecules that a victim was trained on, or parts of one; kept in the store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import rdkit

from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.data.molecules.canonical import canonical
from telltale.data.molecules.substructure import SubstructureIndex, parse
from telltale.truth import Truth

KIND = "matches"  # of entries in the store


@dataclass(frozen=True)
class Matches:
    """What the candidates match, each (victims, candidates) bool.

    parts     the candidate is part of a training molecule
    exact     it is one
    disjoint  it is part of a training molecule of the disjoint control, or of others that no model has; the same for
              every victim; None where none is asked for
    beyond    it is part of a training molecule that has no counterpart among those others; None of a control
    """

    parts: np.ndarray
    exact: np.ndarray
    disjoint: np.ndarray | None
    beyond: np.ndarray | None = None

    @property
    def compared(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return `parts` and `disjoint` for the question which of the two alone; what lies beyond is in both."""
        if self.disjoint is None or self.beyond is None:
            return None if self.disjoint is None else (self.parts, self.disjoint)
        return self.parts | self.beyond, self.disjoint | self.beyond


def matches(smiles: np.ndarray, truth: Truth, disjoint: bool, kept: Kept = NOWHERE) -> Matches:
    """Match candidates, (candidates,) SMILES, with each victim's molecules; disjoint: with those of the control too."""
    sets: list[np.ndarray] = [records.smiles for records in truth.learned]  # type: ignore[attr-defined]
    others = [truth.disjoint.smiles] if disjoint else []  # type: ignore[attr-defined]
    beyond = [those.smiles for those in truth.beyond or ()] if disjoint else []  # type: ignore[attr-defined]
    document = {
        **{"candidates": content_digest(smiles), "molecules": [content_digest(those) for those in sets]},
        **{"disjoint": [content_digest(those) for those in others], "rdkit": rdkit.__version__},
        **({"beyond": [content_digest(those) for those in beyond]} if beyond else {}),
    }

    def make() -> dict[str, np.ndarray]:
        return {"parts": parts_of(smiles, [*sets, *others, *beyond]), "exact": exactly_in(smiles, sets)}

    found = kept.arrays(KIND, document, make, __name__)
    parts, of_others, of_beyond = np.split(found["parts"], [len(sets), len(sets) + len(others)])
    of_control = np.tile(of_others, (len(sets), 1)) if disjoint else None
    return Matches(parts, found["exact"], of_control, of_beyond if disjoint and truth.beyond is not None else None)


def parts_of(smiles: np.ndarray, sets: list[np.ndarray]) -> np.ndarray:
    """Tell of each candidate in which sets of molecules one contains it: (sets, candidates) bool."""
    places = {text: place for place, text in enumerate(dict.fromkeys(text for those in sets for text in those))}
    of_sets = np.zeros((len(sets), len(places)), bool)
    for row, those in zip(of_sets, sets, strict=True):
        row[[places[text] for text in those]] = True
    return SubstructureIndex(list(places)).contained_in(smiles.tolist(), of_sets)


def exactly_in(smiles: np.ndarray, sets: list[np.ndarray]) -> np.ndarray:
    """Tell of each candidate in which sets it is; their SMILES are canonical, as all records' are: (sets, candidates).

    Stereochemistry counts.
    """
    spellings = [canonical(parse(text), text) for text in smiles.tolist()]
    known = [set(those.tolist()) for those in sets]
    return np.array([[spelling in those for spelling in spellings] for those in known], bool)
