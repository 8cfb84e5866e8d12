"""IAPR TC-12 (Grubinger et al. 2006): 20,000 photographs with a described scene each, from a folder you have."""

from __future__ import annotations

import html
import re
from pathlib import Path

from telltale.data.captions.listed import Listed, first_folder, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.folders import is_hidden, require_inside, require_root
from telltale.errors import InputError
from telltale.progress import track

NOTES = ("annotations_complete_eng", "annotations")
EXPECTED = "a folder with images/NN/*.jpg and annotations_complete_eng/NN/*.eng"
FIELDS = ("DESCRIPTION", "TITLE")


def load(root: str | None = None, size: int = 32, cache: str | None = None, follow_links: bool = False) -> ReadCaptions:
    """Return the photographs below `root`, the middle square of each scaled to `size`.

    References: the description and the title; cache: folder where the small pictures are kept; follow_links: out of
    `root`, too. Notes without either, and pictures that are missing or cannot be read, are listed as invalid.
    Raises InputError where there are none to read.
    """
    folder = require_root(root, EXPECTED)
    images, notes = first_folder(folder, ("images",), EXPECTED), first_folder(folder, NOTES, EXPECTED)
    files = sorted(file for file in notes.glob("*/*.eng") if not is_hidden(file.name))
    if not files:
        raise InputError("dataset.root", root, f"no notes (*.eng) there; expected {EXPECTED}")
    for file in files:
        require_inside(file, folder, follow_links)
    listed = [_listed(file, images) for file in track(files, "reading notes")]
    return read_listed(folder, listed, size, "IAPR TC-12", cache, (), (), follow_links)


def parse_note(text: str) -> tuple[str, ...]:
    """Return description and title of a note, those that are there and not empty.

    A note is tags without a root: <TITLE>…</TITLE> <DESCRIPTION>…; clauses end with a semicolon, read as a comma.
    """
    captions = []
    for field in FIELDS:
        match = re.search(rf"<{field}>(.*?)</{field}>", text, re.DOTALL | re.IGNORECASE)
        clauses = [clause.strip() for clause in html.unescape(match[1]).split(";")] if match else []
        captions.append(", ".join(clause for clause in clauses if clause))
    return tuple(caption for caption in captions if caption)


def _listed(file: Path, images: Path) -> Listed:
    text = file.read_text(encoding="iso-8859-1")
    return Listed(images / file.parent.name / f"{file.stem}.jpg", parse_note(text))
