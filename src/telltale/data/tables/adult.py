"""Adult (Kohavi 1996): 48,842 people of the US census of 1994, from files you have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from telltale.data.compressed import LARGEST
from telltale.data.folders import first_found, missing, require_all_inside, require_root
from telltale.data.tables.cells import read_columns
from telltale.data.tables.people import read_people
from telltale.data.tables.records import ReadTable
from telltale.errors import InputError

COLUMNS = Path(__file__).with_name("adult_columns.json")
"""The 15 columns of the files; `?` is a level, ranges are those of adult.names and of all rows."""
WEIGHT = "fnlwgt"
NAMES = ("adult.data", "adult.test")
EXPECTED = "a folder with adult.data and adult.test"


def load(root: str | None = None, label: str = "income", weight: bool = False, largest: float = LARGEST) -> ReadTable:
    """Return the people of adult.data and adult.test, whichever lie in `root`, training rows first.

    label: the column that is the class, left out of the features; weight: keep the survey's sampling weight
    (fnlwgt) as a feature; largest: GiB that a file may unpack to. Raises InputError where there is neither file.
    """
    folder = require_root(root, EXPECTED)
    places = [folder, folder / "adult"]
    files = [file for name in NAMES for file in first_found(places, [name, f"{name}.gz"])[:1]]
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    require_all_inside(files, folder)
    told = missing(NAMES, {file.name.removesuffix(".gz") for file in files}, "Adult")
    read = read_people(files, read_columns(COLUMNS), label, None if weight else WEIGHT, "Adult", largest)
    return replace(read, told=(*read.told, *told))
