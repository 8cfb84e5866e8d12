"""Pictures of your own: one folder a class, as photographs of faces and things are commonly kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from telltale.checks import yes_or_no
from telltale.data.folders import Below, files_below, require_root
from telltale.data.given import Given
from telltale.data.images.members import with_pictures_said
from telltale.data.images.pictures import ENDINGS, read_pictures, require_size
from telltale.data.images.pixels import Pixels
from telltale.data.images.records import ImageRecords, ReadImages, distinct
from telltale.data.members import with_groups
from telltale.errors import InputError
from telltale.writing import counted, escaped

EXPECTED = (
    "a folder with <class>/*.jpg (or .png, .webp, …), <split>/<class>/*.jpg, or Tiny-ImageNet's train/<class>/images"
)
IMAGES = "images"  # Tiny-ImageNet has such a folder in that of each class
SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})


@dataclass(frozen=True)
class Layout:
    """The pictures of a folder, each with the name of its class, and what was left out."""

    files: Sequence[Path]
    classes: Sequence[str]
    told: tuple[str, ...]


def load(
    root: str | None = None,
    size: int = 32,
    grey: bool = False,
    cache: str | None = None,
    follow_links: bool = False,
    members: str | None = None,
    group: str | None = None,
) -> ReadImages:
    """Return the pictures below `root`, the middle square of each scaled to `size`; its folder is its class.

    grey: one channel instead of three; cache: folder where the small pictures are kept; follow_links: read also what
    links to outside of `root` lead to; members: a folder of the pictures that a model was trained on, or a list of
    their paths below `root`; group: a .csv with a path and a group a line, e.g. a person. Files that are no picture are
    listed as invalid; hidden ones and those of other endings are left out, and told. Raises InputError where there are
    none, or all are of one class.

    A model of the owner's is handed float32 (n, channels, size, size) in [0, 1], channels in the order RGB.
    """
    require_size(size)
    folder = require_root(root, EXPECTED)
    layout = lay_out(folder, files_below(folder, ENDINGS, yes_or_no("dataset.follow_links", follow_links)))
    names = sorted(set(layout.classes))
    if len(names) < 2:
        raise InputError(
            "dataset.root", root, f"all pictures are of the class {names[0]}; expected two classes or more"
        )
    read = read_pictures(folder, layout.files, size, grey, cache)
    position = {name: at for at, name in enumerate(names)}
    labels = np.array([position[name] for name in layout.classes])[read.readable]
    kept = [file for file, readable in zip(layout.files, read.readable.tolist(), strict=True) if readable]
    source, told = f"{escaped(folder.name)} ({size} x {size})", layout.told + read.told
    classes = tuple(escaped(name) for name in names)
    ids = np.array([escaped(file.relative_to(folder).as_posix()) for file in kept])
    given = Given(Pixels(read.pixels), source, ids, labels.astype(np.int64), classes)
    unlisted: list[str] = []
    given = with_groups(given, group, unlisted)
    told += tuple(unlisted)
    given = with_pictures_said(given, members, folder, layout.files, read.readable, follow_links)
    images = _without_empty_classes(
        distinct(read.pixels, labels, source, classes, read.invalid, files=kept, told=told, ids=ids),
    )
    records = ImageRecords(read.pixels, labels.astype(np.int64), source, classes, ids=ids)
    return images.with_given(replace(given, records=records))


def lay_out(root: Path, below: Below) -> Layout:
    """Name the class of each picture by the folder that it is in.

    All must lie equally deep, or a split would pass for a class. In Tiny-ImageNet's layout it is the folder above
    `images`, and what lies in no class there, its val and test, is left out. Raises InputError at any other layout.
    """
    places = {file: file.relative_to(root).parts[:-1] for file in below.files}
    told = below.account()
    if places and all(folders[-1:] == (IMAGES,) for folders in places.values()):
        places = {file: folders[:-1] for file, folders in places.items()}
        if any(len(folders) == 2 for folders in places.values()):
            rest = [file for file, folders in places.items() if len(folders) == 1 and folders[0].lower() in SPLITS]
            if rest:
                splits = " and ".join(sorted({places[file][0] for file in rest}))
                pictures, fate = counted(len(rest), "picture"), "in no folder of a class and left out"
                told.append(f"{pictures} of {splits} {'is' if len(rest) == 1 else 'are'} {fate}")
            places = {file: folders for file, folders in places.items() if file not in set(rest)}
    depths = {len(folders) + 1 for folders in places.values()}
    if depths not in ({2}, {3}):
        layout = f"pictures lie {' and '.join(map(str, sorted(depths)))} levels deep" if depths else "holds no picture"
        more = "; ".join(["", *told]) if told else ""
        raise InputError("dataset.root", root, f"{layout}; expected {EXPECTED}{more}")
    classes = [folders[-1] for folders in places.values()]
    if {name.lower() for name in classes} <= SPLITS:
        named = " and ".join(sorted(set(classes)))
        raise InputError("dataset.root", root, f"its classes would be {named}, which are splits; expected {EXPECTED}")
    told += _merged(places.values())
    level = max(depths) - 1
    bare = {folder.name for folder in below.empty if len(folder.relative_to(root).parts) == level}
    if nothing := sorted(bare - set(classes)):
        told.append(f"no class is made of {', '.join(nothing)}: no picture there that can be read")
    return Layout(list(places), classes, tuple(told))


def _merged(places: Iterable[tuple[str, ...]]) -> list[str]:
    """Say which classes are made of folders of one name, where what they lie in is no split by its name."""
    above: dict[str, set[str]] = {}
    for *folders, name in places:
        above.setdefault(name, set()).update(folders)
    merged = {name: of for name, of in above.items() if len(of) > 1 and not {each.lower() for each in of} <= SPLITS}
    if not merged:
        return []
    first, of = next(iter(sorted(merged.items())))
    more = f", and {len(merged) - 1:,} more classes alike" if len(merged) > 1 else ""
    what = f"the folders {first} of {', '.join(sorted(of)[:3])}{', …' if len(of) > 3 else ''} were put together"
    return [f"{what} as one class{more}: only {', '.join(sorted(SPLITS))} are splits"]


def _without_empty_classes(read: ReadImages) -> ReadImages:
    """Drop the classes of which no picture is left, and say so."""
    records = read.records
    present = np.unique(records.labels)
    if len(present) == len(records.classes):
        return read
    gone = [name for label, name in enumerate(records.classes) if label not in present]
    classes = tuple(records.classes[label] for label in present.tolist())
    records = replace(records, labels=np.searchsorted(present, records.labels), classes=classes)
    return replace(read, records=records, told=(*read.told, f"no picture is left of {', '.join(gone)}: no class"))
