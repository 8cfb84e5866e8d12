"""MOSES (Polykovskiy et al. 2020): drug-like ZINC molecules, 50,000 embedded, 1.58 million by fetching."""

from __future__ import annotations

from pathlib import Path

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.fetch import fetch
from telltale.data.folders import first_found, require_all_inside, require_root
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded" / "moses_50k.smi.gz"
SPLITS = ("train", "test", "test_scaffolds")


def load(
    full: bool = False,
    split: str = "train",
    root: str | None = None,
    downloads: str | None = None,
    cache: str | None = None,
    max_invalid: float = 0.05,
    largest: float = LARGEST,
) -> ReadMolecules:
    """Return the embedded sample of train, or a whole split: from `root`, or with `full` out of `downloads`.

    root: folder with train.csv[.gz], test.csv[.gz], test_scaffolds.csv[.gz]; largest: GiB that one of them
    may unpack to. Raises InputError where the split is not to be had.
    """
    choice("dataset.split", split, SPLITS, expected=f"expected one of {', '.join(SPLITS)}")
    if root is None and not full:
        if split != "train":
            raise InputError("dataset.split", split, "the embedded 50,000 are of train; expected dataset.full=true")
        return read_molecules([EMBEDDED], None, max_invalid, cache, "MOSES (50,000 of train)")
    files = _files(split, root, downloads)
    return read_molecules(files, None, max_invalid, cache, f"MOSES ({split})", largest=largest)


def _files(split: str, root: str | None, downloads: str | None) -> list[Path]:
    if root is None:
        if downloads is None:
            raise InputError("dataset.downloads", "null", "expected a folder for the files of dataset.full=true")
        return [fetch("moses", Path(downloads)) / f"{split}.csv.gz"]
    expected = f"a folder with {split}.csv.gz or {split}.csv"
    folder = require_root(root, expected)
    files = first_found([folder, folder / "data", folder / "moses"], [f"{split}.csv.gz", f"{split}.csv"])
    if not files:
        raise InputError("dataset.root", root, f"expected {expected}")
    require_all_inside(files, folder)
    return files
