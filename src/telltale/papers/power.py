"""A claim may fail only where it could have held: what a ceiling must exceed first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telltale.papers.claims import Claim, Verdict
from telltale.papers.decision import Condition
from telltale.papers.quantity import Quantity
from telltale.papers.seeds import LEVEL, Mean

MeanOf = Callable[[Quantity, Quantity | None], Mean]  # a quantity, with a ceiling in the place of what it is of


def comparisons(claim: Claim, mean: MeanOf) -> list[Condition]:
    """List what the ceiling must reach in the attack's place: each bound, after what is subtracted, and each control.

    With the margin: above it, or below where the margin is below 0.
    """
    assert claim.power is not None and claim.quantity is not None
    ceiling, margin = claim.power.quantity, claim.power.margin
    above = margin > 0
    reached = mean(claim.quantity, ceiling)
    compared = [Condition(f"{bound}", reached, bound + margin, above) for bound in _bound(claim, 1 if above else -1)]
    versus = [(name, mean(claim.quantity.versus(name), ceiling)) for name in claim.controls]
    return compared + [Condition(name, difference, margin, above) for name, difference in versus]


def shortfall(claim: Claim, compared: Sequence[Condition]) -> str:
    """Say what the claim's ceiling is not shown to exceed by the margin, "" for nothing: its whole interval must."""
    if claim.power is None:
        return ""
    weak, margin = [], claim.power.margin
    for one in compared:
        if not one.p_met <= LEVEL:
            value, low, high = (number - one.bound + margin for number in one.mean.cell)
            weak.append(f"{one.name} ({value:+.3f} [{low:.3f}, {high:.3f}])")
    side = "above" if margin > 0 else "below"
    what = f"the ceiling {claim.power.quantity.of} is not shown to be {abs(margin):g} {side}"
    return f"{what} {', '.join(weak)}" if weak else ""


def withholds(claim: Claim, verdict: Verdict) -> bool:
    """Tell whether a verdict says that little was found: only then does it matter how much could have been.

    An attack that exceeds its bound proves itself that it could, and so does one that refutes "below".
    """
    assert claim.power is not None
    if verdict is Verdict.UNKNOWN:
        return False
    more_is_found = claim.power.margin > 0
    towards, away = (claim.above, claim.below) if more_is_found else (claim.below, claim.above)
    if away is None and (towards is not None or claim.within is None):
        return verdict is Verdict.FAILS
    if away is not None and towards is None:
        return verdict is Verdict.HOLDS
    return True


def _bound(claim: Claim, side: int) -> list[float]:
    """Return the bound that is farthest on one side (1: above, -1: below), that of `within` alone being 0."""
    given = [bound for bound in (claim.above, claim.below) if bound is not None]
    if not given:
        return [] if claim.within is None else [0.0]
    return [side * max(side * bound for bound in given)]
