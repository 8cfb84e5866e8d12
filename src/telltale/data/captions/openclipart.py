"""Open Clip Art: drawings with a title each, public domain, from Debian's two packages: pictures, and SVG with titles.

Pictures of a collection share its title, which says nothing of any of them; titles of several pictures are left out.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from telltale.checks import whole_number, yes_or_no
from telltale.data.captions.listed import Listed, first_folder, read_listed
from telltale.data.captions.read import ReadCaptions
from telltale.data.fetch import fetch
from telltale.data.folders import files_below, require_root
from telltale.errors import InputError

EXPECTED = "a folder of Open Clip Art: png/*/*.png, and svg/*/*.svg of the same name, with titles, beside it"
TITLE = re.compile(r"<dc:title>(.*?)</dc:title>", re.DOTALL)
NUMBER = re.compile(r"[\s_#-]+\d+$|\s*\(\d+\)$")  # "smiley 02": of the same, another one


def load(
    root: str | None = None,
    shared: int = 3,
    size: int = 32,
    downloads: str | None = None,
    cache: str | None = None,
    follow_links: bool = False,
) -> ReadCaptions:
    """Return the drawings whose title no more than `shared` of them have, the middle square scaled to `size`, on white.

    root: a folder with png and svg, None = the packages', fetched into `downloads`; cache: folder where the small
    pictures are kept; follow_links: out of `root`, too. A number at a title's end is left out; drawings of one title
    are one concept. Raises InputError where there are none.
    """
    whole_number("dataset.shared", shared, 1, 10_000)
    folder, pictures, drawings = _folders(root, downloads)
    files = files_below(pictures, (".png",), yes_or_no("dataset.follow_links", follow_links)).files
    if not files:
        raise InputError("dataset.root", root, f"no *.png there; expected {EXPECTED}")
    titles = [_title((drawings / file.relative_to(pictures)).with_suffix(".svg")) for file in files]
    number = Counter(title.lower() for title in titles)
    named = [
        (file, title) for file, title in zip(files, titles, strict=True) if title and number[title.lower()] <= shared
    ]
    told = _told(titles, len(named), shared)
    if not named:
        raise InputError("dataset.root", root, f"none of {len(files)} pictures has a title of its own; {told[0]}")
    listed = [Listed(file, (title,), title.lower()) for file, title in named]
    return read_listed(folder, listed, size, "Open Clip Art", cache, (), told, follow_links)


def _folders(root: str | None, downloads: str | None) -> tuple[Path, Path, Path]:
    """Return the folder that holds all, that of pictures and that of drawings with titles."""
    if root is not None:
        folder = require_root(root, EXPECTED)
        return folder, first_folder(folder, ("png",), EXPECTED), folder / "svg"
    if downloads is None:
        raise InputError("dataset.downloads", "null", "expected a folder for what is fetched, or dataset.root")
    png, svg = (
        fetch(f"openclipart_{kind}", Path(downloads), field="dataset.root", value="null") / kind
        for kind in ("png", "svg")
    )
    return png, png, svg


def _title(file: Path) -> str:
    """Return the title of a drawing, without a number at its end; empty where there is none."""
    if not file.is_file():
        return ""
    found = TITLE.search(file.read_bytes().decode("utf-8", "replace"))
    title = " ".join(html.unescape(found.group(1)).split()) if found else ""
    return NUMBER.sub("", title)


def _told(titles: Sequence[str], kept: int, shared: int) -> tuple[str, ...]:
    without = sum(not title for title in titles)
    left = f"{len(titles) - without - kept:,} drawings have the title of a collection, of more than {shared}: left out"
    return (left, *([f"{without:,} have no title: left out"] if without else []))
