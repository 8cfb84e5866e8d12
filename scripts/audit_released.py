"""Audit models that others released with their own tables; write docs/released_models.md and its figure.

python -m scripts.audit_released [--folder FOLDER] [--models NAME …] [--page FILE] [--replicates 1000]

FOLDER has a folder for each model: table.csv.gz (smiles, y, role, prediction) and model.json.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.jobs import ROOT
from scripts.released.measure import Found, measure
from scripts.released.page import PICTURE, attack_table, control_table, figure, page, plain_table, verdict_table
from scripts.released.tables import FOLDER, read_all
from telltale.errors import InputError
from telltale.papers.grid_view import markdown
from telltale.reporting.figures import save_png

PAGE = ROOT / "docs" / "released_models.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit each model, print the tables, write page and figure; 2 where there is nothing to audit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--models", nargs="*", default=[], help="names of some; without a page, then")
    parser.add_argument("--page", type=Path, help=f"default {PAGE.relative_to(ROOT)}")
    parser.add_argument("--replicates", type=int, default=1000, help="behind every interval")
    options = parser.parse_args(arguments)
    logging.getLogger("telltale").setLevel(logging.ERROR)
    found: list[Found] = []
    for table in read_all(options.folder):
        if options.models and table.name not in options.models:
            continue
        began = time.monotonic()
        found.append(measure(table, replicates=options.replicates))
        told = f"{table.name}: plain error AUC {found[-1].plain.auc.value:.3f}, {found[-1].kind}"
        print(f"{told}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if not found:
        raise InputError("--models", ", ".join(options.models), f"models of {options.folder}")
    for rows in (plain_table(found), attack_table(found), verdict_table(found), control_table(found)):
        print(markdown(rows), end="\n\n")
    if options.page is not None or not options.models:
        place = PAGE if options.page is None else options.page
        place.write_text(page(found, options.replicates), encoding="utf-8")
        print(place, save_png(figure(found), place.parent / PICTURE))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
