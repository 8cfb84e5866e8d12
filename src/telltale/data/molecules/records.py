"""Molecules as records: canonical SMILES, what was measured of them, and their graphs on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np

from telltale.data.digests import as_digests, once, with_known_digests
from telltale.data.molecules.canonical import canonicalise
from telltale.data.molecules.graphs import MoleculeGraphs, featurise_cached
from telltale.data.records import check_labels, input_digests
from telltale.errors import InputError


@dataclass(frozen=True, eq=False)
class MoleculeRecords:
    """An ordered set of n molecules.

    smiles      (n,) object array of str, canonical
    source      the data set, as printed beside every figure
    properties  name → (n,) float, NaN = missing
    cache       folder for the graphs, None = make them anew in each run
    labels      (n,) int64, the class of each, None = not labelled
    classes     their names, a label is a position there
    ids         (n,) text, what their owner calls them; None = nothing
    values      (n,) float, what a regression learns of each; None = nothing
    """

    smiles: np.ndarray
    source: str
    properties: Mapping[str, np.ndarray] | None = None
    cache: Path | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    ids: np.ndarray | None = None
    values: np.ndarray | None = None
    kind: str = field(default="molecules", init=False)
    _origin: tuple[MoleculeGraphs, np.ndarray] | None = field(default=None, repr=False)  # graphs, rows of ours

    def __post_init__(self) -> None:
        if self.labels is not None:
            check_labels(len(self.smiles), self.labels, self.classes)

    @classmethod
    def of(cls, smiles: Sequence[str], source: str, cache: Path | None = None) -> Self:
        """Return records of any SMILES, canonicalised, duplicates kept. Raises InputError on a bad one."""
        canonical_texts = canonicalise(list(smiles))
        for text, canonical in zip(smiles, canonical_texts, strict=True):
            if canonical is None:
                raise InputError("dataset.smiles", repr(text), "expected a SMILES that RDKit can read")
        return cls(as_texts(canonical_texts), source, cache=cache)

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.smiles)

    def take(self, rows: np.ndarray) -> Self:
        """Return the molecules at `rows` (indices or a boolean mask), in that order."""
        rows = np.arange(len(self))[rows]
        properties = self.properties and {name: values[rows] for name, values in self.properties.items()}
        labels = None if self.labels is None else self.labels[rows]
        ids, values = (None if of is None else of[rows] for of in (self.ids, self.values))
        origin = self._origin
        if "_graphs" in self.__dict__:  # already made: slicing them is cheaper than asking the disk again
            origin = self._graphs, rows
        elif origin is not None:
            origin = origin[0], origin[1][rows]
        taken = {"smiles": self.smiles[rows], "properties": properties, "labels": labels, "ids": ids, "values": values}
        return with_known_digests(replace(self, **taken, _origin=origin), self, rows)

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each canonical SMILES, with its label or value, if any, (n,) dtype S16."""
        learned = self.values.tolist() if self.values is not None else self.labels
        texts = self.smiles if learned is None else (f"{s} {k}" for s, k in zip(self.smiles, learned, strict=True))
        return as_digests(blake2b(text.encode(), digest_size=16).digest() for text in texts)

    def arrays(self) -> MoleculeGraphs:
        """Return the graphs of exactly these molecules, made at most once per object and once per cache."""
        return self._graphs

    @cached_property
    def _graphs(self) -> MoleculeGraphs:
        if self._origin is None:
            return featurise_cached(self.smiles.tolist(), self.cache)
        graphs, rows = self._origin
        return graphs.take(rows)


@input_digests.register
@once("_input_digests_kept")
def _(records: MoleculeRecords) -> np.ndarray:
    """Digest the canonical SMILES, stereochemistry included: the graph's chirality and bond directions follow it."""
    return replace(records, labels=None, classes=(), values=None).fingerprints()


def as_texts(texts: Sequence[str | None]) -> np.ndarray:
    """Return an (n,) object array: a fixed-width one would spend the longest molecule's length on each."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
