"""Molecules from files of SMILES: canonical, distinct, bad lines counted and listed rather than fatal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rdkit

from telltale.checks import share
from telltale.data.loaded import InvalidRecord, Loaded
from telltale.data.molecules.cache import through_cache, write_whole
from telltale.data.molecules.canonical import canonicalise
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.rows import Columns, read_rows
from telltale.errors import InputError

VERSION = "2"  # change it with the meaning of what is kept on disk: files are then read anew
NO_SMILES = "no valid SMILES"


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadMolecules(Loaded[MoleculeRecords]):
    """What was read: distinct molecules, and what became of the rest.

    unlabelled  distinct molecules dropped because they lack the property that is to be the class
    """

    unlabelled: int = 0


def read_molecules(
    files: Sequence[Path],
    column: str | None = None,
    max_invalid: float = 0.05,
    cache: str | Path | None = None,
    source: str = "molecules",
    property_columns: Sequence[str] = (),
    no_header: bool = False,
    workers: int | None = None,
    field: str = "dataset",
) -> ReadMolecules:
    """Return the distinct molecules of all files, in order of their first appearance.

    column: name of the SMILES column, None = a usual one; max_invalid: largest share of lines without a
    molecule; cache: folder where the result is kept, for the same content and options; property_columns: numeric
    columns to keep (of a molecule that comes twice, those of the first line); no_header: CSV files start with
    data; field: the configuration group named in errors. Raises InputError where the files cannot be used.
    """
    share(f"{field}.max_invalid", max_invalid, zero=True, expected="expected a share between 0 and 1")
    files = [Path(file) for file in files]
    columns = Columns(column, tuple(property_columns), no_header)
    folder = None if cache is None else Path(cache)
    path = None if folder is None else folder / f"molecules-{_key(files, columns, field)}.parquet"
    table = through_cache(path, _load, _save, lambda: _parse(files, columns, workers, field))
    read = _unpack(table, files, source, folder)
    _require_usable(read, files, max_invalid, field)
    return read


def _require_usable(read: ReadMolecules, files: Sequence[Path], max_invalid: float, field: str) -> None:
    names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
    if not len(read.records):
        raise InputError(f"{field}.root", names, f"no valid SMILES line among {read.lines:,}")
    share = len(read.invalid) / read.lines
    if share > max_invalid:
        first = "; ".join(f"{bad.file.name}:{bad.line} {bad.text[:40]!r}" for bad in read.invalid[:3])
        fault = f"{share:.1%} of lines ({len(read.invalid):,} of {read.lines:,}) hold no valid SMILES"
        raise InputError(f"{field}.max_invalid", max_invalid, f"{fault}, first: {first} (in {names})")


def _parse(files: Sequence[Path], columns: Columns, workers: int | None, field: str) -> pa.Table:
    """Return a table of the distinct molecules, then of the invalid lines (smiles null), as kept on disk."""
    rows = [read_rows(file, columns, field) for file in files]
    texts = [text for part in rows for text in part.texts]
    smiles = canonicalise(texts, workers)
    first: dict[str, int] = {}
    for row, canonical in enumerate(smiles):
        if canonical is not None:
            first.setdefault(canonical, row)
    invalid = [row for row, canonical in enumerate(smiles) if canonical is None]
    kept = [*first.values(), *invalid]
    numbers = [line for part in rows for line in part.lines]
    owners = np.repeat(np.arange(len(rows)), [len(part.lines) for part in rows])
    table = {
        "smiles": pa.array([smiles[row] for row in kept], pa.string()),
        "file": pa.array(owners[kept] if kept else [], pa.int32()),
        "line": pa.array([numbers[row] for row in kept], pa.int64()),
        "text": pa.array([None] * len(first) + [texts[row] for row in invalid], pa.string()),
    }
    for name in columns.properties:
        values = [value for part in rows for value in part.properties[name]]
        table[f"property:{name}"] = pa.array([values[row] for row in kept], pa.float64())
    counts = {"lines": len(texts), "molecules": len(first)}
    return pa.table(table).replace_schema_metadata({"counts": json.dumps(counts)})


def _unpack(table: pa.Table, files: Sequence[Path], source: str, cache: Path | None) -> ReadMolecules:
    counts = json.loads(table.schema.metadata[b"counts"])
    molecules, bad = table.slice(0, counts["molecules"]), table.slice(counts["molecules"])
    properties = {
        name.removeprefix("property:"): molecules.column(name).to_numpy().copy()
        for name in table.column_names
        if name.startswith("property:")
    }
    smiles = as_texts(molecules.column("smiles").to_pylist())
    places = zip(*(bad.column(name).to_pylist() for name in ("file", "line", "text")), strict=True)
    invalid = tuple(InvalidRecord(files[file], NO_SMILES, line, text) for file, line, text in places)
    duplicates = counts["lines"] - counts["molecules"] - len(invalid)
    records = MoleculeRecords(smiles, source, properties or None, cache)
    return ReadMolecules(records=records, lines=counts["lines"], duplicates=duplicates, invalid=invalid)


def _save(table: pa.Table, path: Path) -> None:
    write_whole(path, lambda file: pq.write_table(table, file, compression="zstd"))


def _load(path: Path) -> pa.Table:
    table = pq.read_table(path)
    json.loads(table.schema.metadata[b"counts"])  # a table of someone else's raises here, and is made anew
    return table


def _key(files: Sequence[Path], columns: Columns, field: str) -> str:
    """Hash the content of the files and all that changes how they are read, not where they lie."""
    parts: list[object] = [VERSION, rdkit.__version__, astuple(columns)]
    for file in files:
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "blake2b").hexdigest()
        except OSError as error:
            raise InputError(f"{field}.root", file, f"cannot be read ({error.strerror})") from None
        parts.append(["".join(file.suffixes[-2:]).lower(), digest])
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
