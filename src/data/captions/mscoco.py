"""MSCOCO captions (Chen et al. 2015): photographs with five captions each, from a folder you have."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from src.data.captions.listed import Listed, read_listed
from src.data.captions.read import ReadCaptions
from src.data.folders import require_root
from src.data.images.records import InvalidImage
from src.errors import InputError

SPLITS = ("train2014", "val2014", "train2017", "val2017")


def load(root: str | None = None, split: str = "val2017", size: int = 32, cache: str | None = None) -> ReadCaptions:
    """Return the photographs of a split below `root`, the middle square of each scaled to `size`.

    split: train2014, val2014, train2017 or val2017; cache: folder where the small pictures are kept. Captions
    without a picture, and pictures that are missing or cannot be read, are listed as invalid. Raises InputError
    where there are none to read.
    """
    if split not in SPLITS:
        raise InputError("dataset.split", split, f"expected one of {', '.join(SPLITS)}")
    expected = f"a folder with {split}/*.jpg and annotations/captions_{split}.json"
    folder = require_root(root, expected)
    file = folder / "annotations" / f"captions_{split}.json"
    if not file.is_file() or not (folder / split).is_dir():
        raise InputError("dataset.root", root, f"expected {expected}")
    captions, strays = _read(file)
    listed = [Listed(folder / split / name, tuple(told)) for name, told in captions.items()]
    unread = [
        InvalidImage(file, f"annotation {number}: no picture of its image_id, or no caption") for number in strays
    ]
    return read_listed(folder, listed, size, f"MSCOCO {split}", cache, unread)


def parse_captions(document: dict[str, Any]) -> tuple[dict[str, list[str]], list[int]]:
    """Return file name → captions, and the positions of annotations that name no picture or hold no text.

    Raises KeyError or TypeError where the document has not the two lists `images` and `annotations`.
    """
    names = {image["id"]: image["file_name"] for image in document["images"]}
    captions: defaultdict[str, list[str]] = defaultdict(list, {name: [] for name in names.values()})
    strays = []
    for number, annotation in enumerate(document["annotations"]):
        name, caption = names.get(annotation.get("image_id")), annotation.get("caption")
        if name is None or not isinstance(caption, str):
            strays.append(number)
            continue
        captions[name].append(caption)
    return dict(captions), strays


def _read(file: Path) -> tuple[dict[str, list[str]], list[int]]:
    try:
        return parse_captions(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = (
            f"is no file of captions ({type(error).__name__}: {error}); expected images and annotations, as published"
        )
        raise InputError("dataset.root", file, told) from None
