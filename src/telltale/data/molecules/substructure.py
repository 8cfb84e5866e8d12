"""Which candidate molecules are a substructure of at least one training molecule.

The answer is that of a scan, `any(molecule.HasSubstructMatch(query) for molecule in molecules)`, with
chirality ignored. The scan is spared by a screen on necessary conditions (an inverted index): a match
maps the query's atoms and bonds one to one onto atoms of the same element and bonds of the same type, so
each small connected piece of the query occurs in the molecule at least as often as in the query. Only
molecules that hold every piece often enough are matched.

RDKit's SubstructLibrary answers somewhat faster, but keeps every molecule parsed (some 30 kB each; here
0.5 kB) and loses matches on unspecified bonds.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import rdkit
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator

from telltale.data.molecules.canonical import canonical

# Pieces are all connected subgraphs, branched and cyclic ones too, of up to this many bonds, and atoms.
PIECE_BONDS = 4
_BATCH = 2000
_PARSED_KEPT = 2_000  # some 30 kB each
_COUNT_MAX = 255
_FORMAT = 1
# A wildcard atom and the other bond types (zero-order, dative, unspecified) match by rules of their own.
_WILDCARD = Chem.MolFromSmarts("[#0]")
_UNUSUAL_BOND = Chem.MolFromSmarts("*!-;!=;!#;!:*")
_PIECES = rdFingerprintGenerator.GetRDKitFPGenerator(
    minPath=1, maxPath=PIECE_BONDS, useHs=True, branchedPaths=True, useBondOrder=True, numBitsPerFeature=1
)


class SubstructureIndex:
    """The training molecules, indexed so that a substructure query reads only the few that can match.

    molecules: SMILES; workers: threads that index them (None: every core); cache: an .npz file that
    keeps the index, rebuilt when the molecules or the RDKit version differ. Needs about 0.5 kB a
    drug-sized molecule. Raises ValueError with the SMILES that RDKit cannot read.
    """

    def __init__(self, molecules: Sequence[str], workers: int | None = None, cache: Path | None = None) -> None:
        self.molecules = list(molecules)
        index = _load(cache, self.molecules) if cache is not None else None
        if index is None:
            index = _build(self.molecules, workers)
            if cache is not None:
                _save(cache, self.molecules, index)
        self._keys, self._starts, self._rows = index["keys"], index["starts"], index["rows"]
        self._counts, self._odd = index["counts"], index["odd"]
        self._parsed = lru_cache(maxsize=_PARSED_KEPT)(parse)

    def contains(self, queries: Sequence[str]) -> np.ndarray:
        """Tell for each query whether any molecule contains it, (queries,) bool.

        Raises ValueError with the first query that RDKit cannot read.
        """
        answers = dict.fromkeys(queries, False)
        for smiles in answers:
            query = parse(smiles)
            answers[smiles] = any(
                self._parsed(self.molecules[row]).HasSubstructMatch(query) for row in self.survivors(query)
            )
        return np.array([answers[smiles] for smiles in queries], dtype=bool)

    def survivors(self, query: Chem.Mol) -> np.ndarray:
        """Return the rows of the molecules that pass the screen; every molecule that matches is there."""
        if not _is_plain(query):
            return np.arange(len(self.molecules))
        pieces = _pieces([Chem.Mol(query)], workers=1)[0]
        keys = np.fromiter(pieces, dtype=np.uint64, count=len(pieces))
        needed = np.fromiter(pieces.values(), dtype=np.int64, count=len(pieces)).clip(max=_COUNT_MAX)
        columns = np.searchsorted(self._keys, keys)
        known = columns < len(self._keys)
        known[known] = self._keys[columns[known]] == keys[known]
        if not known.all():
            return self._odd
        if not len(keys):
            return np.arange(len(self.molecules))
        rows = self._rows_with(columns, needed)
        return np.union1d(rows, self._odd) if len(self._odd) else rows

    def _rows_with(self, columns: np.ndarray, needed: np.ndarray) -> np.ndarray:
        """Return the rows that hold each piece (a column) as often as needed; the rarest piece first."""
        starts, ends = self._starts[columns], self._starts[columns + 1]
        rows: np.ndarray | None = None
        for i in np.argsort(ends - starts):
            holders, counts = self._rows[starts[i] : ends[i]], self._counts[starts[i] : ends[i]]
            if rows is None:
                rows = holders[counts >= needed[i]]
            else:
                at = np.minimum(np.searchsorted(holders, rows), len(holders) - 1)
                rows = rows[(holders[at] == rows) & (counts[at] >= needed[i])]
            if not len(rows):
                break
        assert rows is not None
        return rows


def contained_exactly(queries: Sequence[str], molecules: Sequence[str]) -> np.ndarray:
    """Tell for each query whether it is one of the molecules (equal canonical SMILES), (queries,) bool.

    Stereochemistry counts here. Raises ValueError with the first SMILES that RDKit cannot read.
    """
    known = {canonical(parse(smiles)) for smiles in molecules}
    return np.array([canonical(parse(smiles)) in known for smiles in queries], dtype=bool)


def parse(smiles: str) -> Chem.Mol:
    """Return the sanitised molecule; raises ValueError with the SMILES that RDKit cannot read."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot read the SMILES {smiles!r}")
    return molecule


