"""Molecules from files of SMILES: canonical, distinct, bad lines counted and listed rather than fatal."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rdkit

from telltale.checks import share
from telltale.data.compressed import LARGEST
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.molecules.canonical import canonicalise
from telltale.data.molecules.labels import merged, strays
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.rows import Columns, Rows, read_rows
from telltale.errors import InputError

VERSION = "4"  # change it with the meaning of what is kept on disk: files are then read anew
NO_SMILES = "no valid SMILES"
SHOWN = 1000  # characters of a line's text that are kept for the list of invalid lines
ATOM_MAP = re.compile(r":\d+\]")  # as in [CH3:1]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadMolecules(Loaded[MoleculeRecords]):
    """What was read: distinct molecules, and what became of the rest.

    unlabelled        distinct molecules dropped because they lack the property that is to be the class
    differing_values  property → lines that hold another value of it than an earlier one of the same molecule
    files             that were read
    places            (molecules, 2) file, by its position in `files`, and line where each molecule came first
    """

    unlabelled: int = 0
    differing_values: Mapping[str, int] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    places: np.ndarray | None = None


def read_molecules(
    files: Sequence[Path],
    column: str | None = None,
    max_invalid: float = 0.05,
    cache: str | Path | None = None,
    source: str = "molecules",
    property_columns: Sequence[str] = (),
    no_header: bool = False,
    workers: int | None = None,
    group: str = "dataset",
    label: str | None = None,
    binary: bool = False,
    largest: float = LARGEST,
) -> ReadMolecules:
    """Return the distinct molecules of all files, in order of their first appearance.

    column: name of the SMILES column, None = a usual one; max_invalid: largest share of lines without a
    molecule; cache: folder where the result is kept, for the same content and options; property_columns: numeric
    columns to keep (of a molecule that comes twice, the first that is not blank); no_header: CSV files start with
    data; group: the configuration group named in errors; label: the one of property_columns that is to be the class;
    binary: a handful of labels other than 0 and 1 are invalid where all others are; largest: GiB that a file may
    unpack to. Raises InputError where the files cannot be used.
    """
    share(f"{group}.max_invalid", max_invalid, zero=True, expected="expected a share between 0 and 1")
    files = [Path(file) for file in files]
    columns = Columns(column, tuple(property_columns), no_header, label, binary)
    folder = None if cache is None else Path(cache)
    path = None if folder is None else folder / f"molecules-{_key(files, columns, group)}.parquet"
    table = through_cache(path, _load, _save, lambda: _parse(files, columns, workers, group, largest))
    read = _unpack(table, files, source, folder)
    _require_usable(read, files, max_invalid, group)
    return read


def _require_usable(read: ReadMolecules, files: Sequence[Path], max_invalid: float, group: str) -> None:
    names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
    if not len(read.records):
        first = f"; first: {read.invalid[0].reason}" if read.invalid else ""
        raise InputError(f"{group}.root", names, f"no valid SMILES line among {read.lines:,}{first}")
    share = len(read.invalid) / read.lines
    if share > max_invalid:
        first = "; ".join(f"{bad.file.name}:{bad.line} {bad.text[:40]!r}" for bad in read.invalid[:3])
        unlabelled = [bad.reason for bad in read.invalid if bad.reason != NO_SMILES]
        lack = f"no valid SMILES or label ({unlabelled[0]})" if unlabelled else "no valid SMILES"
        fault = f"{share:.1%} of lines ({len(read.invalid):,} of {read.lines:,}) hold {lack}"
        raise InputError(f"{group}.max_invalid", max_invalid, f"{fault}, first: {first} (in {names})")


def _parse(files: Sequence[Path], columns: Columns, workers: int | None, group: str, largest: float) -> pa.Table:
    """Return a table of the distinct molecules, of the invalid lines, and of those that repeat a molecule.

    That is what is kept on disk. Only molecules have a SMILES, only invalid lines a reason, and only repetitions say
    which line came before.
    """
    rows = [read_rows(file, columns, group, largest) for file in files]
    texts = [text for part in rows for text in part.texts]
    smiles = canonicalise(texts, workers)
    properties = {
        name: np.array([value for part in rows for value in part.properties[name]]) for name in columns.properties
    }
    reasons = reasons_of(rows, smiles, properties, columns)
    distinct, molecule, first = _grouped(smiles, reasons)
    values, differing = merged(properties, molecule, len(first))
    again = np.setdiff1d(np.flatnonzero(molecule >= 0), first)
    invalid = np.array(sorted(reasons), np.int64)
    kept = np.concatenate([first, invalid, again])
    known = np.full(len(kept), -1)  # the line that a repetition repeats
    known[len(kept) - len(again) :] = first[molecule[again]]
    owners = np.repeat(np.arange(len(rows)), [len(part.lines) for part in rows])
    numbers = np.array([line for part in rows for line in part.lines], np.int64)
    bare = len(kept) - len(first)
    table = {
        "smiles": pa.array([*distinct, *[None] * bare], pa.string()),
        "file": pa.array(owners[kept], pa.int32()),
        "line": pa.array(numbers[kept], pa.int64()),
        "text": pa.array([*[None] * len(first), *(texts[row][:SHOWN] for row in kept[len(first) :])], pa.string()),
        "reason": pa.array([reasons.get(row) for row in kept.tolist()], pa.string()),
        "known_file": pa.array(owners[known], pa.int32(), mask=known < 0),
        "known_line": pa.array(numbers[known], pa.int64(), mask=known < 0),
    }
    for name, column in values.items():
        table[f"property:{name}"] = pa.array(np.append(column, np.full(bare, np.nan)))
    mapped = sum(ATOM_MAP.search(texts[row]) is not None for row in np.flatnonzero(molecule >= 0))
    counts = {"lines": len(texts), "molecules": len(first), "invalid": len(invalid), "mapped": mapped}
    return pa.table(table).replace_schema_metadata(
        {"counts": json.dumps({**counts, "differing": differing, "told": [part.told for part in rows if part.told]})}
    )


def _grouped(smiles: Sequence[str | None], reasons: Mapping[int, str]) -> tuple[Sequence[str], np.ndarray, np.ndarray]:
    """Return the distinct molecules of all lines but those with a reason against them; which each line is of, and the
    first line of each: (molecules,), (lines,) with -1 = none, (molecules,).
    """
    place: dict[str, int] = {}
    first: list[int] = []
    molecule = np.full(len(smiles), -1)
    for row, text in enumerate(smiles):
        if text is not None and row not in reasons:
            molecule[row] = place.setdefault(text, len(place))
            if len(place) > len(first):
                first.append(row)
    return tuple(place), molecule, np.array(first, np.int64)


def reasons_of(
    rows: Sequence[Rows], smiles: Sequence[str | None], properties: Mapping[str, np.ndarray], columns: Columns
) -> dict[int, str]:
    """Say of each line that will not do, counted over all files, why."""
    reasons, start = {row: NO_SMILES for row, text in enumerate(smiles) if text is None}, 0
    for part in rows:
        reasons.update({start + row: fault for row, fault in part.faults.items()})
        for row, word in part.unfit.items():
            reasons.setdefault(start + row, f"{columns.label} is {word[:40]!r}, expected a number")
        start += len(part.lines)
    if columns.label is not None and columns.binary:
        labels = properties[columns.label].copy()
        labels[list(reasons)] = np.nan
        for row in strays(labels).tolist():
            reasons[row] = f"{columns.label} is {labels[row]:g}, expected 0 or 1 as on all but a few lines"
    return reasons


def _unpack(table: pa.Table, files: Sequence[Path], source: str, cache: Path | None) -> ReadMolecules:
    counts = json.loads(table.schema.metadata[b"counts"])
    molecules, others = table.slice(0, counts["molecules"]), table.slice(counts["molecules"])
    properties = {
        name.removeprefix("property:"): molecules.column(name).to_numpy().copy()
        for name in table.column_names
        if name.startswith("property:")
    }
    smiles = as_texts(molecules.column("smiles").to_pylist())
    listed = [
        InvalidRecord(
            files[row["file"]],
            row["reason"] or f"the same molecule as {files[row['known_file']].name}:{row['known_line']}",
            row["line"],
            row["text"],
        )
        for row in others.select(["file", "line", "text", "reason", "known_file", "known_line"]).to_pylist()
    ]
    invalid, dropped = tuple(listed[: counts["invalid"]]), tuple(listed[counts["invalid"] :])
    mapped = f"{counts['mapped']:,} of {counts['lines']:,} lines had atom-map numbers, which are no part of a molecule"
    return ReadMolecules(
        records=MoleculeRecords(smiles, source, properties or None, cache),
        lines=counts["lines"],
        duplicates=len(dropped),
        invalid=invalid,
        dropped=dropped,
        told=(*counts["told"], *([mapped] if counts["mapped"] else [])),
        differing_values=counts["differing"],
        files=tuple(files),
        places=np.stack([molecules.column(name).to_numpy() for name in ("file", "line")], axis=1),
    )


def _save(table: pa.Table, path: Path) -> None:
    write_whole(path, lambda file: pq.write_table(table, file, compression="zstd"))


def _load(path: Path) -> pa.Table:
    table = pq.read_table(path)
    json.loads(table.schema.metadata[b"counts"])  # a table of someone else's raises here, and is made anew
    return table


def _key(files: Sequence[Path], columns: Columns, group: str) -> str:
    """Hash the content of the files and all that changes how they are read, not where they lie."""
    parts: list[object] = [VERSION, rdkit.__version__, astuple(columns)]
    for file in files:
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "blake2b").hexdigest()
        except OSError as error:
            raise InputError(f"{group}.root", file, f"cannot be read ({error.strerror})") from None
        parts.append(["".join(file.suffixes[-2:]).lower(), digest])
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
