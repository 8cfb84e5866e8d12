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

# Pieces are all connected subgraphs, branched and cyclic ones too, of up to this many bonds, and atoms.
PIECE_BONDS = 4
_BATCH = 2000
_PARSED_KEPT = 2_000  # some 30 kB each
_COUNT_MAX = 255
_FEW = 4  # molecules that are matched sooner than screened
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
        return self.contained_in(queries, np.ones((1, len(self.molecules)), bool))[0]

    def contained_in(self, queries: Sequence[str], sets: np.ndarray) -> np.ndarray:
        """Tell for each query which sets have a molecule that contains it: (sets, molecules) bool -> (sets, queries).

        Raises ValueError with the first query that RDKit cannot read.
        """
        distinct = list(dict.fromkeys(queries))
        answers = np.zeros((len(distinct), len(sets)), bool)
        of_molecule = np.ascontiguousarray(sets.T)
        for start in range(0, len(distinct), _BATCH):
            parsed = [parse(smiles) for smiles in distinct[start : start + _BATCH]]
            for place, (query, rows) in enumerate(zip(parsed, self._screened(parsed), strict=True), start):
                answers[place] = self._sets_with(query, rows, of_molecule)
        places = {smiles: place for place, smiles in enumerate(distinct)}
        return answers[[places[smiles] for smiles in queries]].T

    def survivors(self, query: Chem.Mol) -> np.ndarray:
        """Return the rows of the molecules that pass the screen; every molecule that matches is there."""
        return next(self._screened([query]))

    def _sets_with(self, query: Chem.Mol, rows: np.ndarray, of_molecule: np.ndarray) -> np.ndarray:
        """Match the query with molecules, as long as that can tell of another set: (sets,) bool."""
        found = np.zeros(of_molecule.shape[1], bool)
        rows = rows[of_molecule[rows].any(1)]
        while len(rows):
            if self._parsed(self.molecules[rows[0]]).HasSubstructMatch(query):
                found |= of_molecule[rows[0]]
                rows = rows[1:][(of_molecule[rows[1:]] & ~found).any(1)]
            else:
                rows = rows[1:]
        return found

    def _screened(self, queries: list[Chem.Mol]) -> Iterator[np.ndarray]:
        """Yield the survivors of each query."""
        plain = [_is_plain(query) for query in queries]
        pieces = iter(_pieces([Chem.Mol(query) for query, is_plain in zip(queries, plain, strict=True) if is_plain], 0))
        for is_plain in plain:
            yield self._survivors(*next(pieces)) if is_plain else np.arange(len(self.molecules))

    def _survivors(self, keys: np.ndarray, needed: np.ndarray) -> np.ndarray:
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
        """Return the rows that hold each piece (a column) as often as needed; the rarest piece first.

        Rows that are few are not screened any further: they are sooner matched.
        """
        starts, ends = self._starts[columns], self._starts[columns + 1]
        rows: np.ndarray | None = None
        for i in np.argsort(ends - starts, kind="stable").tolist():
            holders, counts = self._rows[starts[i] : ends[i]], self._counts[starts[i] : ends[i]]
            if rows is None:
                rows = holders[counts >= needed[i]]
            else:
                at = np.minimum(np.searchsorted(holders, rows), len(holders) - 1)
                rows = rows[(holders[at] == rows) & (counts[at] >= needed[i])]
            if len(rows) <= _FEW:
                break
        assert rows is not None
        return rows


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


def _pieces(molecules: list[Chem.Mol], workers: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the atoms by element and the pieces by hash, and how many of each: keys uint64, counts int64.

    An aliphatic query atom matches an aromatic atom of its element, so only the bonds may tell the two
    apart, and the atoms' aromatic flags are cleared. Two pieces with one hash add up, on both sides, which keeps the
    condition necessary. workers: threads, 0 = every core.
    """
    elements = []
    for molecule in molecules:
        elements.append(Counter([atom.GetAtomicNum() for atom in molecule.GetAtoms()]))
        for atom in molecule.GetAromaticAtoms():
            atom.SetIsAromatic(False)
    prints = _PIECES.GetSparseCountFingerprints(molecules, numThreads=workers)
    pieces = []
    for counts, found in zip(elements, prints, strict=True):
        counts.update(found.GetNonzeroElements())
        keys, values = np.fromiter(counts, np.uint64, len(counts)), np.fromiter(counts.values(), np.int64, len(counts))
        pieces.append((keys, values.clip(max=_COUNT_MAX)))
    return pieces


def _batches(molecules: Sequence[str], workers: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield keys, rows, counts (pieces,) and the rows that are not plain, a batch of molecules at a time."""
    for start in range(0, len(molecules), _BATCH):
        parsed = [parse(smiles) for smiles in molecules[start : start + _BATCH]]
        odd = [start + i for i, molecule in enumerate(parsed) if not _is_plain(molecule)]
        keys, counts = zip(*_pieces(parsed, workers), strict=True)
        rows = np.repeat(np.arange(start, start + len(parsed), dtype=np.uint32), [len(found) for found in keys])
        yield np.concatenate(keys), rows, np.concatenate(counts).astype(np.uint8), np.array(odd, dtype=np.uint32)


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
