"""A paper's claims against our runs: the verdict follows from the rule and the seeds, from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from telltale.errors import InputError
from telltale.papers.claims import Claim, Elsewhere, Verdict
from telltale.papers.decision import decide
from telltale.papers.power import comparisons, shortfall, withholds
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.rank import rank
from telltale.papers.results import Results
from telltale.papers.seeds import LEVEL, Mean, over_seeds

SEEDS_NEEDED = 3


@dataclass(frozen=True)
class Tested:
    """A claim with what we measured.

    value, low, high  of its quantity (of the first reading, where there are several), with the 95 % interval
    verdict, reason   what follows, and why where there is more to say
    seeds             runs it rests on
    rows              what it is compared with or read as -> value, low, high
    p                 two-sided, of what was decided or would have been; None where nothing could be tested
    adjusted          that p by Holm over all claims of the paper that have one; of a claim that another paper's decides
                      the other's, and no p here: it is tested once
    withheld          whether a verdict was held back: by `power`, or by what the claim requires
    """

    claim: Claim
    value: float
    low: float
    high: float
    verdict: Verdict
    reason: str = ""
    seeds: int = 0
    rows: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    p: float | None = None
    adjusted: float | None = None
    withheld: bool = False

    @property
    def survives(self) -> bool | None:
        """Whether the verdict stands after Holm; None where there is none."""
        if self.verdict is Verdict.UNKNOWN or self.adjusted is None:
            return None
        return self.adjusted <= 2 * LEVEL


def judge_all(
    claims: Sequence[Claim], results: Results, elsewhere: Mapping[Elsewhere, Tested] | None = None
) -> list[Tested]:
    """Test each claim, correct for their number, hold back what requires what does not hold.

    elsewhere: claims of other papers that decide some of these, as far as they were tested. Raises InputError for a
    requirement that no claim has the name of, and for a name of two claims.
    """
    names = [claim.name for claim in claims if claim.name]
    required = [name for claim in claims for name in (*claim.requires, *claim.of_use)]
    for field_, wrong, expected in (
        ("name", [name for name in names if names.count(name) > 1], "a name of one claim alone"),
        ("requires", [name for name in required if name not in names], f"one of {names}"),
    ):
        if wrong:
            raise InputError(f"claims.{field_}", wrong[0], expected)
    tested = holm([judge(claim, results, elsewhere) for claim in claims])
    for _ in claims:  # what is held back holds others back
        named = {test.claim.name: test for test in tested}
        tested = [_held_back(test, named) for test in tested]
    return tested


def judge(claim: Claim, results: Results, elsewhere: Mapping[Elsewhere, Tested] | None = None) -> Tested:
    """Test one claim by itself; results that are missing or too few give "cannot tell"."""
    if claim.elsewhere is not None:
        return _decided_elsewhere(claim, claim.elsewhere, (elsewhere or {}).get(claim.elsewhere))
    if claim.quantity is None:
        return Tested(claim, np.nan, np.nan, np.nan, Verdict.UNKNOWN, claim.cannot_tell or "")
    if claim.either:
        return _agreed(claim, [judge(reading, results) for reading in claim.either])
    seeds = sorted({number for _, number in results}) or [0]

    def mean(quantity: Quantity, ceiling: Quantity | None = None) -> Mean:
        try:
            return over_seeds([per_seed(quantity, results, number, ceiling) for number in seeds])
        except KeyError as missing:
            return Mean(np.nan, missing=f"no result for {missing.args[0]}")

    main = mean(claim.quantity)
    controls = {name: mean(claim.quantity.versus(name)) for name in claim.controls}
    controls |= {name: mean(claim.quantity.beside(name)) for name in claim.first_of}
    rows = {f"over {name}": difference.cell for name, difference in controls.items()}
    rows |= {f"over {name} (a row: refutes nothing)": mean(claim.quantity.versus(name)).cell for name in claim.rows}
    ceilings = comparisons(claim, mean) if claim.power else []
    cell = rank(list(controls.values())) if claim.first_of else main.cell
    found = Tested(claim, *cell, Verdict.UNKNOWN, seeds=len(seeds), rows={} if main.missing else rows)
    if reason := _untestable(claim, len(seeds), [main, *controls.values(), *(one.mean for one in ceilings)]):
        return replace(found, reason=reason)
    decision = decide(claim, main, controls)
    weak = shortfall(claim, ceilings)
    if weak and withholds(claim, decision.verdict):
        reason = f"it would be {decision.verdict}, but {weak}"
        return replace(found, reason=reason, p=decision.p, withheld=True)
    return replace(found, verdict=decision.verdict, reason=decision.reason, p=decision.p)


def holm(tested: Sequence[Tested]) -> list[Tested]:
    """Adjust each p for the number of claims that were tested (Holm 1979)."""
    order = sorted((i for i, test in enumerate(tested) if test.p is not None), key=lambda i: tested[i].p or 0.0)
    adjusted: list[float | None] = [None] * len(tested)
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * (tested[i].p or 0.0)))
        adjusted[i] = largest
    return [test if test.claim.elsewhere else replace(test, adjusted=adjusted[i]) for i, test in enumerate(tested)]


def _decided_elsewhere(claim: Claim, place: Elsewhere, other: Tested | None) -> Tested:
    """Return what another paper's claim came to, in the place of this one."""
    if other is None:
        reason = f"of {place.paper}, which decides it, no seed is finished"
        return Tested(claim, np.nan, np.nan, np.nan, Verdict.UNKNOWN, reason)
    seeds = f"{other.seeds} {'seed' if other.seeds == 1 else 'seeds'}"
    reason = "; ".join(filter(None, [f"as {place.paper} has it, by {seeds}", other.reason]))
    return replace(other, claim=claim, reason=reason, p=None)


