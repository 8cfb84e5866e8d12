"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): colour pictures of 32 x 32, the binary version you have, or mosaics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.data.folders import missing, require_all_inside, require_root
from telltale.data.images import cifar_mosaics
from telltale.data.images.cifar_mosaics import has_mosaics, read_mosaics
from telltale.data.images.records import ReadImages, distinct, require_labelling
from telltale.errors import InputError

PIXELS = 3 * 32 * 32
WHOLE = 60_000  # pictures of either set


@dataclass(frozen=True)
class Version:
    """How a set is laid out.

    source   its name
    folder   of its files, as the archive unpacks
    archive  with the binary version
    pickled  folder of the version that is not read
    files    of pictures
    names    file of class names, and their count, for each label byte before a picture
    mosaics  another layout of its folder that is read
    """

    source: str
    folder: str
    archive: str
    pickled: str
    files: tuple[str, ...]
    names: tuple[tuple[str, int], ...]
    mosaics: str = ""


CIFAR10 = Version(
    "CIFAR-10",
    "cifar-10-batches-bin",
    "cifar-10-binary.tar.gz",
    "cifar-10-batches-py",
    (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"),
    (("batches.meta.txt", 10),),
)
CIFAR100 = Version(
    "CIFAR-100",
    "cifar-100-binary",
    "cifar-100-binary.tar.gz",
    "cifar-100-python",
    ("train.bin", "test.bin"),
    (("coarse_label_names.txt", 20), ("fine_label_names.txt", 100)),
    f", or with {cifar_mosaics.LAYOUT}",
)


def load_cifar10(root: str | None = None) -> ReadImages:
    """Return training and test pictures of the folder `root`. Raises InputError where it has none to read."""
    return _load(root, CIFAR10)


def load_cifar100(root: str | None = None, labels: str = "fine") -> ReadImages:
    """Return training and test pictures of the folder `root`, in 100 classes (fine) or 20 groups of them (coarse).

    It holds the binary version, or mosaics of each class (`cifar_mosaics`). Raises InputError where it has none to
    read.
    """
    require_labelling(labels)
    if root is not None and has_mosaics(folder := Path(root).expanduser()):
        return _of_mosaics(folder).labelled(labels)
    return _load(root, CIFAR100).labelled(labels)


def _of_mosaics(folder: Path) -> ReadImages:
    pixels, labels, told = read_mosaics(folder)
    groups = cifar_mosaics.GROUP_OF[labels]
    source = _named(CIFAR100, len(pixels))
    return distinct(
        pixels, labels, source, cifar_mosaics.FINE, coarse=groups, coarse_classes=cifar_mosaics.COARSE, told=told
    )


def _load(root: str | None, version: Version) -> ReadImages:
    files = _files(root, version)
    table = np.concatenate([_read_rows(file, version) for file in files])
    pixels = table[:, len(version.names) :].reshape(-1, 3, 32, 32)
    names = [_class_names(files[0].parent, *named) for named in version.names]
    told = missing(version.files, {file.name for file in files}, version.source)
    for (name, count), read in zip(version.names, names, strict=True):
        if (files[0].parent / name).is_file() and read == _numbers(count):
            told += (f"{name} does not hold {count} names: the classes are numbers",)
    source = _named(version, len(table))
    if len(names) == 1:
        return distinct(pixels, table[:, 0], source, names[0], told=told)
    fine, coarse = names[1], names[0]
    return distinct(pixels, table[:, 1], source, fine, coarse=table[:, 0], coarse_classes=coarse, told=told)


def _named(version: Version, count: int) -> str:
    """Name the set, and how much of it is there where that is not all: a figure says what it is of."""
    return version.source if count == WHOLE else f"{version.source} ({count:,} of {WHOLE:,})"


def _files(root: str | None, version: Version) -> list[Path]:
    expected = f"a folder with {version.folder}/*.bin, as {version.archive} unpacks to{version.mosaics}"
    folder = require_root(root, expected)
    for place in (folder / version.folder, folder):
        if files := [place / name for name in version.files if (place / name).is_file()]:
            require_all_inside([*files, *(place / name for name, _ in version.names)], folder)
            return files
    pickled = (version.pickled, version.files[0].removesuffix(".bin"))
    if any((folder / name).exists() for name in pickled):
        expected = (
            f"holds the pickled version, and nothing is ever unpickled here; get {version.archive}, expected {expected}"
        )
        raise InputError("dataset.root", root, expected)
    raise InputError("dataset.root", root, f"expected {expected}")


def _read_rows(file: Path, version: Version) -> np.ndarray:
    """Return (n, labels + 3072) uint8: the label bytes of each picture, then its red, green and blue plane."""
    width = len(version.names) + PIXELS
    data = np.fromfile(file, np.uint8)
    if not len(data) or len(data) % width:
        fault = f"is cut short or damaged: {len(data)} bytes, expected a multiple of {width}"
        raise InputError("dataset.root", file, fault)
    records = data.reshape(-1, width)
    for place, (_, count) in enumerate(version.names):
        if (label := records[:, place].max()) >= count:
            fault = f"holds the label {label}, expected 0 to {count - 1}; not the binary {version.source}?"
            raise InputError("dataset.root", file, fault)
    return records


def _class_names(folder: Path, file: str, count: int) -> tuple[str, ...]:
    """Return the names that lie beside the pictures; numbers, where that file is missing or of another length."""
    path = folder / file
    names = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    return tuple(names) if len(names) == count else _numbers(count)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(count))
