"""Tux Paint's stamps: 779 photographs and drawings with an English sentence each, from Debian's package."""

from __future__ import annotations

from pathlib import Path

from telltale.checks import yes_or_no
from telltale.data.captions.listed import Listed, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.fetch import fetch
from telltale.data.folders import files_below, require_root
from telltale.data.text_files import Text, read_text
from telltale.errors import InputError

EXPECTED = "a folder of stamps as Tux Paint has it, with */*.png and a .txt of the same name beside each"

TURNED = ("_mirror", "_flip")  # of some stamps their picture turned around lies beside them


def load(
    root: str | None = None,
    size: int = 32,
    downloads: str | None = None,
    cache: str | None = None,
    follow_links: bool = False,
) -> ReadCaptions:
    """Return the stamps that are PNG files, the middle square of each scaled to `size`, on white.

    root: a folder of stamps, None = the package's, fetched into `downloads`; cache: folder where the small pictures
    are kept; follow_links: out of `root`, too. Stamps of one sentence are one concept. A stamp without a sentence,
    or that cannot be read, is listed as invalid. Raises InputError where there are none.
    """
    if root is None:
        if downloads is None:
            raise InputError("dataset.downloads", "null", "expected a folder for what is fetched, or dataset.root")
        folder = fetch("stamps", Path(downloads), field="dataset.root", value="null") / "stamps"
    else:
        folder = require_root(root, EXPECTED)
    below = files_below(folder, (".png",), yes_or_no("dataset.follow_links", follow_links))
    files = [file for file in below.files if not file.stem.endswith(TURNED)]
    if not files:
        raise InputError("dataset.root", root, f"no *.png there; expected {EXPECTED}")
    texts = {file: _text(file.with_suffix(".txt")) for file in files}
    captions = {file: _sentence(text) for file, text in texts.items()}
    foreign = sum(bool(text.told) for text in texts.values())
    told = (f"{foreign:,} sentences are no UTF-8 and were read as Windows-1252",) if foreign else ()
    listed = [Listed(file, (caption,), " ".join(caption.lower().split()) or None) for file, caption in captions.items()]
    return read_listed(folder, listed, size, "Tux Paint stamps", cache, (), told, follow_links)


def _text(file: Path) -> Text:
    """Return a stamp's text, empty where it has none."""
    return read_text(file) if file.is_file() else Text(("",))


def _sentence(text: Text) -> str:
    """Return the first line of a stamp's text, the English one; translations follow it as de.utf8=…"""
    first = text.lines[0].strip()
    return "" if ".utf8=" in first else first
