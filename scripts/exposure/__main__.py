"""Measure when molecular encoders leak: a sparse named design of sizes, epochs, widths, objectives; a law; a page.

python -m scripts.exposure [--scale smoke|small|paper] [--plan] [--jobs 2] [--objectives …] [--cells …]
    [--largest-first] [--measured FILE] [--take FILE …] [--page-only] [--full-data FOLDER] [overrides …]

Cheapest cells come first; what is measured is not measured again while the code that makes it stays as it is, and
encoders come from the store. paper: with the large cells, for a GPU (the override trainer=gpu). take: measurements of
another machine, by files of the same kind; they count by their words, as another Python hashes equal code otherwise.
page-only: write the page of what is there, whatever code made it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.ending import exit_code
from scripts.exposure.cells import HEADLINES, PARTS, SCALES, Cell, Design, plan
from scripts.exposure.page import write
from scripts.exposure.playing import Part, results
from scripts.jobs import ROOT
from telltale.errors import InputError
from telltale.writing import write_text

Documents = dict[str, dict[str, Any]]  # "cell part" -> what was measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing and write the page; 1 if a part failed."""
    options = _options(arguments)
    design = Design(options.scale)
    cells = _chosen(design, options)
    if options.plan:
        print(plan(design, options.jobs))
        return 0
    file = options.measured or _usual(options.scale, "json")
    documents = read([file]) | {name: entry | {"taken": True} for name, entry in read(options.take).items()}
    failed = 0
    if not options.page_only:
        jobs = lacking(design, cells, documents, options)
        _tell(f"{len(cells)} cells, {len(jobs)} of them to be measured, {options.jobs} at a time")
        failed = measure(jobs, options, documents, file)
    save(file, documents)
    page = options.page or _usual(options.scale, "md")
    write(page, design, documents)
    print(page)
    return 1 if failed else 0


def read(files: Sequence[Path]) -> Documents:
    """Read measurements; of two of one part the later file's. A file that is not there holds none."""
    documents: Documents = {}
    for file in files:
        if file.exists():
            documents |= json.loads(file.read_text(encoding="utf-8"))
    return documents


def save(file: Path, documents: Documents) -> None:
    """Write measurements, a line each, whole or not at all; numbers to six digits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    lines = (f"{json.dumps(name)}: {json.dumps(_rounded(documents[name]))}" for name in sorted(documents))
    write_text(partial, "{" + ",\n".join(lines) + "}\n")
    partial.replace(file)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(of) for name, of in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


def lacking(
    design: Design, cells: Sequence[Cell], documents: Documents, options: argparse.Namespace
) -> list[list[Part]]:
    """Return by cell the parts that nothing has measured by this code and these words."""
    jobs = []
    for cell in reversed(cells) if options.largest_first else cells:
        parts = []
        for part in PARTS:
            made_by = design.made_by(cell, part)
            if made_by is None or _is_there(documents.get(f"{cell.name} {part}", {}), made_by):
                continue
            machine = list(options.overrides)
            if "dataset.full=true" in made_by["words"] and options.full_data:
                machine.append(f"dataset.root='{options.full_data.resolve()}'")
            parts.append(Part(cell.name, part, made_by, machine))
        jobs += [parts] if parts else []
    return jobs


def _is_there(document: dict[str, Any], made_by: dict[str, Any]) -> bool:
    if "made_by" not in document or "failed" in document or HEADLINES[document["part"]] not in _of_target(document):
        return False
    same = document["made_by"] == made_by
    return same or (document.get("taken", False) and document["made_by"]["words"] == made_by["words"])


def measure(jobs: Sequence[Sequence[Part]], options: argparse.Namespace, documents: Documents, file: Path) -> int:
    """Measure, a process a core; write what is there after each cell. Returns how many runs failed or were not made."""
    began, failed, done, number = time.monotonic(), 0, 0, sum(map(len, jobs))
    for ended in results(jobs, options.jobs, options.stop_after):
        documents |= {f"{document['cell']} {document['part']}": document for document in ended}
        save(file, documents)
        for document in ended:
            done += 1
            failed += "failed" in document
            result = document.get("failed") or _headline(document)
            spent = time.monotonic() - began
            _tell(f"{done} of {number}, {spent:.0f} s: {document['cell']} {document['part']}: {result}")
    if done < number:
        _tell(f"{number - done} runs were not made: the same command goes on with them")
    return failed + number - done


def _chosen(design: Design, options: argparse.Namespace) -> list[Cell]:
    names = [cell.name for cell in design.cells]
    for field, given, valid in (
        ("--cells", options.cells, names),
        ("--objectives", options.objectives, list(design.objectives)),
    ):
        if unknown := [name for name in given if name not in valid]:
            raise InputError(field, unknown[0], f"expected some of {', '.join(valid)}")
    return [
        cell
        for cell in design.cells
        if (not options.cells or cell.name in options.cells)
        and (not options.objectives or cell.objective in options.objectives)
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--plan", action="store_true", help="say what it takes, measure nothing")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a core each")
    parser.add_argument("--objectives", nargs="+", default=[])
    parser.add_argument("--cells", nargs="+", default=[])
    parser.add_argument("--largest-first", action="store_true", help="ends sooner where there are many cores")
    parser.add_argument("--stop-after", type=float, default=float("inf"), help="seconds from which no run is begun")
    parser.add_argument("--measured", type=Path, help="file of all measurements")
    parser.add_argument("--take", type=Path, nargs="+", default=[], help="measurements of another machine")
    parser.add_argument("--full-data", type=Path, help="folder with MOSES' train.csv.gz, where it is not to be fetched")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--page-only", action="store_true")
    parser.add_argument("overrides", nargs="*", help="more words for every run, e.g. trainer=cpu")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        raise InputError("--jobs", options.jobs, "a whole number from 1")
    for file in options.take:
        if not file.exists():
            raise InputError("--take", file, "a file that --measured has written")
    return options


def _usual(scale: str, ending: str) -> Path:
    """Return where measurements and page lie; what the smoke scale measures means nothing, so it is not among docs."""
    return (ROOT / "outputs" / "exposure" if scale == "smoke" else ROOT / "docs") / f"exposure.{ending}"


def _headline(document: dict[str, Any]) -> str:
    name = HEADLINES[document["part"]]
    found = _of_target(document)[name]
    return f"{name} {found['value']:.3f} [{found['low']:.2f}, {found['high']:.2f}], {document['seconds']:.0f} s"


def _of_target(document: dict[str, Any]) -> dict[str, Any]:
    metrics: dict[str, Any] = document.get("evidence", {}).get("target", {})
    return metrics


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main, "what has ended is kept"))
