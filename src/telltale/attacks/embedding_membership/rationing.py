"""Under a query limit: as many points as it allows are asked about, and the others are guessed alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from telltale.attacks.embedding_membership.signals import Probes
from telltale.errors import InputError

FEWEST = 20  # points that are asked about at least
OF_CENTRE = 4  # a quarter of the limit, at most, goes to the auxiliary records behind the centre


def rationed(probes: Probes, signal: str, budget: int | None, each: np.ndarray | None = None) -> Probes:
    """Return the probes that a limit leaves: the first points, whose order tells nothing, with all that they need.

    each: (points,) queries that a point takes; None = those of the signal. Raises InputError for a limit that is too
    small for FEWEST points, and says what would do.
    """
    prices = np.cumsum(prices_of(probes, signal) if each is None else each)
    if budget is None or prices[-1] + len(probes.auxiliary) <= budget:
        return probes
    centre = min(len(probes.auxiliary), budget // OF_CENTRE)
    asked = int(np.searchsorted(prices, budget - centre, side="right"))
    if asked < min(FEWEST, len(prices)):
        least = -(-int(prices[min(FEWEST, len(prices)) - 1]) * OF_CENTRE // (OF_CENTRE - 1)) + 1
        raise InputError("defense.queries", budget, f"{least} at least, for {FEWEST} points by attack.signal={signal}")
    rows = np.arange(asked)
    return replace(probes, challenge=probes.challenge.take(rows), auxiliary=probes.auxiliary.take(np.arange(centre)))


def prices_of(probes: Probes, signal: str) -> np.ndarray:
    """Count the records that each point takes, itself, its views and at most so many parts: (points,)."""
    price = np.ones(len(probes.challenge), np.int64)
    if signal in ("views", "logistic"):
        price += probes.views
    if signal in ("part_whole", "logistic") and probes.sides is not None:
        price += 2 * np.bincount(probes.sides.molecule, minlength=len(price))
    return price


def guessed(scores: np.ndarray, points: int) -> np.ndarray:
    """Give points that nobody asked about the median of the others' scores: (asked,) -> (points,)."""
    return np.concatenate([scores, np.full(points - len(scores), np.median(scores))])
