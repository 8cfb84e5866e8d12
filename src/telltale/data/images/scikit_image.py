"""Files of scikit-image's data folder: where the package is installed, without importing it, else fetched once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from telltale.data.artefacts import ARTEFACTS
from telltale.data.fetch import fetch
from telltale.errors import InputError


def files_of(names: Iterable[str], downloads: str | None) -> list[Path]:
    """Return the files of these names: of the installed package where they are the same, else out of `downloads`.

    Raises InputError where they are not to be had.
    """
    files_wanted = list(names)
    installed = find_spec("skimage")
    for folder in (installed.submodule_search_locations or ()) if installed else ():
        files = [Path(folder) / "data" / name for name in files_wanted]
        if all(file.is_file() and _is_the_one(file) for file in files):
            return files
    if downloads is None:
        raise InputError(
            "dataset.downloads", "null", "expected a folder for what is fetched, or scikit-image installed"
        )
    fetched = fetch("scikit_image", Path(downloads), field="dataset.downloads", value=downloads)
    return [fetched / name for name in files_wanted]


def _is_the_one(file: Path) -> bool:
    expected = {member.name: member.sha256 for member in ARTEFACTS["scikit_image"].files}
    return hashlib.sha256(file.read_bytes()).hexdigest() == expected[file.name]
