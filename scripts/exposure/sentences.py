"""Three sentences for someone who shares an encoder, made of the law's numbers: none says more than they do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.exposure.cells import HEADLINES
from scripts.exposure.figure import APART, IN_USE
from scripts.exposure.laws import LAWS, PLAIN, Comparison, Exposure, Measured
from telltale.evaluation.leakage_law import Law, expected_error
from telltale.evaluation.moderated import moderated

MATTERS = 0.55  # AUC, as report.auc
NEAR = 1.5  # times the smallest error of cells left out


def sentences(exposure: Exposure, law: Law, compared: Sequence[Comparison], extracted: Sequence[Measured]) -> list[str]:
    """Say who leaks, what protects, and whether molecules come out."""
    return [_who(exposure, law), _what_protects(exposure, law, compared), _extraction(extracted)]


def _who(exposure: Exposure, law: Law) -> str:
    reference, ranked = exposure.design.reference, exposure.ranked(law)
    leaky = [f"{name.replace('_', ' ')} ({value:.2f})" for name, value, low, _ in ranked if low > 0.5]
    quiet = [name.replace("_", " ") for name, _, low, _ in ranked if low <= 0.5]
    told = f"The objective decides first: at {reference['members']:,} molecules and {reference['epochs']} epochs "
    told += f"membership shows (AUC) under {_listed(leaky, 'and')}" if leaky else "membership shows under none"
    return told + (f", and is not told from nothing under {_listed(quiet, 'or')}." if quiet else ".")


def _what_protects(exposure: Exposure, law: Law, compared: Sequence[Comparison]) -> str:
    first, sizes = exposure.ranked(law)[0][0], np.geomspace(1000, 1e8, 600)
    value, _, high = exposure.at(law, first, sizes, IN_USE[1])
    needed = _first(sizes, value < MATTERS), _first(sizes, high < MATTERS)
    there = tuple(float(end[0]) for end in exposure.at(law, first, [IN_USE[0]], IN_USE[1]))
    largest = max(entry.cell.members for entry in exposure.fitted_to if entry.cell.objective == first)
    more, longer, wider = (exposure.change(law, **of) for of in ({"members": 10}, {"epochs": 3}, {"width": 2}))
    return (
        f"Training on ten times the molecules {_direction(more)}, for three times the epochs {_direction(longer)}, at "
        f"twice the width "
        f"{_direction(wider)}; under {first.replace('_', ' ')}, the leakiest, "
        f"{continued(there, near(exposure, first, compared), needed, largest)}."
    )


def near(exposure: Exposure, objective: str, compared: Sequence[Comparison]) -> list[float]:
    """Return what AUC the forms say at sizes in use that foretell cells left out nearly as well as the best."""
    rows = [row for row in compared if row.form in LAWS]
    least = min(row.left_out for row in rows)
    good = [row for row in rows if row.left_out <= NEAR * least]
    return [float(exposure.at(row.law, objective, [IN_USE[0]], IN_USE[1])[0][0]) for row in good]


def continued(there: Sequence[float], forms: Sequence[float], needed: tuple[str, str], largest: int) -> str:
    """Say what the law says of sizes in use, or that the cells do not tell where forms as good say something else."""
    place = f"at {IN_USE[0]:,} molecules and {IN_USE[1]} epochs"
    if max(forms) - min(forms) > APART:
        return (
            f"cells of at most {largest:,} molecules do not tell what holds {place}: {len(forms)} forms of the law "
            f"that foretell cells nearly as well (at most {NEAR:g} times the least error) say an AUC "
            f"from {min(forms):.3f} to {max(forms):.3f} there"
        )
    value, low, high = there
    return (
        f"the law puts the AUC at {IN_USE[1]} epochs below {MATTERS} from {needed[0]} molecules on (upper end of the "
        f"95 % interval: {needed[1]}), and {place} it says {value:.3f} [{low:.3f}, {high:.3f}], continued from at most "
        f"{largest:,} molecules"
    )


def _direction(factor: tuple[float, float]) -> str:
    low, high = factor
    if low == high == 1:
        return "changes nothing in the law, which has no term for it"
    told = "raises d′" if low > 1 else "lowers d′" if high < 1 else "does not surely change d′"
    return f"{told} (× {low:.2f} to {high:.2f})"


def _extraction(extracted: Sequence[Measured]) -> str:
    number, asked, least = real(extracted)
    if not asked:
        return "Whether molecules come out was not asked."
    told = f"in {number} of {asked} cells" if number else f"in none of {asked} cells"
    return (
        "What shows is whether a molecule that one already holds was trained on; that new ones come out was seen "
        f"{told}, by calibrated extraction that tells candidates which only training molecules contain from those "
        f"which only others do, where it takes an AUC of {least:.2f} (in the middle cell) to be seen."
    )


def real(extracted: Sequence[Measured]) -> tuple[int, int, float]:
    """Count the cells where calibrated extraction finds G's candidates, p < 0.05 over the number of cells; and all.

    Errors are moderated over cells, as three pairs of encoders alone would hardly ever see anything. The third is the
    AUC from which a cell counts, the median over cells, as "in none" says no more than that. NaN without a cell.
    """
    known = [entry.evidence[PLAIN].get(HEADLINES["extraction"]) for entry in extracted]
    asked = [found for found in known if found and found["value"] is not None and found["standard_error"] is not None]
    if not asked:
        return 0, 0, np.nan
    value, error, number = (
        np.array([found[name] for found in asked], float) for name in ("value", "standard_error", "n")
    )
    degrees = np.array([found["degrees"] or np.inf for found in asked], float)
    error, degrees = moderated(error, expected_error(np.full(len(asked), 0.5), number / 2), degrees)
    least = 0.5 + _needed(degrees, len(asked)) * error
    return int((value > least).sum()), len(asked), float(np.median(least))


def _needed(degrees: np.ndarray, comparisons: int) -> np.ndarray:
    """Return Student's quantiles that a two-sided test at 0.05 over so many comparisons needs."""
    from scipy.special import ndtri, stdtrit

    level, few = 1 - 0.025 / comparisons, np.isfinite(degrees)
    return np.where(few, stdtrit(np.where(few, degrees, 1.0), level), ndtri(level))


def _first(sizes: np.ndarray, holds: np.ndarray) -> str:
    """Return the size from which on it holds, to two digits."""
    broken = np.flatnonzero(~holds)
    place = int(broken[-1]) + 1 if len(broken) else 0
    if place >= len(sizes):
        return f"beyond {sizes[-1]:,.0f}"
    digits = 10.0 ** (int(np.log10(sizes[place])) - 1)
    return f"{round(sizes[place] / digits) * digits:,.0f}"


def _listed(names: Sequence[str], joint: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {joint} {names[-1]}"
