"""Three sentences for someone who shares an encoder, made of the law's numbers: none says more than they do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.exposure.figure import IN_USE
from scripts.exposure.laws import LAWS, PLAIN, Comparison, Exposure, Measured
from telltale.evaluation.leakage_law import Law
from telltale.evaluation.variance import students_p

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
    middle, least, most = (float(end[0]) for end in exposure.at(law, first, [IN_USE[0]], IN_USE[1]))
    largest = max(entry.cell.members for entry in exposure.fitted_to if entry.cell.objective == first)
    more, longer, wider = (exposure.change(law, **of) for of in ({"members": 10}, {"epochs": 3}, {"width": 2}))
    low, upper = _first(sizes, value < MATTERS), _first(sizes, high < MATTERS)
    whose, far = first.replace("_", " "), f"{middle:.3f} [{least:.3f}, {most:.3f}]"
    return (
        f"Ten times the molecules {_direction(more)}, three times the epochs {_direction(longer)}, twice the width "
        f"{_direction(wider)}: under {whose}, the leakiest, at {IN_USE[1]} epochs the law puts the AUC below "
        f"{MATTERS} from {low} molecules on (upper end of the 95 % interval: {upper}); at {IN_USE[0]:,} molecules it "
        f"says {far}, which is the law continued from at most {largest:,}, and {_others(exposure, compared)}."
    )


def _others(exposure: Exposure, compared: Sequence[Comparison]) -> str:
    """Say what the forms say there that foretell cells left out nearly as well: to choose one is a guess."""
    rows = [row for row in compared if row.form in LAWS]
    near = [row for row in rows if row.left_out <= NEAR * min(row.left_out for row in rows)]
    first = exposure.ranked(near[0].law)[0][0]
    areas = [float(exposure.at(row.law, first, [IN_USE[0]], IN_USE[1])[0][0]) for row in near]
    if len(near) == 1:
        return "no other form foretells nearly as well"
    return f"{len(near)} forms that foretell nearly as well say {min(areas):.3f} to {max(areas):.3f}"


def _direction(factor: tuple[float, float]) -> str:
    low, high = factor
    if low == high == 1:
        return "have no part in the law"
    told = "raise d′" if low > 1 else "lower d′" if high < 1 else "do not surely change d′"
    return f"{told} (× {low:.2f} to {high:.2f})"


def _extraction(extracted: Sequence[Measured]) -> str:
    number, asked = real(extracted)
    if not asked:
        return "Whether molecules come out was not asked."
    told = f"in {number} of {asked} cells" if number else f"in none of {asked} cells"
    return (
        "What shows is whether a molecule that one already holds was trained on; that new ones come out was found "
        f"{told}: there, calibrated extraction tells novel candidates that only the training molecules contain from "
        "those that only others contain."
    )


def real(extracted: Sequence[Measured]) -> tuple[int, int]:
    """Count the cells where calibrated extraction finds G's candidates, p < 0.05 over the number of cells; and all."""
    number = 0
    for entry in extracted:
        found = entry.evidence[PLAIN]["novel_discordant_auc"]
        if found["value"] is None or found["standard_error"] is None:
            continue
        p = students_p(found["value"] - 0.5, found["standard_error"], found["degrees"] or np.inf)
        number += found["value"] > 0.5 and p * len(extracted) < 0.05
    return number, len(extracted)


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
