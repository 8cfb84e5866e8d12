"""The exposure map's page: the map, the law, what it foretold of cells kept back, and what was not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.exposure.cells import HEADLINES, PARTS, Cell, Design
from scripts.exposure.figure import IN_USE, draw
from scripts.exposure.laws import FORMS, LAWS, NAMES, PLAIN, Comparison, Exposure, Measured, cells_of
from scripts.exposure.sentences import near, real, sentences
from scripts.pages import machine
from telltale.evaluation.leakage_law import Law, as_auc
from telltale.papers.grid_view import markdown
from telltale.writing import write_text

Documents = Mapping[str, Mapping[str, Any]]
SIZES = (1_000, 10_000, 30_000, 100_000, IN_USE[0])


def write(page: Path, design: Design, documents: Documents) -> None:
    """Write the page, and its figure beside it, of what is measured; without a law where cells are few."""
    there = {name: document for name, document in documents.items() if "failed" not in document}
    measured, extracted = (cells_of(design, there, part) for part in PARTS)
    exposure = Exposure(design, measured)
    compared = exposure.compared()
    page.parent.mkdir(parents=True, exist_ok=True)
    words: dict[str, Any] = {
        **{"victims": design.victims, "scale_option": "" if design.scale == "small" else f" --scale {design.scale}"},
        **{"law": "", "extraction": _extraction(extracted) if extracted else "", "rows": _cells(exposure)},
        **dict(zip(("real", "asked", "least"), real(extracted), strict=True)),
        **{"most_extracted": design.options["extraction"]["most_members"], "reference": design.reference},
        "lacking": ", ".join(_lacking(design, measured, extracted)),
        "failed": ", ".join(name for name in documents if name not in there),
        "machine": machine("torch", "rdkit", "scikit-learn"),
    }
    if (law := exposure.law(compared)) is not None:
        figure = page.with_suffix(".png")
        draw(exposure, law, near(exposure, exposure.ranked(law)[0][0], compared), figure)
        words |= {"figure": figure.name, "sentences": sentences(exposure, law, compared, extracted)}
        words |= _of_law(exposure, law, compared)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(page, environment.get_template("page.md.jinja").render(words).rstrip() + "\n")


def _of_law(exposure: Exposure, law: Law, compared: Sequence[Comparison]) -> dict[str, Any]:
    kept_back, inside = _kept_back(exposure, law)
    fitted = [form for form in FORMS if form not in [row.form for row in compared]]
    largest = Counter[str]()
    for entry in exposure.fitted_to:
        largest[entry.cell.objective] = max(largest[entry.cell.objective], entry.cell.members)
    return {
        **{"law": law.form.name, "cells": len(exposure.cells), "degrees": law.degrees},
        **{"scatter": round(100 * float(law.best.scatter[0])), "draws": len(law.draws.scatter)},
        **{"slopes": _slopes(law), "levels": _levels(exposure, law), "forms": _forms(exposure, law, compared)},
        **{"kept_back": kept_back, "kept_back_cells": len(exposure.kept_back), "inside": inside},
        **{"too_few": ", ".join(form.name for form in fitted), "in_use": IN_USE},
        "largest": ", ".join(f"{_plain(name)} {size:,}" for name, size in largest.most_common()),
        **{"continued": _continued(exposure, law, largest), "stronger": _stronger(exposure)},
    }


def _slopes(law: Law) -> str:
    rows = [["d′ goes with", "to the power of", "95 % interval"]]
    for place, weights in enumerate(law.form.slopes):
        value, low, high = law.slope(place)
        name = next(name for name, of in NAMES.items() if tuple(of) == weights)
        rows.append([name.replace("|", "\\|"), f"{value:+.2f}", f"[{low:+.2f}, {high:+.2f}]"])
    return markdown(rows)


def _levels(exposure: Exposure, law: Law) -> str:
    rows = [["objective", "AUC there", "95 % interval", "cells fitted"]]
    for name, value, low, high in exposure.ranked(law):
        number = sum(entry.cell.objective == name for entry in exposure.fitted_to)
        rows.append([_plain(name), f"{value:.3f}", f"[{low:.3f}, {high:.3f}]", str(number)])
    return markdown(rows)


def _forms(exposure: Exposure, law: Law, compared: Sequence[Comparison]) -> str:
    best, first = exposure.best(compared), exposure.ranked(law)[0][0]
    head = ["form", "error, cells left out one by one", "error, kept back", "of AUC, kept back", "in their interval"]
    rows = [[*head, f"{_plain(first)} at {IN_USE[0]:,} × {IN_USE[1]}"]]
    for row in compared:
        name = f"**{row.form.name}**" if row.form == best else row.form.name
        errors = f"{row.left_out:.3f}", f"{row.kept_back:.3f}", f"{row.auc_error:.3f}"
        inside, far = f"{row.covered} of {len(exposure.kept_back)}", "–"
        if row.form in LAWS:
            value, low, high = (float(end[0]) for end in exposure.at(row.law, first, [IN_USE[0]], IN_USE[1]))
            far = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        rows.append([name.replace("|", "\\|"), *errors, inside, far])
    return markdown(rows)


def _kept_back(exposure: Exposure, law: Law) -> tuple[str, int]:
    cells = exposure.kept_back
    if not len(cells):
        return "", 0
    value, low, high = law.predicted(cells.group, cells.factors, cells.error)
    within = (cells.separation >= low) & (cells.separation <= high)
    rows = [["cell", "foretold AUC", "its 95 % interval", "measured", "in it"]]
    for place, entry in enumerate(exposure.kept_back_measured):
        foretold, least, most, found = (float(as_auc(of[place])) for of in (value, low, high, cells.separation))
        ends = f"[{least:.3f}, {most:.3f}]"
        rows.append([title(entry.cell), f"{foretold:.3f}", ends, f"{found:.3f}", "yes" if within[place] else "**no**"])
    return markdown(rows), int(within.sum())


def _continued(exposure: Exposure, law: Law, largest: Mapping[str, int]) -> str:
    names = [name for name, *_ in exposure.ranked(law)][:4]
    found = {name: exposure.at(law, name, SIZES, IN_USE[1]) for name in names}
    rows = [["\\|G\\|", *map(_plain, names)]]
    for place, size in enumerate(SIZES):
        row = [f"{size:,}"]
        for name in names:
            value, low, high = (float(end[place]) for end in found[name])
            row.append(f"{value:.3f} [{low:.3f}, {high:.3f}]" + (" \\*" if size > largest[name] else ""))
        rows.append(row)
    return markdown(rows)


def _stronger(exposure: Exposure) -> dict[str, Any] | None:
    """Compare the strongest attack's separations with the single query's, where that shows anything."""
    options = exposure.design.options["stronger"]
    name = f"{options['rival']} {PLAIN}"
    here = np.array([entry.auc(name) is not None for entry in exposure.measured], bool)
    if not here.any():
        return None
    other, plain = Exposure(exposure.design, exposure.measured, name).everything, exposure.everything.take(here)
    shows = plain.separation > 3 * plain.error
    if not shows.any():
        return None
    weights = (plain.separation / plain.error)[shows] ** 2
    ratio = float(np.average((other.separation / plain.separation)[shows], weights=weights))
    return {"ratio": f"{ratio:.2f}", "cells": int(shows.sum()), "most": options["most_members"]}


def _extraction(extracted: Sequence[Measured]) -> str:
    head = ["cell", "candidates", "calibrated", "plain", "less the control's"]
    rows = [[*head, "novel precision at 100", "by the control"]]
    for entry in extracted:
        target, control = entry.evidence[PLAIN], entry.evidence["disjoint"]
        first, less = (target.get(name) for name in (HEADLINES["extraction"], "novel_difference_auc"))
        plain = entry.evidence.get("fixed target", {}).get(HEADLINES["extraction"])
        number = next(f"{found['n']:,}" for found in (first, less) if found)
        precisions = [_number(found.get("novel_precision_at_100")) for found in (target, control)]
        rows.append([title(entry.cell), number, *map(_interval, (first, plain, less)), *precisions])
    return markdown(rows)


def _cells(exposure: Exposure) -> str:
    if not exposure.measured:
        return ""
    stronger = f"{exposure.design.options['stronger']['rival']} {PLAIN}"
    rows = [["cell", "AUC", "control", "18 signals", "TPR at 1 % FPR", "owner's task", "by"]]
    order = list(exposure.design.objectives)
    for entry in sorted(
        exposure.measured, key=lambda m: (order.index(m.cell.objective), m.cell.members, m.cell.epochs)
    ):
        owner = " / ".join(f"{value:.2f}" for value in list(entry.document["owner"].values())[:2])
        rate, device = entry.evidence[PLAIN]["tpr_at_fpr_0.01"], entry.document["device"]
        shown = [_interval(one) for one in (entry.auc(), entry.auc("disjoint"), entry.auc(stronger), rate)]
        rows.append([title(entry.cell), *shown, owner, "CPU" if device.startswith("CPU") else device])
    return markdown(rows)


def _lacking(design: Design, measured: Sequence[Measured], extracted: Sequence[Measured]) -> Iterator[str]:
    for part, found in zip(PARTS, (measured, extracted), strict=True):
        there = {entry.cell for entry in found if HEADLINES[part] in entry.evidence[PLAIN]}
        for cell in design.cells:
            if design.words(cell, part) is not None and cell not in there:
                yield f"{title(cell)} ({part})"


def title(cell: Cell) -> str:
    """Name a cell for a table: objective, molecules × epochs, an unusual width."""
    usual = 64 if cell.objective == "grover" else 128
    width = "" if cell.width == usual else f", width {cell.width}"
    return f"{'◆ ' if cell.kept_back else ''}{_plain(cell.objective)}, {cell.members:,} × {cell.epochs}{width}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(one: Mapping[str, Any] | None) -> str:
    return "–" if one is None or one["value"] is None else f"{one['value']:.3f}"


def _interval(one: Mapping[str, Any] | None) -> str:
    if one is None or one["value"] is None:
        return "–"
    return f"{one['value']:.3f} [{one['low']:.2f}, {one['high']:.2f}]"
