"""B3DB (Meng et al. 2021): 7,807 molecules, most of them drugs, that pass the blood-brain barrier or do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from telltale.data.loaded import Loaded
from telltale.data.molecules.classes import with_classes
from telltale.data.molecules.smiles_files import read_molecules
from telltale.data.molecules.views import seen_as

EMBEDDED = Path(__file__).parents[1] / "embedded" / "b3db.csv.gz"
CLASSES = ("BBB-", "BBB+")
COLUMN = "passes"


def load(cache: str | None = None, max_invalid: float = 0.05, view: str = "graph") -> Loaded[Any]:
    """Return the molecules with their class, BBB- or BBB+; those that RDKit cannot read are listed as invalid.

    view: graph | morgan, see `seen_as`.
    """
    read = read_molecules([EMBEDDED], None, max_invalid, cache, "B3DB", (COLUMN,))
    labelled = with_classes(read, COLUMN)
    return seen_as(replace(labelled, records=replace(labelled.records, classes=CLASSES, properties=None)), view)