def _untestable(claim: Claim, seeds: int, means: Sequence[Mean]) -> str:
    """Why no verdict can be had of these figures, "" if it can."""
    if claim.cannot_tell:
        return claim.cannot_tell
    if missing := [mean.missing for mean in means if mean.missing]:
        return missing[0]
    if seeds < SEEDS_NEEDED:
        return f"{seeds} {'seed' if seeds == 1 else 'seeds'}, {SEEDS_NEEDED} needed"
    if not all(np.isfinite(mean.value) for mean in means):
        return "a figure that is no number"
    cautions = list(dict.fromkeys(caution for mean in means for caution in mean.cautions))
    more = f", and {len(cautions) - 1} more like it" if len(cautions) > 1 else ""
    return f"{cautions[0]}{more}" if cautions else ""


def _agreed(claim: Claim, readings: Sequence[Tested]) -> Tested:
    """Return the verdict that every reading comes to, else that it depends on the reading."""
    first = readings[0]
    rows = {f"read as {test.claim.reading}": (test.value, test.low, test.high) for test in readings}
    found = replace(first, claim=claim, rows={**rows, **first.rows})
    if len({test.verdict for test in readings}) == 1:
        reason = "; ".join(dict.fromkeys(test.reason for test in readings if test.reason))
        return replace(found, reason=reason, p=_largest(readings), withheld=any(test.withheld for test in readings))
    said = "; ".join(f"{test.claim.reading}: {test.verdict}" for test in readings)
    reason = f"it depends on the reading ({said})"
    return replace(found, verdict=Verdict.UNKNOWN, reason=reason, p=None if _largest(readings) is None else 1.0)


def _largest(readings: Sequence[Tested]) -> float | None:
    known = [test.p for test in readings if test.p is not None]
    return max(known) if len(known) == len(readings) else None


def _held_back(tested: Tested, named: Mapping[str | None, Tested]) -> Tested:
    """Hold a verdict back that requires, or was reached on, what does not hold."""
    claim = tested.claim
    names = [*claim.requires, *(claim.of_use if claim.of_use and withholds(claim, tested.verdict) else ())]
    missing = [named[name] for name in names if named[name].verdict is not Verdict.HOLDS]
    if not missing or tested.verdict is Verdict.UNKNOWN:
        return tested
    what = "; ".join(f"{other.claim.name} ({other.verdict})" for other in missing)
    reason = f"it would be {tested.verdict}, but requires {what}"
    return replace(tested, verdict=Verdict.UNKNOWN, reason=reason, withheld=True)
