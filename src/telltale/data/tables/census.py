"""Census-Income (KDD): 299,285 answers to the US Current Population Surveys of 1994 and 1995, 40 facts on each person.

Lane & Kohavi, UCI Machine Learning Repository, 2000.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from telltale.data.compressed import LARGEST
from telltale.data.fetch import fetch
from telltale.data.folders import first_found, missing, require_all_inside, require_root
from telltale.data.tables.cells import read_columns
from telltale.data.tables.people import read_people
from telltale.data.tables.records import ReadTable
from telltale.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded" / "census_20k.csv.xz"
COLUMNS = Path(__file__).with_name("census_columns.json")
"""The 42 columns of the files; levels and ranges are those of all 299,285 rows."""
WEIGHT = "instance_weight"
PARTS = ("train", "test")
NAMES = {
    "train": ("census-income.data", "census-income.data.gz", "census_income_1994_1995_train.csv"),
    "test": ("census-income.test", "census-income.test.gz", "census_income_1994_1995_test.csv"),
}
EXPECTED = "a folder with census-income.data and .test, or census_income_1994_1995_train.csv and _test.csv"


def load(
    full: bool = False,
    label: str = "income",
    weight: bool = False,
    root: str | None = None,
    downloads: str | None = None,
    largest: float = LARGEST,
) -> ReadTable:
    """Return the embedded 20,000 people; all with `full`, out of `downloads`; or those of the files in `root`.

    label: the column that is the class, left out of the features; weight: keep the survey's sampling weight as a
    feature: it is no fact about a person, but nearly unique to each; largest: GiB that a file may unpack to.

    Raises InputError where they are not to be had.
    """
    source, told = "Census-Income", tuple[str, ...]()
    if root is not None:
        found = _files(root)
        files, first = list(found.values()), {part: NAMES[part][0] for part in PARTS}
        told = missing(list(first.values()), [first[part] for part in found], source)
    elif full:
        if downloads is None:
            raise InputError("dataset.downloads", "null", "expected a folder for the files of dataset.full=true")
        folder = fetch("census", Path(downloads))
        files = [folder / NAMES[part][2] for part in PARTS]
    else:
        files, source = [EMBEDDED], "Census-Income (20,000 of train)"
    read = read_people(files, read_columns(COLUMNS), label, None if weight else WEIGHT, source, largest)
    return replace(read, told=(*read.told, *told))


def _files(root: str) -> dict[str, Path]:
    """Return the file of each part that is there."""
    folder = require_root(root, EXPECTED)
    places = [folder, folder / "census-income", folder / "data"]
    files = {part: file for part in PARTS for file in first_found(places, NAMES[part])[:1]}
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    require_all_inside(files.values(), folder)
    return files
