"""The rank of one experiment among several, with what the seeds leave open of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telltale.papers.seeds import LEVEL, Mean


def rank(leads: Sequence[Mean]) -> tuple[float, float, float]:
    """Return an experiment's rank, 1 = first, and a 95 % interval; leads: its paired differences to all others.

    The rank counts the others whose mean is higher, one that is equal by half. The interval's low end counts those that
    are shown to be higher, its high end those that are not shown to be lower, each at 2.5 % over the number of
    comparisons (Mohamad, Goeman & van Zwet 2019). NaN where a difference is missing, and for both ends with one seed.
    """
    values = np.array([lead.value for lead in leads])
    if not np.isfinite(values).all():
        return np.nan, np.nan, np.nan
    value = 1 + float((values < 0).sum()) + float((values == 0).sum()) / 2
    higher = np.array([lead.p_below(0.0) for lead in leads])
    lower = np.array([lead.p_above(0.0) for lead in leads])
    if np.isnan([*higher, *lower]).any():
        return value, np.nan, np.nan
    level = LEVEL / len(leads)
    return value, 1 + float((higher <= level).sum()), 1 + float((lower > level).sum())
