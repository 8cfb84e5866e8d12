"""Purchase-100, Texas-100 and Location-30, the tables of Shokri et al. 2017, from files you have.

They are read as the authors published them, the label in front of 0/1 features, or as .npz.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from telltale.data.compressed import LARGEST, no_memory, read_npz, read_tar, require_size
from telltale.data.folders import require_all_inside, require_root
from telltale.data.loaded import InvalidRecord
from telltale.data.tables.records import Column, ReadTable, TableRecords, distinct
from telltale.errors import InputError


@dataclass(frozen=True)
class Table:
    """A data set of Shokri et al. (2017).

    source   its name
    stem     of its files' names
    classes  number of classes
    texts    names of its text file, or of features and labels apart
    """

    source: str
    stem: str
    classes: int
    texts: tuple[tuple[str, ...], ...]

    @property
    def base(self) -> str:
        """Name the set without its number of classes."""
        return self.stem.rstrip("0123456789")

    @property
    def expected(self) -> str:
        """Say what `root` may be."""
        texts = " or ".join(" with ".join(names) for names in self.texts)
        return f"a folder with {self.stem}.npz, data.npz, dataset_{self.base}.tgz or {texts}, or such a file"


@dataclass(frozen=True)
class Written:
    """A table as a file has it, with gaps.

    features  (n, width), the labels apart
    labels    (n,) or one-hot (n, classes), as they are written
    faults    row → what it lacks; what stands in the arrays there means nothing
    file      that the rows are of
    lines     (n,) of each row, from 1
    """

    features: np.ndarray
    labels: np.ndarray
    faults: dict[int, str]
    file: Path
    lines: np.ndarray


PURCHASE100 = Table("Purchase-100", "purchase100", 100, (("dataset_purchase",),))
TEXAS100 = Table("Texas-100", "texas100", 100, (("texas/100/feats", "texas/100/labels"), ("feats", "labels")))
LOCATION30 = Table("Location-30", "location30", 30, (("bangkok",), ("dataset_location",), ("location",)))


def load_purchase100(root: str | None = None, largest: float = LARGEST) -> ReadTable:
    """Return the shoppers in `root`: 600 products, bought or not, and the group of each shopper. Raises InputError.

    largest: GiB that a file may unpack to.
    """
    return _load(root, PURCHASE100, largest)


def load_texas100(root: str | None = None, largest: float = LARGEST) -> ReadTable:
    """Return the hospital stays in `root`: 6,169 facts, and the main procedure of each stay. Raises InputError.

    largest: GiB that a file may unpack to.
    """
    return _load(root, TEXAS100, largest)


def load_location30(root: str | None = None, largest: float = LARGEST) -> ReadTable:
    """Return the people in `root`: 446 places, visited or not, and the kind of each person. Raises InputError.

    largest: GiB that a file may unpack to.
    """
    return _load(root, LOCATION30, largest)


def _load(root: str | None, table: Table, largest: float) -> ReadTable:
    path = require_root(root, table.expected)
    broken = (OSError, EOFError, ValueError, KeyError, RuntimeError, zlib.error, lzma.LZMAError, pa.ArrowException)
    try:
        written = _read(path, table, largest)
    except MemoryError:
        raise no_memory(path) from None
    except (*broken, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError("dataset.root", root, f"cannot be read ({error}); expected {table.expected}") from None
    features = written.features
    if features.ndim != 2 or len(features) != len(written.labels) or not len(features):
        fault = f"holds features {features.shape} and labels {written.labels.shape}; expected (n, width) and (n,)"
        raise InputError("dataset.root", root, fault)
    faults = dict(written.faults)
    labels = _numbered(written.labels, faults, table, path)
    kept = np.setdiff1d(np.arange(len(features)), list(faults))
    if not len(kept):
        fault = f"none of {len(features)} rows can be used; first: {faults[min(faults)]}"
        raise InputError("dataset.root", root, fault)
    features = features if len(kept) == len(features) else features[kept]
    if not ((features == 0) | (features == 1)).all():
        raise InputError("dataset.root", root, f"{table.source} has features of 0 and 1; found others")
    labels = _from_zero(labels[kept], table, path)
    width = features.shape[1]
    columns = tuple(Column(f"feature {at}", "binary", at, at + 1, ("0", "1")) for at in range(width))
    classes = tuple(f"class {number}" for number in range(1, table.classes + 1))
    records = TableRecords(features.astype(np.float32), labels, table.source, classes, columns)
    invalid = tuple(InvalidRecord(written.file, faults[row], int(written.lines[row])) for row in sorted(faults))
    return distinct(records, invalid, [(written.file, line) for line in written.lines[kept].tolist()])


def _read(path: Path, table: Table, largest: float) -> Written:
    """Return what the first file of a known name holds, or the file that `path` is."""
    if path.is_file():
        return _read_file(path, table, largest)
    for name in (
        f"{table.stem}.npz",
        f"{table.base}.npz",
        f"dataset_{table.base}.tgz",
        f"dataset_{table.base}.tar.gz",
        "data.npz",
    ):
        if (path / name).is_file():
            require_all_inside([path / name], path)
            return _read_file(path / name, table, largest)
    for names in table.texts:
        if all((path / name).is_file() for name in names):
            require_all_inside([path / name for name in names], path)
            return _from_texts([(path / name).read_bytes() for name in names], path / names[0])
    raise InputError("dataset.root", path, f"expected {table.expected}")


def _read_file(file: Path, table: Table, largest: float) -> Written:
    if file.suffix == ".npz":
        with zipfile.ZipFile(file) as archive:
            arrays = ("X", "Y") if "X.npy" in archive.namelist() else ("features", "labels")
        return _from_arrays(file, *read_npz(file, arrays, largest))
    require_size(file, largest)
    if not tarfile.is_tarfile(file):
        return _from_texts([file.read_bytes()], file)
    with tarfile.open(file) as tar:
        entries = {entry.name.removeprefix("./"): entry for entry in tar.getmembers() if entry.isfile()}
        for names in (*table.texts, tuple(entries)[:1]):  # or the only file there is
            parts = [next((entries[name] for name in entries if name.endswith(ending)), None) for ending in names]
            if parts and all(parts):
                found = [entry for entry in parts if entry is not None]
                return _from_texts([read_tar(tar, entry, largest) for entry in found], file / found[0].name)
    raise InputError("dataset.root", file, f"expected {table.expected}")


def _from_arrays(file: Path, features: np.ndarray, labels: np.ndarray) -> Written:
    """Find the rows of arrays in which a number is missing; rows count from 1."""
    faults: dict[int, str] = {}
    if features.ndim == 2 and features.dtype.kind == "f":
        missing = np.isnan(features)
        faults = {row: f"feature {missing[row].argmax()} is missing" for row in np.flatnonzero(missing.any(1)).tolist()}
    return Written(features, labels, faults, file, np.arange(1, len(features) + 1))


def _from_texts(texts: list[bytes], file: Path) -> Written:
    """Read one text with the label first, or one of features and one of labels; a label may be quoted."""
    cells, empty, lines = _integers(texts[0])
    if len(texts) == 1:
        faults = {row: "the label is empty" if at == 0 else f"feature {at - 1} is empty" for row, at in empty.items()}
        return Written(cells[:, 1:], cells[:, 0], faults, file, lines)
    labels, unlabelled, _ = _integers(texts[1])
    faults = {row: f"feature {at} is empty" for row, at in empty.items()}
    faults |= dict.fromkeys(unlabelled, "the label is empty")
    return Written(cells, labels[:, 0], faults, file, lines)


def _integers(text: bytes) -> tuple[np.ndarray, dict[int, int], np.ndarray]:
    """Read comma-separated whole numbers from -128 to 127, quoted or not.

    Returns them, (rows, cells) int8; row → its first empty cell, in which a 0 stands; the line of each row, from 1.
    """
    width = text.partition(b"\n")[0].count(b",") + 1
    names = [str(at) for at in range(width)]
    text = text.rstrip(b"\r\n")
    table = pacsv.read_csv(
        io.BytesIO(text),
        read_options=pacsv.ReadOptions(column_names=names, block_size=max(1 << 24, 4 * width)),
        parse_options=pacsv.ParseOptions(ignore_empty_lines=width > 1),  # of one cell, a blank line is an empty one
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.int8())),
    )
    cells = np.empty((table.num_rows, width), np.int8)
    empty: dict[int, int] = {}
    for at in range(width):
        column = table.column(at)
        if column.null_count:
            for row in np.flatnonzero(column.is_null().to_numpy()).tolist():
                empty.setdefault(row, at)
            column = column.fill_null(0)
        cells[:, at] = column.to_numpy()
    return cells, empty, _lines(text, table.num_rows)


def _lines(text: bytes, rows: int) -> np.ndarray:
    """Return the line that each row stands on, from 1: blank lines hold none."""
    content = np.frombuffer(text, np.uint8)
    ends = np.append(np.flatnonzero(content == ord("\n")), len(content))
    starts = np.append(0, ends[:-1] + 1)
    bare = ends - starts - (content[np.maximum(ends - 1, 0)] == ord("\r"))
    lines = np.flatnonzero(bare > 0) + 1
    return lines if len(lines) == rows else np.arange(1, rows + 1)


def _numbered(labels: np.ndarray, faults: dict[int, str], table: Table, path: Path) -> np.ndarray:
    """Return labels as (n,) int64, from 0 or 1, of numbers, digits or one-hot rows; adds to `faults` who has none.

    Raises InputError where they are words or fractions.
    """
    if labels.ndim == 2 and labels.shape[1] == table.classes:
        one_hot = np.isin(labels, (0, 1)).all(1) & (labels.sum(1) == 1)
        for row in np.flatnonzero(~one_hot).tolist():
            faults.setdefault(row, f"its labels are not one 1 among {table.classes}")
        return labels.argmax(axis=1).astype(np.int64) + 1
    labels, missing = labels.reshape(-1), np.zeros(labels.size, bool)
    if labels.dtype.kind in "US":
        words = np.char.strip(labels.astype(str))
        missing = words == ""
        if (wrong := ~missing & ~np.char.isdecimal(words)).any():
            fault = f"labels are words ({str(words[wrong.argmax()])!r}); expected whole numbers"
            raise InputError("dataset.root", path, fault)
        labels = np.where(missing, "0", words)
    elif labels.dtype.kind == "f":
        missing = np.isnan(labels)
        labels = np.where(missing, 0, labels)
        if (wrong := labels != np.rint(labels)).any() or (wrong := np.isinf(labels)).any():
            fault = f"holds the label {labels[wrong.argmax()]:g}; expected whole numbers"
            raise InputError("dataset.root", path, fault)
    for row in np.flatnonzero(missing).tolist():
        faults.setdefault(row, "the label is missing")
    return labels.astype(np.int64)


def _from_zero(labels: np.ndarray, table: Table, path: Path) -> np.ndarray:
    """Return labels from 0, of labels from 0 or 1."""
    labels = labels - 1 if labels.min() > 0 else labels
    if not (labels.min() >= 0 and labels.max() < table.classes):
        fault = f"holds labels from {labels.min()} to {labels.max()}; expected {table.classes} classes"
        raise InputError("dataset.root", path, fault)
    return labels
