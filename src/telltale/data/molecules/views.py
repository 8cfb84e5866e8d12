"""Molecules as a table: Morgan fingerprints, so that what takes tables takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator

from telltale.checks import choice
from telltale.data.loaded import Loaded
from telltale.data.molecules.parallel import in_chunks
from telltale.data.molecules.smiles_files import ReadMolecules
from telltale.data.records import require_labels
from telltale.data.tables.records import Column, TableRecords, distinct
from telltale.writing import counted

VIEWS = ("graph", "morgan")
BITS, RADIUS = 2048, 2


def seen_as(read: ReadMolecules, view: str) -> Loaded[Any]:
    """Return molecules as what a model takes: graph, as they are; morgan, a table of fingerprints of BITS bits.

    Molecules of one fingerprint are one row of it, and told. Raises InputError for molecules without classes, which
    are no table that a recipe of ours could learn, unless their owner's model is to be asked.
    """
    if choice("dataset.view", view, VIEWS) == "graph":
        return read
    given = read.given
    if given is not None:
        bits = morgan_bits(given.records.smiles.tolist())
        given = replace(given, inputs=bits, features=bits)
    if given is not None and read.records.labels is None:
        names = ("lines", "duplicates", "conflicts", "invalid", "dropped", "told", "merged")
        facts = {name: getattr(read, name) for name in names}
        return Loaded(records=None, given=given, **facts)
    require_labels(read.records, "dataset")
    records = read.records
    columns = tuple(Column(f"bit {at}", "binary", at, at + 1, ("0", "1")) for at in range(BITS))
    source, labels = f"{records.source}, Morgan fingerprints", records.labels
    assert labels is not None
    bits = morgan_bits(records.smiles.tolist())
    places = [] if read.places is None else [(read.files[file], line) for file, line in read.places.tolist()]
    table = distinct(TableRecords(bits, labels, source, records.classes, columns, records.ids), (), places)
    merged = list(read.merged)
    if table.duplicates:
        other = f", {table.conflicts:,} of them under another label" if table.conflicts else ""
        fate = "and is left out" if table.duplicates == 1 else "and are left out"
        molecules = counted(table.duplicates, "molecule has", "molecules have")
        merged.append(f"{molecules} the fingerprint of an earlier one {fate}{other}")
    return replace(
        table,
        lines=read.lines,
        duplicates=read.duplicates,
        conflicts=read.conflicts,
        invalid=read.invalid,
        dropped=(*read.dropped, *table.dropped),
        told=read.told,
        merged=tuple(merged),
        given=given,
    )


def morgan_bits(smiles: Sequence[str]) -> np.ndarray:
    """Return Morgan fingerprints of radius 2 (Rogers & Hahn 2010) of molecules that RDKit can read.

    (n,) -> (n, BITS) 0 and 1, float32 as tables are.
    """
    parts = in_chunks(_fingerprints, smiles, None, "fingerprints")
    return np.concatenate([np.zeros((0, BITS), np.uint8), *parts]).astype(np.float32)


def _fingerprints(smiles: list[str]) -> np.ndarray:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    with rdBase.BlockLogs():
        return np.stack([generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in smiles])
