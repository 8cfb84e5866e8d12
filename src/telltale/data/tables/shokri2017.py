"""Purchase-100, Texas-100 and Location-30, the tables of Shokri et al. 2017, from files you have.

They are read as the authors published them, the label in front of 0/1 features, or as .npz.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from telltale.data.folders import require_root
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


PURCHASE100 = Table("Purchase-100", "purchase100", 100, (("dataset_purchase",),))
TEXAS100 = Table("Texas-100", "texas100", 100, (("texas/100/feats", "texas/100/labels"), ("feats", "labels")))
LOCATION30 = Table("Location-30", "location30", 30, (("bangkok",), ("dataset_location",), ("location",)))


def load_purchase100(root: str | None = None) -> ReadTable:
    """Return the shoppers in `root`: 600 products, bought or not, and the group of each shopper. Raises InputError."""
    return _load(root, PURCHASE100)


def load_texas100(root: str | None = None) -> ReadTable:
    """Return the hospital stays in `root`: 6,169 facts, and the main procedure of each stay. Raises InputError."""
    return _load(root, TEXAS100)


def load_location30(root: str | None = None) -> ReadTable:
    """Return the people in `root`: 446 places, visited or not, and the kind of each person. Raises InputError."""
    return _load(root, LOCATION30)


def _load(root: str | None, table: Table) -> ReadTable:
    path = require_root(root, table.expected)
    try:
        features, labels = _read(path, table)
    except (OSError, EOFError, ValueError, KeyError, zlib.error, tarfile.TarError, pa.ArrowException) as error:
        raise InputError("dataset.root", root, f"cannot be read ({error}); expected {table.expected}") from None
    labels = _from_zero(labels, table, path)
    if features.ndim != 2 or len(features) != len(labels) or not len(labels):
        fault = f"holds features {features.shape} and labels {labels.shape}; expected (n, width) and (n,)"
        raise InputError("dataset.root", root, fault)
    if not ((features == 0) | (features == 1)).all():
        raise InputError("dataset.root", root, f"{table.source} has features of 0 and 1; found others")
    width = features.shape[1]
    columns = tuple(Column(f"feature {at}", "binary", at, at + 1, ("0", "1")) for at in range(width))
    classes = tuple(f"class {number}" for number in range(1, table.classes + 1))
    return distinct(TableRecords(features.astype(np.float32), labels, table.source, classes, columns))


def _read(path: Path, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the features, (n, width), and the labels as they are written there, (n,)."""
    if path.is_file():
        return _read_file(path, table)
    for name in (
        f"{table.stem}.npz",
        f"{table.base}.npz",
        f"dataset_{table.base}.tgz",
        f"dataset_{table.base}.tar.gz",
        "data.npz",
    ):
        if (path / name).is_file():
            return _read_file(path / name, table)
    for names in table.texts:
        if all((path / name).is_file() for name in names):
            return _from_texts([(path / name).read_bytes() for name in names])
    raise InputError("dataset.root", path, f"expected {table.expected}")


def _read_file(file: Path, table: Table) -> tuple[np.ndarray, np.ndarray]:
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as arrays:
            first, second = ("X", "Y") if "X" in arrays else ("features", "labels")
            return arrays[first], arrays[second]
    if not tarfile.is_tarfile(file):
        return _from_texts([file.read_bytes()])
    with tarfile.open(file) as tar:
        entries = {entry.name.removeprefix("./"): entry for entry in tar.getmembers() if entry.isfile()}
        for names in (*table.texts, tuple(entries)[:1]):  # or the only file there is
            parts = [next((entries[name] for name in entries if name.endswith(ending)), None) for ending in names]
            if parts and all(parts):
                streams = [tar.extractfile(entry) for entry in parts if entry is not None]
                return _from_texts([stream.read() for stream in streams if stream is not None])
    raise InputError("dataset.root", file, f"expected {table.expected}")


def _from_texts(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Read one text with the label first, or one of features and one of labels; a label may be quoted."""
    tables = [_integers(text) for text in texts]
    if len(tables) == 1:
        return tables[0][:, 1:], tables[0][:, 0]
    return tables[0], tables[1][:, 0]


def _integers(text: bytes) -> np.ndarray:
    """Return comma-separated whole numbers from -128 to 127, quoted or not: (lines, cells) int8."""
    width = text.partition(b"\n")[0].count(b",") + 1
    names = [str(at) for at in range(width)]
    table = pacsv.read_csv(
        io.BytesIO(text),
        read_options=pacsv.ReadOptions(column_names=names, block_size=max(1 << 24, 4 * width)),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.int8())),
    )
    cells = np.empty((table.num_rows, width), np.int8)
    for at in range(width):
        cells[:, at] = table.column(at).to_numpy()
    return cells


def _from_zero(labels: np.ndarray, table: Table, path: Path) -> np.ndarray:
    """Return labels from 0 as (n,) int64, of labels from 0 or 1, or one-hot rows as some .npz files have them."""
    if labels.ndim == 2 and labels.shape[1] == table.classes:
        return labels.argmax(axis=1).astype(np.int64)
    labels = labels.reshape(-1).astype(np.int64)
    labels = labels - 1 if len(labels) and labels.min() > 0 else labels
    if len(labels) and not (labels.min() >= 0 and labels.max() < table.classes):
        fault = f"holds labels from {labels.min()} to {labels.max()}; expected {table.classes} classes"
        raise InputError("dataset.root", path, fault)
    return labels