def _is_plain(molecule: Chem.Mol) -> bool:
    """Tell whether elements and bond types alone decide a match: no wildcard, no unusual bond."""
    return not (
        molecule.HasQuery() or molecule.HasSubstructMatch(_WILDCARD) or molecule.HasSubstructMatch(_UNUSUAL_BOND)
    )


def _pieces(molecules: list[Chem.Mol], workers: int) -> list[Counter[int]]:
    """Count the atoms by element and the pieces by hash; clears the atoms' aromatic flags.

    An aliphatic query atom matches an aromatic atom of its element, so only the bonds may tell the two
    apart. Two pieces with one hash add up, on both sides, which keeps the condition necessary.
    """
    elements = []
    for molecule in molecules:
        elements.append(Counter([atom.GetAtomicNum() for atom in molecule.GetAtoms()]))
        for atom in molecule.GetAromaticAtoms():
            atom.SetIsAromatic(False)
    prints = _PIECES.GetSparseCountFingerprints(molecules, numThreads=workers)
    for counts, pieces in zip(elements, prints, strict=True):
        counts.update(pieces.GetNonzeroElements())
    return elements


def _batches(molecules: Sequence[str], workers: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield keys, rows, counts (pieces,) and the rows that are not plain, a batch of molecules at a time."""
    for start in range(0, len(molecules), _BATCH):
        parsed = [parse(smiles) for smiles in molecules[start : start + _BATCH]]
        odd = [start + i for i, molecule in enumerate(parsed) if not _is_plain(molecule)]
        pieces = _pieces(parsed, workers)
        sizes = [len(counts) for counts in pieces]
        total = sum(sizes)
        keys = np.fromiter((key for counts in pieces for key in counts), np.uint64, total)
        values = np.fromiter((n for counts in pieces for n in counts.values()), np.int64, total)
        rows = np.repeat(np.arange(start, start + len(parsed), dtype=np.uint32), sizes)
        yield keys, rows, values.clip(max=_COUNT_MAX).astype(np.uint8), np.array(odd, dtype=np.uint32)


def _build(molecules: Sequence[str], workers: int | None) -> dict[str, np.ndarray]:
    """Return the inverted index: sorted keys, and for each the rows (ascending) and counts that hold it."""
    parts = list(zip(*_batches(molecules, workers or 0), strict=True))  # RDKit reads 0 as every core
    if not parts:
        parts = [(np.empty(0, t),) for t in (np.uint64, np.uint32, np.uint8, np.uint32)]
    all_keys, rows, counts, odd = (np.concatenate(part) for part in parts)
    order = np.argsort(all_keys, kind="stable")
    keys, starts = np.unique(all_keys[order], return_index=True)
    starts = np.append(starts, len(order)).astype(np.int64)
    return {"keys": keys, "starts": starts, "rows": rows[order], "counts": counts[order], "odd": odd}


def _fingerprint(molecules: Sequence[str]) -> np.ndarray:
    """Return a digest of what the index depends on, (32,) uint8."""
    head = f"{_FORMAT} {PIECE_BONDS} {rdkit.__version__}"
    return np.frombuffer(hashlib.sha256("\n".join([head, *molecules]).encode()).digest(), dtype=np.uint8)


def _load(cache: Path, molecules: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Return the index kept in `cache`, None if there is none for these molecules."""
    try:
        with np.load(cache, allow_pickle=False) as stored:
            index = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
    matches = "digest" in index and np.array_equal(index["digest"], _fingerprint(molecules))
    return index if matches else None


def _save(cache: Path, molecules: Sequence[str], index: dict[str, np.ndarray]) -> None:
    """Write the index to `cache`, whole or not at all."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_name(f"{cache.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(file, digest=_fingerprint(molecules), **index)  # type: ignore[arg-type]
    partial.replace(cache)
