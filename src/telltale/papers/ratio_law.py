"""A law of a paper's runs: how far members are told apart, by a model's epochs over its members.

Of each row of a grid of AUCs d′ = √2 Φ⁻¹(AUC) = level · (epochs / members)^slope, and the same with a slope for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.evaluation.leakage_law import Cells, Form, Law, as_auc, expected_error, separation, steadied
from telltale.papers.entries import read
from telltale.papers.grid import Cell, Grid, means
from telltale.papers.results import Results
from telltale.papers.seeds import Mean

RATIO = Form("epochs / members", grouped=False, slopes=((1.0, -1.0),))
APART = Form("epochs, members", grouped=False, slopes=((1.0, 0.0), (0.0, 1.0)))
FEWEST = 4  # cells: one more than a level and two slopes
REPLICATES = 1000


@dataclass(frozen=True)
class RatioLaw:
    """A law of a paper's runs.

    grid       title of a grid of AUCs, whose rows are attacks; the law is fitted to each
    columns    experiment of that grid -> its epochs, members and others: non-members asked about, where not as many
    reference  the experiment at whose epochs and members the level is told
    """

    title: str
    grid: Grid
    columns: Mapping[str, Mapping[str, float]]
    reference: str

    @classmethod
    def of(cls, entry: Mapping[str, Any], grids: Sequence[Grid]) -> RatioLaw:
        """Read a law from its YAML entry, beside the paper's grids. Raises InputError for fields that cannot be."""
        named = {grid.title: grid for grid in grids if grid.metric == "auc"}
        law = read(cls, "laws", {**entry, **({"grid": named.get(str(entry["grid"]))} if "grid" in entry else {})})
        if law.grid is None:
            raise InputError("laws.grid", entry["grid"], f"the title of a grid of auc: {'; '.join(named) or 'none'}")
        if not isinstance(law.columns, Mapping):
            raise InputError("laws.columns", law.columns, "experiment: {epochs: …, members: …}, one a line")
        for experiment, place in law.columns.items():
            _check(experiment, place, law.grid)
        if law.reference not in law.columns:
            raise InputError("laws.reference", law.reference, f"one of columns: {', '.join(law.columns)}")
        factors = law.factors(list(law.columns))
        if len(factors) < FEWEST or np.linalg.matrix_rank(np.insert(factors, 0, 1.0, axis=1)) < FEWEST - 1:
            told = f"{FEWEST} at least, neither all of the same epochs or members, nor members that follow from epochs"
            raise InputError("laws.columns", ", ".join(law.columns), told)
        return law

    def factors(self, columns: Sequence[str]) -> np.ndarray:
        """Return the logarithms of epochs and of members, 0 at the reference: (columns, 2)."""
        of = np.array([[self.columns[name][what] for what in ("epochs", "members")] for name in columns], float)
        at = np.array([self.columns[self.reference][what] for what in ("epochs", "members")], float)
        logarithms: np.ndarray = np.log(of / at)
        return logarithms

    def ratio(self, column: str) -> float:
        """Return the epochs over the members of a column."""
        return self.columns[column]["epochs"] / self.columns[column]["members"]


@dataclass(frozen=True)
class Fitted:
    """The law of one attack.

    found       what was measured: experiment -> AUC with its 95 % interval over seeds
    one, apart  the law by one slope and by two; None: too few cells
    """

    found: Mapping[str, Cell]
    one: Law | None = None
    apart: Law | None = None

    @property
    def level(self) -> Cell:
        """AUC at the reference by one slope."""
        assert self.one is not None
        value, low, high = (float(as_auc(np.array(end))) for end in self.one.level(0))
        return value, low, high

    @property
    def scatter(self) -> float:
        """By what share of the law's d′ cells lie off it, beside their own errors."""
        assert self.one is not None
        return float(self.one.best.scatter[0])


def laws_of(paper: Mapping[str, Any]) -> list[RatioLaw]:
    """Read the laws of a paper's file. Raises InputError as `RatioLaw.of` and `Grid.of` do."""
    grids = [Grid.of(entry) for entry in paper.get("grids", [])]
    return [RatioLaw.of(entry, grids) for entry in paper.get("laws", [])]


def fits(law: RatioLaw, results: Results) -> dict[str, Fitted]:
    """Fit the law to each row of its grid that was measured: evidence -> what was found."""
    measured = means(law.grid, results)
    fitted = {}
    for row in law.grid.rows:
        of_row = {column: measured[row, column] for column in law.columns if (row, column) in measured}
        finite = {column: mean for column, mean in of_row.items() if np.isfinite(mean.value)}
        found = {column: mean.cell for column, mean in finite.items()}
        enough = len(found) >= FEWEST
        of = cells_of(law, finite) if enough else None
        fitted[row] = Fitted(found, *(Law.of(of, form, REPLICATES) for form in (RATIO, APART))) if of else Fitted(found)
    return fitted


def slopes(laws: Sequence[tuple[RatioLaw, Mapping[str, Fitted]]]) -> dict[str, Cell | None]:
    """Return slopes by what they are and evidence, of the first law that has it; None: too few cells.

    "slope target"  of epochs / members, of the attack
    "sum target"    of epochs and of members apart, added up: 0 where their ratio alone counts
    """
    found: dict[str, Cell | None] = {}
    for _, fitted in laws:
        for evidence, fit in fitted.items():
            found.setdefault(f"slope {evidence}", fit.one.slope(0) if fit.one else None)
            found.setdefault(f"sum {evidence}", fit.apart.slope(0, 1) if fit.apart else None)
    return found


def cells_of(law: RatioLaw, found: Mapping[str, Mean]) -> Cells:
    """Turn means over seeds into the law's cells; what one seed alone says is as good as so many points allow.

    An error of few seeds is drawn towards that of so many members and others (Hanley & McNeil), as `steadied` does.
    """
    places = [law.columns[column] for column in found]
    members = np.array([place["members"] for place in places], float)
    others = np.array([place.get("others", place["members"]) for place in places], float)
    auc = np.array([mean.value for mean in found.values()])
    expected = expected_error(np.clip(auc, 0.01, 0.99), 2 / (1 / members + 1 / others))
    degrees = min(mean.degrees for mean in found.values())
    error = np.array([mean.standard_error for mean in found.values()])
    error = np.where(np.isfinite(error), error, expected)
    value, spread = separation(auc, steadied(np.maximum(error, 1e-4), expected, max(degrees, 1)))
    return Cells(value, spread, np.zeros(len(value), int), law.factors(list(found)))


def _check(experiment: str, place: Any, grid: Grid) -> None:
    """Raise InputError for a column that is not the grid's, or that is not epochs and members above 0."""
    field = f"laws.columns.{experiment}"
    if experiment not in grid.columns:
        raise InputError("laws.columns", experiment, f"a column of its grid: {', '.join(grid.columns)}")
    if not isinstance(place, Mapping) or not {"epochs", "members"} <= set(place) <= {"epochs", "members", "others"}:
        raise InputError(field, place, "{epochs: …, members: …}, and others: … where they are not as many")
    for what, number in place.items():
        if isinstance(number, bool) or not isinstance(number, Real) or not 0 < float(number) < np.inf:
            raise InputError(f"{field}.{what}", number, "a number above 0")
