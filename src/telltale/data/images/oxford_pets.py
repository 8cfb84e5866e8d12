"""Oxford-IIIT Pets (Parkhi et al. 2012): photographs of 37 breeds of cats and dogs, from a folder you already have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.checks import yes_or_no
from telltale.data.folders import require_inside, require_root, why_unusable
from telltale.data.images.pictures import read_pictures, require_size
from telltale.data.images.records import ReadImages, distinct, require_labelling
from telltale.data.loaded import InvalidRecord
from telltale.errors import InputError
from telltale.writing import escaped

SPECIES = ("cat", "dog")  # numbered from 1 in the files
LISTS = ("trainval", "test")
EXPECTED = "a folder with images/*.jpg and annotations/{trainval,test}.txt, as the two archives unpack to"


@dataclass(frozen=True)
class Pet:
    """A line of the lists: the picture's name without ending, its breed and its species, both from 1."""

    name: str
    breed: int
    species: int


def load(
    root: str | None = None,
    size: int = 32,
    labels: str = "fine",
    cache: str | None = None,
    follow_links: bool = False,
) -> ReadImages:
    """Return the pictures that are listed below `root`, in colour, the middle square of each scaled to `size`.

    labels: fine = 37 breeds, coarse = cats and dogs; cache: folder where the small pictures are kept; follow_links:
    out of `root`, too. Pictures that are missing or cannot be read are listed as invalid. Raises InputError where
    there are none.
    """
    require_labelling(labels)
    require_size(size)
    folder = require_root(root, EXPECTED)
    lists = [file for name in LISTS if (file := folder / "annotations" / f"{name}.txt").is_file()]
    yes_or_no("dataset.follow_links", follow_links)
    for file in lists:
        require_inside(file, folder, follow_links)
    if not lists or not (folder / "images").is_dir():
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    listed = [(folder / "images" / f"{pet.name}.jpg", pet) for file in lists for pet in _pets(file)]
    reasons = [why_unusable(file, folder, follow_links) for file, _ in listed]
    unusable = [InvalidRecord(file, why) for (file, _), why in zip(listed, reasons, strict=True) if why is not None]
    present = [pair for pair, why in zip(listed, reasons, strict=True) if why is None]
    if not present:
        first = f"; {unusable[0].file.name}: {unusable[0].reason}" if unusable else ""
        fault = f"none of the {len(listed)} pictures that are listed can be read from images/{first}"
        raise InputError("dataset.root", root, fault)
    read = read_pictures(folder, [file for file, _ in present], size, False, cache)
    numbers, breeds = np.unique([pet.breed for _, pet in present], return_inverse=True)
    names = {pet.breed: pet.name.rpartition("_")[0] for _, pet in present}
    return distinct(
        read.pixels,
        breeds[read.readable],
        f"Oxford Pets ({size} x {size})",
        tuple(escaped(names[number]) for number in numbers.tolist()),
        (*unusable, *read.invalid),
        coarse=np.array([pet.species - 1 for _, pet in present])[read.readable],
        coarse_classes=SPECIES,
        files=[file for (file, _), readable in zip(present, read.readable.tolist(), strict=True) if readable],
        told=read.told,
    ).labelled(labels)


def _pets(file: Path) -> Iterable[Pet]:
    """Read a list, a picture a line: name, breed, species, number within the species; lines from # are comments."""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="surrogateescape").splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 4 or not all(word.isdecimal() for word in words[1:]) or words[2] not in ("1", "2"):
            expected = "as in Abyssinian_100 1 1 1: name, breed, species (1 cat, 2 dog), number"
            raise InputError("dataset.root", file, f"line {number} is not {expected}")
        yield Pet(words[0], int(words[1]), int(words[2]))
