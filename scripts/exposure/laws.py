"""The exposure map's law: measured cells as arrays, the forms that are compared, and what the chosen one says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.exposure.cells import Cell, Design
from telltale.evaluation.leakage_law import (
    Cells,
    Form,
    Law,
    as_auc,
    chosen,
    covered,
    expected_error,
    left_out,
    separation,
    steadied,
    weighted_error,
)

EPOCHS, SIZE, WIDTH, PROGRESS = np.eye(4).tolist()
RATIO = [1.0, -1.0, 0.0, 0.0]
HALF_WAY = 1000  # steps, after which progress is one half
NAMES = {"epochs": EPOCHS, "|G|": SIZE, "width": WIDTH, "epochs / |G|": RATIO, "progress": PROGRESS}


def _form(*names: str, family: str = "power") -> Form:
    slopes = tuple(tuple(NAMES[name]) for name in names)
    return Form(", ".join(("objective", *names)) + (", as a sum" if family == "line" else ""), True, slopes, family)


FORMS = (  # simplest first
    Form("one AUC for all", False, ()),
    _form(),
    _form("epochs / |G|"),
    _form("epochs / |G|", "width"),
    _form("epochs", "|G|"),
    _form("epochs", "|G|", "width"),
    _form("progress", "|G|", "width"),
    _form("epochs", "|G|", "width", family="line"),
)
LAWS = tuple(form for form in FORMS if form.slopes and form.family == "power")  # that can be continued
PLAIN = "target"
BATCH = 128
REPLICATES = 1000
DEGREES = 4  # of freedom, below which nothing is fitted


@dataclass(frozen=True)
class Measured:
    """A measured cell: what an attack finds, by name of evidence -> metric -> document."""

    cell: Cell
    evidence: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]

    def auc(self, name: str = PLAIN) -> dict[str, Any] | None:
        """Return the AUC of an attack in a world, None where it was not asked."""
        found = self.evidence.get(name)
        return None if found is None else dict(found["auc"])


@dataclass(frozen=True)
class Comparison:
    """A form of the law: its error on cells left out of the fit one by one, and on those kept back; separations."""

    form: Form
    left_out: float
    kept_back: float
    auc_error: float
    covered: int
    law: Law


class Exposure:
    """All that is said of the measured cells: arrays, forms compared, the law, its predictions."""

    def __init__(self, design: Design, measured: Sequence[Measured], attack: str = PLAIN) -> None:
        self.design = design
        self.measured = [entry for entry in measured if entry.auc(attack) is not None]
        self.objectives = [name for name in design.objectives if any(m.cell.objective == name for m in self.fitted_to)]
        self.everything = self._cells(self.measured, attack)
        back = np.array([entry.cell.kept_back for entry in self.measured], bool)
        known = np.array([entry.cell.objective in self.objectives for entry in self.measured], bool)
        self.cells, self.kept_back = self.everything.take(~back), self.everything.take(back & known)
        self.kept_back_measured = [m for m, k in zip(self.measured, back & known, strict=True) if k]

    @property
    def fitted_to(self) -> list[Measured]:
        """Return the cells that the law is fitted to."""
        return [entry for entry in self.measured if not entry.cell.kept_back]

    def _cells(self, measured: Sequence[Measured], attack: str) -> Cells:
        found: list[dict[str, Any]] = [entry.auc(attack) or {} for entry in measured]
        area, error = (np.array([one[name] for one in found], float) for name in ("value", "standard_error"))
        members = np.array([entry.cell.members * self.design.victims for entry in measured])
        expected = expected_error(np.clip(area, 0.01, 0.99), members)
        if not len(found):
            return Cells(*(np.zeros(0),) * 2, np.zeros(0, int), np.zeros((0, 4)))
        error = np.where(np.isfinite(error), error, expected)
        group = np.array([self._group(entry.cell.objective) for entry in measured], int)
        factors = np.array([self.factors(entry.cell) for entry in measured], float).reshape(-1, 4)
        return Cells(*separation(area, steadied(error, expected)), group, factors)

    def _group(self, objective: str) -> int:
        return self.objectives.index(objective) if objective in self.objectives else 0

    def factors(self, cell: Cell) -> list[float]:
        """Return the factors of a cell's law."""
        return self.factors_at([cell.members], cell.epochs, cell.width / self.design.usual_width(cell.objective))[0]

    def factors_at(self, members: Sequence[float] | np.ndarray, epochs: float, width: float) -> list[list[float]]:
        """Return logarithms of epochs, |G| and width against the reference, and of progress: (sizes, 4), nested.

        width: against what the objective has; progress: steps / (steps + 1,000), the reference's taken off, how far a
        fit has come: of few molecules an epoch is few steps.
        """
        reference, rows = self.design.reference, []
        usual = _progress(reference["members"], reference["epochs"])
        for number in members:
            ratios = (
                epochs / reference["epochs"],
                number / reference["members"],
                width,
                _progress(number, epochs) / usual,
            )
            rows.append([float(value) for value in np.log(ratios)])
        return rows

    def compared(self) -> list[Comparison]:
        """Fit every form for which there are enough cells, simplest first."""
        rows = []
        for form in FORMS:
            shape = self.cells.shaped(form)
            if len(shape) < len(np.unique(shape.group)) + shape.factors.shape[1] + DEGREES:
                continue
            law = Law.of(self.cells, form, REPLICATES)
            kept, guess = self.kept_back, np.zeros(0)
            if len(kept):
                guess, low, high = law.predicted(kept.group, kept.factors, kept.error)
            beyond = weighted_error(kept, guess) if len(kept) else float("nan")
            wrong = float(np.abs(as_auc(guess) - as_auc(kept.separation)).mean()) if len(kept) else float("nan")
            inside = covered(kept, low, high) if len(kept) else 0
            rows.append(
                Comparison(form, weighted_error(self.cells, left_out(self.cells, form)), beyond, wrong, inside, law)
            )
        return rows

    def best(self, compared: Sequence[Comparison]) -> Form:
        """Return the form that foretells cells left out best; those kept back have no say."""
        return compared[chosen([row.left_out for row in compared])].form

    def law(self, compared: Sequence[Comparison]) -> Law | None:
        """Return the law in the best form of those that can be continued; None where cells are too few for any."""
        rows = [row for row in compared if row.form in LAWS]
        return next(row.law for row in rows if row.form == self.best(rows)) if rows else None

    def at(
        self, law: Law, objective: str, members: Sequence[float] | np.ndarray, epochs: float, scattered: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the AUC that the law says at some sizes, with the 95 % interval of a cell there (or its own)."""
        factors = np.array(self.factors_at(members, epochs, 1.0))
        group = np.full(len(factors), self.objectives.index(objective))
        value, low, high = law.predicted(group, factors, 0.0, scattered)
        return as_auc(value), as_auc(low), as_auc(high)

    def change(self, law: Law, members: float = 1.0, epochs: float = 1.0, width: float = 1.0) -> tuple[float, float]:
        """Return the 95 % interval of the factor by which d′ changes where these multiply the reference."""
        reference = self.design.reference
        place = self.factors_at([reference["members"] * members], reference["epochs"] * epochs, width)
        moved = law.draws.slopes @ (np.array(place) @ law.form.mixing(len(place[0])))[0]
        low, high = np.exp(np.quantile(moved, (0.025, 0.975)))
        return float(low), float(high)

    def ranked(self, law: Law) -> list[tuple[str, float, float, float]]:
        """Return objectives by their AUC at the reference, leakiest first, each with its 95 % interval."""
        rows = []
        for place, name in enumerate(self.objectives):
            value, low, high = (float(as_auc(np.array(end))) for end in law.level(place))
            rows.append((name, value, low, high))
        return sorted(rows, key=lambda row: -row[1])


def cells_of(design: Design, documents: Mapping[str, Mapping[str, Any]], part: str) -> list[Measured]:
    """Pair the design's cells with what was measured of them, by the same words, in the design's order."""
    found = []
    for cell in design.cells:
        document, words = documents.get(f"{cell.name} {part}"), design.words(cell, part)
        if document is not None and words is not None and document["made_by"]["words"] == list(words):
            found.append(Measured(cell, document["evidence"], document))
    return found


def _progress(members: float, epochs: float) -> float:
    steps = epochs * max(1.0, members / BATCH)
    return steps / (steps + HALF_WAY)
