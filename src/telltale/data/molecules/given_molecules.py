"""Molecules as their owner has them: each line as it is written, its name, its value, and who was trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

from telltale.data.compressed import LARGEST
from telltale.data.given import Given, as_membership, classes_of, groups_of
from telltale.data.members import with_said
from telltale.data.molecules.canonical import canonicalise
from telltale.data.molecules.classes import classes_by
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.rows import Columns, PropertyError, Rows, read_rows
from telltale.data.molecules.smiles_files import ReadMolecules, reasons_of
from telltale.errors import InputError
from telltale.writing import counted

SCAFFOLD = "scaffold"


@dataclass(frozen=True)
class Said:
    """What the owner says of its molecules.

    members  column of who was trained on, or a file of ids or row numbers; None = not said
    id       column of each molecule's name; None = its file and line
    group    column whose rows stay together, or `scaffold`: those of one Bemis-Murcko scaffold (1996); None = none
    kind     of the label: auto | classes | values, see `classes_of`
    """

    members: str | None = None
    id: str | None = None
    group: str | None = None
    kind: str = "auto"

    @property
    def anything(self) -> bool:
        """Whether there is anything to read beside the molecules."""
        return self != Said()

    def columns(self) -> dict[str, str]:
        """Return the columns to be read, by the option that names them."""
        file = self.members is None or Path(self.members).expanduser().is_file()
        named = {"members": None if file else self.members, "id": self.id}
        named["group"] = None if self.group == SCAFFOLD else self.group
        return {option: column for option, column in named.items() if column is not None}


def given_molecules(
    files: Sequence[Path],
    read: ReadMolecules,
    said: Said,
    column: str | None = None,
    label: str | None = None,
    cut: float | str | None = None,
    largest: float = LARGEST,
) -> tuple[Given, tuple[str, ...]]:
    """Return every line that is a molecule and has a label, and what there is to tell; see `Said` for the rest.

    inputs of a model of the owner's are the SMILES as they are written. Whole numbers are classes and other numbers
    values, unless said.kind or a cut makes classes of them. Raises InputError for columns that are not there.
    """
    named, labelled = said.columns(), () if label is None else (label,)
    words = tuple(dict.fromkeys(named.values()))
    columns = Columns(column, labelled, False, label, label is not None and cut is None, words)
    rows = [_rows(file, columns, named, said, largest) for file in files]
    texts = [text for part in rows for text in part.texts]
    smiles = canonicalise(texts)
    values = np.array(list(chain.from_iterable(part.properties[label] for part in rows))) if label else None
    bad = reasons_of(rows, smiles, {} if values is None or label is None else {label: values}, columns)
    usable = np.array([row not in bad for row in range(len(texts))], bool)
    usable &= True if values is None else ~np.isnan(values)
    kept = np.flatnonzero(usable)
    cells = {option: [word for part in rows for word in part.words[name]] for option, name in named.items()}
    places = [f"{file.name}:{line}" for file, part in zip(files, rows, strict=True) for line in part.lines]
    every_id = np.array([word.strip() for word in cells.get("id", places)], dtype=str)
    labels, classes = _labels(None if values is None else values[kept], label, cut, said.kind)
    canonical = as_texts([smiles[row] for row in kept.tolist()])
    groups = _groups(said.group, canonical, [cells["group"][row] for row in kept.tolist()] if "group" in cells else [])
    properties = {label: labels} if label and labels is not None and not classes else None
    records = MoleculeRecords(canonical, read.records.source, properties, read.records.cache, ids=every_id[kept])
    if classes:
        records = replace(records, labels=labels, classes=classes)
    given = Given(
        *([texts[row] for row in kept.tolist()], read.records.source, every_id[kept], labels, classes, None, groups),
        records=records,
    )
    if "members" in cells:
        member = np.array([cells["members"][row] for row in kept.tolist()], dtype=str)
        given = given.with_members(as_membership("dataset.members", member, files[0]))
    else:
        given = with_said(given, said.members, every_id, kept)
    return given, _told(given, said, label)


def _rows(file: Path, columns: Columns, named: dict[str, str], said: Said, largest: float) -> Rows:
    try:
        return read_rows(file, columns, largest=largest)
    except PropertyError as error:
        for option, column in named.items():
            if error.value == column:
                known = " or file of ids" if option == "members" else f", nor {SCAFFOLD}" if option == "group" else ""
                expected = error.expected.replace("no such column", f"no such column{known}", 1)
                raise InputError(f"dataset.{option}", column, expected) from None
        raise


def _labels(
    values: np.ndarray | None, label: str | None, cut: float | str | None, kind: str
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if values is None or label is None:
        return None, ()
    if cut is not None or (kind != "values" and np.isin(values, (0, 1)).all()):
        labels, classes, _ = classes_by(values, label, cut)
        return labels, classes
    return classes_of(values, kind)


def _groups(group: str | None, smiles: np.ndarray, cells: Sequence[str]) -> np.ndarray | None:
    if group is None:
        return None
    return groups_of(scaffolds(smiles.tolist()) if group == SCAFFOLD else [cell.strip() for cell in cells])


def scaffolds(smiles: Sequence[str]) -> list[str]:
    """Return the Bemis-Murcko scaffold of each molecule as SMILES, "" where it has no ring (J. Med. Chem. 1996).

    >>> scaffolds(["Cc1ccccc1", "OCc1ccccc1", "CCO"])
    ['c1ccccc1', 'c1ccccc1', '']
    """
    with rdBase.BlockLogs():
        return [_scaffold(text) for text in smiles]


def _scaffold(text: str) -> str:
    molecule = Chem.MolFromSmiles(text)
    return "" if molecule is None else str(Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(molecule)))


def _told(given: Given, said: Said, label: str | None) -> tuple[str, ...]:
    told = []
    if given.real and given.labels is not None:
        values = f"from {given.labels.min():.6g} to {given.labels.max():.6g}"
        told.append(f"{label} is a real value, {values}, as a model of yours is judged by it")
    if given.groups is not None:
        inside = given.groups[given.groups >= 0]
        groups, molecules = counted(len(np.unique(inside)), "group"), counted(len(given), "molecule")
        told.append(f"{len(inside):,} of {molecules} {'is' if len(inside) == 1 else 'are'} in {groups} by {said.group}")
    return tuple(told)
