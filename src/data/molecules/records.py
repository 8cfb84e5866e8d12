"""Molecules as records: canonical SMILES, their labels, and their graphs on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np

from src.data.molecules.canonical import canonicalise
from src.data.molecules.graphs import MoleculeGraphs, featurise_cached
from src.errors import InputError


@dataclass(frozen=True, eq=False)
class MoleculeRecords:
    """An ordered set of n molecules.

    smiles: (n,) object array of str, canonical; labels: name → (n,) float, NaN = missing; cache: folder for
    the graphs, None = make them anew in each run.
    """

    smiles: np.ndarray
    source: str
    labels: Mapping[str, np.ndarray] | None = None
    cache: Path | None = None
    kind: str = field(default="molecules", init=False)
    _origin: tuple[MoleculeGraphs, np.ndarray] | None = field(default=None, repr=False)  # graphs, rows of ours

    @classmethod
    def of(cls, smiles: Sequence[str], source: str, cache: Path | None = None) -> Self:
        """Return records of any SMILES, canonicalised, duplicates kept. Raises InputError on a bad one."""
        found = canonicalise(list(smiles))
        for text, canonical in zip(smiles, found, strict=True):
            if canonical is None:
                raise InputError("dataset.smiles", repr(text), "expected a SMILES that RDKit can read")
        return cls(as_texts(found), source, cache=cache)

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.smiles)

    def take(self, rows: np.ndarray) -> Self:
        """Return the molecules at `rows` (indices or a boolean mask), in that order."""
        rows = np.arange(len(self))[rows]
        labels = None if self.labels is None else {name: values[rows] for name, values in self.labels.items()}
        origin = self._origin
        if "_graphs" in self.__dict__:  # already made: slicing them is cheaper than asking the disk again
            origin = self._graphs, rows
        elif origin is not None:
            origin = origin[0], origin[1][rows]
        return type(self)(self.smiles[rows], self.source, labels, self.cache, origin)

    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each canonical SMILES, (n,) dtype S16."""
        digests = b"".join(blake2b(text.encode(), digest_size=16).digest() for text in self.smiles)
        return np.frombuffer(digests, dtype="S16")

    def arrays(self) -> MoleculeGraphs:
        """Return the graphs of exactly these molecules, made at most once per object and once per cache."""
        return self._graphs

    @cached_property
    def _graphs(self) -> MoleculeGraphs:
        if self._origin is None:
            return featurise_cached(self.smiles.tolist(), self.cache)
        graphs, rows = self._origin
        return graphs.take(rows)


def as_texts(texts: Sequence[str | None]) -> np.ndarray:
    """Return an (n,) object array: a fixed-width one would spend the longest molecule's length on each."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
