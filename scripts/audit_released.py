"""Audit models that others released with their own tables; write docs/released_models.md and its figure.

python -m scripts.audit_released [--folder FOLDER] [--models NAME …] [--encoders FOLDER] [--page FILE] [--fresh]

FOLDER is a clone of github.com/datagrok-ai/admetica, or has a folder for each model: table.csv.gz (smiles, y, role,
prediction) and model.json; that of encoders has a state dict of Hu et al. for each, named KIND_….safetensors.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.ending import exit_code
from scripts.jobs import ROOT
from scripts.released import encoder_page, shadows
from scripts.released.clone import is_clone, laid_out
from scripts.released.encoders import FOLDER as ENCODERS
from scripts.released.encoders import measure_encoders
from scripts.released.measure import Found, measure
from scripts.released.page import PICTURE, attack_table, control_table, figure, page, plain_table, verdict_table
from scripts.released.tables import FOLDER, Table, read_all
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
    parser.add_argument("--encoders", type=Path, default=ENCODERS, help="folder of encoders; left out where it is none")
    parser.add_argument("--shadows", action=argparse.BooleanOptionalAction, default=True, help="train shadow models")
    parser.add_argument("--kept", type=Path, default=Path("outputs/audit_released"), help="of what takes minutes")
    parser.add_argument("--fresh", action="store_true", help="measure encoders and shadow models again")
    parser.add_argument("--replicates", type=int, default=1000, help="behind every interval")
    options = parser.parse_args(arguments)
    logging.getLogger("telltale").setLevel(logging.ERROR)
    found: list[Found] = []
    folder = options.folder
    if is_clone(folder):
        folder = laid_out(folder, options.kept / "tables", options.fresh)
    for table in read_all(folder):
        if options.models and table.name not in options.models:
            continue
        began = time.monotonic()
        found.append(measure(table, replicates=options.replicates))
        told = f"{table.name}: plain error AUC {found[-1].plain.auc.value:.3f}, {found[-1].kind}"
        print(f"{told}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if not found:
        raise InputError("--models", ", ".join(options.models), f"models of {folder}")
    for rows in (plain_table(found), attack_table(found), verdict_table(found), control_table(found)):
        print(markdown(rows), end="\n\n")
    if options.page is not None or not options.models:
        place = PAGE if options.page is None else options.page
        sections = {"shadows": partial(with_shadows, [one.table for one in found]) if options.shadows else str}
        there = any(options.encoders.glob("*.safetensors"))
        sections["encoders"] = partial(of_encoders, options.encoders) if there else str
        parts = {name: kept(options.kept / f"{name}.md", make, options.fresh) for name, make in sections.items()}
        place.write_text(page(found, options.replicates, **parts), encoding="utf-8")
        print(place, save_png(figure(found), place.parent / PICTURE))
    return 0


def with_shadows(tables: Sequence[Table]) -> str:
    """Measure the smallest tables with shadow models, which takes some minutes each, and write their section."""
    return shadows.section([shadows.measure_with_shadows(table) for table in shadows.smallest(tables)])


def of_encoders(folder: Path) -> str:
    """Attack encoders and write their section."""
    return encoder_page.section(measure_encoders(folder))


def kept(file: Path, make: Callable[[], str], fresh: bool) -> str:
    """Return what a file has, or make it; what is empty is not kept."""
    if file.is_file() and not fresh and make is not str:
        return file.read_text(encoding="utf-8")
    if text := make():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    sys.exit(exit_code(main))
