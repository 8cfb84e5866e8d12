"""ZINC15, the 2 million molecules of Hu et al. 2020, from the folder their code works with."""

from __future__ import annotations

from telltale.data.compressed import LARGEST
from telltale.data.folders import first_found, require_all_inside, require_root
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.errors import InputError

EXPECTED = (
    "a folder with zinc_standard_agent/raw/*.csv.gz (columns smiles, zinc_id) or "
    "zinc_standard_agent/processed/smiles.csv (one SMILES a line)"
)


def load(
    root: str | None = None, cache: str | None = None, max_invalid: float = 0.05, largest: float = LARGEST
) -> ReadMolecules:
    """Return the molecules below `root`, graphs rebuilt from SMILES: the old pickled graphs are not read.

    root: the folder zinc_standard_agent, or the one it lies in, or one file; largest: GiB that a file may
    unpack to. Raises InputError where there is none.
    """
    folder = require_root(root, EXPECTED)
    if folder.is_file():
        files = [folder]
    else:
        places = [folder / "zinc_standard_agent", folder / "dataset" / "zinc_standard_agent", folder]
        files = first_found(places, ["raw/*.csv.gz", "raw/*.csv", "processed/smiles.csv", "*.csv.gz"])
        require_all_inside(files, folder)
    if not files:
        raise InputError("dataset.root", root, f"expected {EXPECTED}")
    plain = files[0].name == "smiles.csv"  # written by that code, without header
    return read_molecules(files, None, max_invalid, cache, "ZINC15", no_header=plain, largest=largest)
