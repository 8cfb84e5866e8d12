"""Flickr8k (Hodosh, Young and Hockenmaier 2013): 8,091 photographs with five captions each, from a folder you have."""

from __future__ import annotations

import re
from collections import defaultdict

from telltale.data.captions.listed import Listed, first_folder, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.folders import first_found, require_inside, require_root
from telltale.data.loaded import InvalidRecord
from telltale.data.text_files import read_text
from telltale.errors import InputError

FOLDERS = ("Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset")  # the archive does spell it so
FILES = ("captions.txt", "Flickr8k.token.txt", "*captions*.txt")
TABBED = re.compile(r"[^,\t]*#\d+\t")
EXPECTED = (
    "a folder with Images/*.jpg and captions.txt (image,caption) or Flickr8k.token.txt (image#number, tab, caption)"
)


def load(root: str | None = None, size: int = 32, cache: str | None = None, follow_links: bool = False) -> ReadCaptions:
    """Return the photographs below `root` with their captions, the middle square of each scaled to `size`.

    cache: folder where the small pictures are kept; follow_links: out of `root`, too. Lines without a caption, and
    pictures that are missing or cannot be read, are listed as invalid. Raises InputError where there are none to
    read.
    """
    folder = require_root(root, EXPECTED)
    images = first_folder(folder, FOLDERS, EXPECTED)
    files = first_found([folder, folder / "Flickr8k_text"], FILES)
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    require_inside(files[0], folder, follow_links)
    text = read_text(files[0])
    captions, bad = parse_captions("\n".join(text.lines))
    listed = [Listed(images / name, tuple(texts)) for name, texts in captions.items()]
    told = (text.told,) if text.told else ()
    unread = [InvalidRecord(files[0], "is not an image and its caption", line, text.lines[line - 1]) for line in bad]
    return read_listed(folder, listed, size, "Flickr8k", cache, unread, told, follow_links)


def parse_captions(text: str) -> tuple[dict[str, list[str]], list[int]]:
    """Return image → captions, and the numbers of the lines that are neither; a line is an image and one caption.

    What parts the two is the first tab, in a file whose first line is image#number, tab, caption (the number is
    dropped), else the first comma: all others belong to the caption. A caption in quotation marks, as in CSV, is
    unquoted. A first line "image,caption" is a heading. Blank lines count as lines alone.
    """
    captions: defaultdict[str, list[str]] = defaultdict(list)
    bad = []
    lines = [(number, line) for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1) if line.strip()]
    mark = "\t" if lines and TABBED.match(lines[0][1]) else ","
    for place, (number, line) in enumerate(lines):
        if place == 0 and line.strip().lower() == "image,caption":
            continue
        name, parted, caption = line.partition(mark)
        name = name.rpartition("#")[0] or name if mark == "\t" else name
        if not parted or not name.strip():
            bad.append(number)
            continue
        captions[name.strip()].append(_unquoted(caption.strip()) if mark == "," else caption.strip())
    return dict(captions), bad


def _unquoted(caption: str) -> str:
    quoted = len(caption) > 1 and caption.startswith('"') and caption.endswith('"')
    return caption[1:-1].replace('""', '"') if quoted else caption
