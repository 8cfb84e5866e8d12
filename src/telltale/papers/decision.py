"""The rule: which verdict a claim's bounds and controls give, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telltale.papers.claims import Claim, Verdict
from telltale.papers.seeds import LEVEL, Mean


@dataclass(frozen=True)
class Condition:
    """One thing that a claim asks: `mean` above `bound`, or below it.

    name   what a reader calls it
    above  whether it is asked to lie above
    """

    name: str
    mean: Mean
    bound: float
    above: bool = True

    @property
    def p_met(self) -> float:
        """One-sided p of "it is not met"; small where the seeds show that it is."""
        return self.mean.p_above(self.bound) if self.above else self.mean.p_below(self.bound)

    @property
    def p_missed(self) -> float:
        """One-sided p of "it is met"; small where the seeds show that it is not."""
        if self.mean.standard_error == 0 and self.mean.value == self.bound:
            return 0.0  # every seed says so: neither above nor below
        return self.mean.p_below(self.bound) if self.above else self.mean.p_above(self.bound)


@dataclass(frozen=True)
class Decision:
    """A verdict, why, and p: two-sided, of the likelier of "holds" and "does not hold".

    None where a figure that is the same in each seed decides: without spread there is nothing to test by.
    """

    verdict: Verdict
    reason: str
    p: float | None


def decide(claim: Claim, main: Mean, controls: Mapping[str, Mean]) -> Decision:
    """Decide by the claim's bounds and the controls it names.

    It holds where each condition is met, each at 2.5 % (an intersection of tests needs no correction). It fails where
    one is missed, at 2.5 % over their number, since any of them can refute it: on its bounds, of which at most one can
    lie near the truth, or on a control.
    """
    asked = conditions(claim, main)
    versus = [Condition(f"over {name}", difference, 0.0) for name, difference in controls.items()]
    same = _same(claim, main)
    groups = [[("", same), *((one.name, one.p_missed) for one in asked)]] if asked else []
    groups += [[(one.name, one.p_missed)] for one in versus]
    smallest = [min(group, key=lambda named: named[1]) for group in groups]
    holds = max(one.p_met for one in [*asked, *versus])
    fails = min(1.0, len(groups) * min(p for _, p in smallest))
    p = min(1.0, 2 * min(holds, fails)) or None  # 0 only without spread: nothing to test by
    alike = "" if p else "the same in each seed, without spread to test by"
    if fails <= LEVEL:
        missed = [name for name, each in smallest if len(groups) * each <= LEVEL]
        said = [f"not {name}" if name else f"no difference of {claim.within}" for name in missed]
        return Decision(Verdict.FAILS, "; ".join(filter(None, (", ".join(said), alike))), p)
    if holds <= LEVEL:
        return Decision(Verdict.HOLDS, alike, p)
    one_of = f" (missed, but one of {len(groups)} comparisons)"
    open_ends = [one.name + one_of * (one.p_missed <= LEVEL) for one in [*asked, *versus] if one.p_met > LEVEL]
    return Decision(Verdict.UNKNOWN, f"the interval does not decide: {', '.join(open_ends)}", p)


def conditions(claim: Claim, main: Mean) -> list[Condition]:
    """List what the claim's bounds ask of its quantity; `within` alone asks for both sides of 0."""
    asked = []
    if claim.above is not None:
        asked.append(Condition(f"above {claim.above}", main, claim.above))
    if claim.below is not None:
        asked.append(Condition(f"below {claim.below}", main, claim.below, above=False))
    if claim.within is not None and not asked:
        asked.append(Condition(f"above -{claim.within}", main, -claim.within))
        asked.append(Condition(f"below {claim.within}", main, claim.within, above=False))
    return asked


def _same(claim: Claim, main: Mean) -> float:
    """One-sided p of "there is a difference of interest from the bound"; 1 where the claim names none."""
    bound = claim.above if claim.above is not None else claim.below
    if claim.within is None or bound is None:
        return 1.0
    return max(main.p_above(bound - claim.within), main.p_below(bound + claim.within))
