"""MSCOCO captions (Chen et al. 2015): photographs with five captions each, from a folder you have."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from telltale.checks import choice
from telltale.data.captions.listed import Listed, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.folders import require_inside, require_root
from telltale.data.loaded import InvalidRecord
from telltale.errors import InputError

SPLITS = ("train2014", "val2014", "train2017", "val2017")


def load(
    root: str | None = None,
    split: str = "val2017",
    size: int = 32,
    cache: str | None = None,
    follow_links: bool = False,
) -> ReadCaptions:
    """Return the photographs of a split below `root`, the middle square of each scaled to `size`.

    split: train2014, val2014, train2017 or val2017; cache: folder where the small pictures are kept; follow_links:
    out of `root`, too. Entries without a file's name, captions without a picture, and pictures that are missing or
    cannot be read, are listed as invalid. Raises InputError where there are none to read.
    """
    choice("dataset.split", split, SPLITS, expected=f"expected one of {', '.join(SPLITS)}")
    expected = f"a folder with {split}/*.jpg and annotations/captions_{split}.json"
    folder = require_root(root, expected)
    file = folder / "annotations" / f"captions_{split}.json"
    if not file.is_file() or not (folder / split).is_dir():
        raise InputError("dataset.root", root, f"expected {expected}")
    require_inside(file, folder, follow_links)
    captions, bad = parse_captions(_read(file))
    listed = [Listed(folder / split / name, tuple(texts)) for name, texts in captions.items()]
    unread = [InvalidRecord(file, reason) for reason in bad]
    return read_listed(folder, listed, size, f"MSCOCO {split}", cache, unread, (), follow_links)


def parse_captions(document: dict[str, list[Any]]) -> tuple[dict[str, list[str]], list[str]]:
    """Return file name → captions, and what is wrong with each entry of `images` and `annotations` that is left out.

    document: the two lists, whatever they hold; entries count from 0.
    """
    names: dict[int | str, str] = {}
    bad = []
    for number, image in enumerate(document["images"]):
        key, name = _fields(image, "id", "file_name")
        if not _is_id(key) or key in names or not isinstance(name, str) or not name:
            bad.append(f"image {number}: no file_name in words, or no id of its own")
            continue
        names[key] = name
    captions: defaultdict[str, list[str]] = defaultdict(list, {name: [] for name in names.values()})
    for number, annotation in enumerate(document["annotations"]):
        key, caption = _fields(annotation, "image_id", "caption")
        if not _is_id(key) or key not in names or not isinstance(caption, str):
            bad.append(f"annotation {number}: no picture of its image_id, or no caption")
            continue
        captions[names[key]].append(caption)
    return dict(captions), bad


def _fields(entry: Any, *keys: str) -> list[Any]:
    return [entry.get(key) if isinstance(entry, dict) else None for key in keys]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _read(file: Path) -> dict[str, list[Any]]:
    """Read the document. Raises InputError unless it has the two lists."""
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("dataset.root", file, f"is no JSON file ({error})") from None
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), list) for name in ("images", "annotations")
    ):
        expected = "is no file of captions; expected an object with the lists images and annotations, as published"
        raise InputError("dataset.root", file, expected)
    return document
