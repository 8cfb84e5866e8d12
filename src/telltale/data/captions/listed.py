"""Captioned pictures out of files: what a data set's own reader lists is decoded, and what cannot be used is told."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.checks import yes_or_no
from telltale.data.captions.read import ReadCaptions
from telltale.data.captions.records import CaptionedImages
from telltale.data.digests import earliest
from telltale.data.folders import why_unusable
from telltale.data.images.pictures import read_pictures, require_size
from telltale.data.images.records import pixel_digests, repeats
from telltale.data.loaded import InvalidRecord
from telltale.errors import InputError
from telltale.writing import counted, escaped


@dataclass(frozen=True)
class Listed:
    """A picture as a data set lists it: its file, its captions as written, and what it shares with its like.

    group: pictures of one group are one concept; None = the picture is one by itself.
    """

    file: Path
    captions: tuple[str, ...]
    group: str | None = None


def read_listed(
    root: Path,
    listed: Sequence[Listed],
    size: int,
    source: str,
    cache: str | None,
    unread: Sequence[InvalidRecord] = (),
    told: tuple[str, ...] = (),
    follow_links: bool = False,
) -> ReadCaptions:
    """Decode the pictures below `root` that have a caption, the middle square of each scaled to `size`, in colour.

    unread: what the list itself held that is no picture with a caption; told: what else its reader has to say;
    follow_links: out of `root`, too.
    Captions are put in lower case and blanks between words made one; empty ones, and pictures without any, missing,
    damaged or outside `root`, are listed as invalid; of equal pictures the first is kept.

    Raises InputError where no picture is left.
    """
    require_size(size)
    yes_or_no("dataset.follow_links", follow_links)
    captioned = [(picture, _tidy(picture.captions)) for picture in listed]
    faults = [fault for picture, captions in captioned if (fault := _fault(root, picture, captions, follow_links))]
    unusable = {fault.file for fault in faults}
    empty = [
        InvalidRecord(picture.file, f"{empties} of {len(picture.captions)} captions are empty")
        for picture, captions in captioned
        if captions
        and (empties := len(picture.captions) - len(_not_empty(picture.captions))) > 0
        and picture.file not in unusable
    ]
    present = [(picture, captions) for picture, captions in captioned if picture.file not in unusable]
    invalid = (*unread, *faults, *empty)
    if not present:
        first = f"; {invalid[0].file.name}: {invalid[0].reason}" if invalid else ""
        raise InputError("dataset.root", root, f"none of {len(listed)} pictures listed can be used{first}")
    read = read_pictures(root, [picture.file for picture, _ in present], size, False, cache)
    kept = [pair for pair, readable in zip(present, read.readable.tolist(), strict=True) if readable]
    groups = [f"group {picture.group}" if picture.group is not None else f"file {picture.file}" for picture, _ in kept]
    records = CaptionedImages(
        read.pixels,
        tuple(captions for _, captions in kept),
        np.unique(groups, return_inverse=True)[1].astype(np.int64),
        np.zeros(len(kept), np.int64),
        (escaped(source),),
        tuple(escaped(str(picture.file.relative_to(root))) for picture, _ in kept),
        f"{escaped(source)} ({size} x {size})",
    )
    earlier = earliest(pixel_digests(records.images))
    distinct = earlier == np.arange(len(earlier))
    if len(kept) > 1 and distinct.sum() == 1:
        alike = (
            f"all {len(kept)} pictures that can be read are alike at {size} x {size}, {kept[0][0].file.name} and others"
        )
        raise InputError("dataset.root", root, f"{alike}: nothing can be told of one of them")
    differs = np.array([set(records.references[row]) != set(records.references[at]) for row, at in enumerate(earlier)])
    return ReadCaptions(
        records=records.take(distinct),
        lines=len(listed) + len(unread),
        duplicates=int((~distinct).sum()),
        conflicts=int(differs.sum()),
        invalid=invalid + read.invalid,
        dropped=repeats([picture.file for picture, _ in kept], earlier, differs, ReadCaptions.differing),
        told=(*told, *_repeated(captioned), *read.told),
    )


def first_folder(root: Path, names: Iterable[str], expected: str) -> Path:
    """Return the first of the folders `names` that `root` has. Raises InputError where it has none."""
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise InputError("dataset.root", root, f"expected {expected}")


def _tidy(captions: Iterable[str]) -> tuple[str, ...]:
    whole = (caption.encode("utf-8", "replace").decode("utf-8") for caption in captions)  # no half surrogate pairs
    written = (unicodedata.normalize("NFC", caption) for caption in whole)
    return tuple(dict.fromkeys(" ".join(caption.lower().split()) for caption in _not_empty(written)))


def _not_empty(captions: Iterable[str]) -> list[str]:
    return [caption for caption in captions if caption.strip()]


def _repeated(captioned: Iterable[tuple[Listed, tuple[str, ...]]]) -> list[str]:
    """Say how many captions repeat another of their picture, which counts once."""
    written = ((len(_not_empty(picture.captions)), len(captions)) for picture, captions in captioned)
    merged = sum(all_of_them - distinct for all_of_them, distinct in written)
    captions = counted(merged, "caption says", "captions say")
    return [f"{captions} the same as another of the picture, which counts once"] if merged else []


def _fault(root: Path, picture: Listed, captions: tuple[str, ...], follow_links: bool) -> InvalidRecord | None:
    """Say why a picture cannot be used, None where nothing is against it."""
    if not picture.file.is_relative_to(root) or ".." in picture.file.relative_to(root).parts:
        return InvalidRecord(picture.file, "lies outside dataset.root")
    if not captions:
        return InvalidRecord(picture.file, "has no caption, or only empty ones")
    reason = why_unusable(picture.file, root, follow_links)
    return None if reason is None else InvalidRecord(picture.file, reason)
