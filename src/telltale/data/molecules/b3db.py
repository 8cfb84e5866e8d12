"""B3DB (Meng et al. 2021): molecules, most of them drugs, and whether, or how well, they reach the brain.

7,807 pass the blood-brain barrier or do not; of 1,058 the logarithm of their concentration in the brain over that in
the blood is measured, logBB.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from telltale.checks import choice
from telltale.data.loaded import Loaded
from telltale.data.molecules.classes import KINDS, with_classes, with_values
from telltale.data.molecules.smiles_files import read_molecules
from telltale.data.molecules.views import seen_as

EMBEDDED = Path(__file__).parents[1] / "embedded" / "b3db.csv.gz"
EMBEDDED_VALUES = EMBEDDED.with_name("b3db_log_bb.csv.gz")
CLASSES = ("BBB-", "BBB+")
COLUMN, VALUE = "passes", "log_bb"


def load(
    cache: str | None = None, max_invalid: float = 0.05, view: str = "graph", kind: str = "classes"
) -> Loaded[Any]:
    """Return the molecules with their class, BBB- or BBB+; those that RDKit cannot read are listed as invalid.

    view: graph | morgan, see `seen_as`; kind: classes | values = those with a logBB instead, for objective=regression.
    """
    if choice("dataset.kind", kind, KINDS) == "values":
        read = read_molecules([EMBEDDED_VALUES], None, max_invalid, cache, "B3DB (logBB)", (VALUE,))
        return seen_as(with_values(read, VALUE), view)
    read = read_molecules([EMBEDDED], None, max_invalid, cache, "B3DB", (COLUMN,))
    labelled = with_classes(read, COLUMN)
    return seen_as(replace(labelled, records=replace(labelled.records, classes=CLASSES, properties=None)), view)
