"""A claim may fail only where it could have held: what a ceiling must exceed first."""

from __future__ import annotations

from collections.abc import Callable

from telltale.papers.claims import Claim, Verdict
from telltale.papers.quantity import Quantity
from telltale.papers.seeds import LEVEL, Mean

MeanOf = Callable[[Quantity, Quantity | None], Mean]  # a quantity, with a ceiling in the place of what it is of


def shortfall(claim: Claim, mean: MeanOf) -> str:
    """Say what the claim's ceiling is not shown to exceed by the margin, "" for nothing: its whole interval must.

    The ceiling stands in the attack's place, in every comparison that the claim makes: with its bounds (after what the
    quantity subtracts) and with each control. A margin below 0 asks it to lie below instead.
    """
    assert claim.power is not None and claim.quantity is not None
    ceiling, margin = claim.power.quantity, claim.power.margin
    reached = mean(claim.quantity, ceiling)
    compared = [(f"{bound}", reached, bound) for bound in _bound(claim, 1 if margin > 0 else -1)]
    compared += [(name, mean(claim.quantity.versus(name), ceiling), 0.0) for name in claim.controls]
    weak = []
    for name, difference, bound in compared:
        p = difference.p_above(bound + margin) if margin > 0 else difference.p_below(bound + margin)
        if not p <= LEVEL:
            value, low, high = (number - bound for number in difference.cell)
            weak.append(f"{name} ({value:+.3f} [{low:.3f}, {high:.3f}])")
    side = "above" if margin > 0 else "below"
    return f"the ceiling {ceiling.of} is not shown to be {abs(margin):g} {side} {', '.join(weak)}" if weak else ""


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
