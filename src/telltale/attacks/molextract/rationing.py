"""Under a query limit: rings, motifs and as many candidates as it allows, drawn at random; the others come last."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.scorers import Scored
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.owner.release import Release


def rationed(candidates: Candidates, release: Release, seed: int, parts: int | None = None) -> np.ndarray | None:
    """Draw the candidates that are asked about: rows in order, None = the release's budget is enough for all.

    parts: rings and motifs that are asked about too, None = all.
    """
    if release.budget is None:
        return None
    left = release.budget - (parts_of(candidates) if parts is None else parts)
    if left >= len(candidates):
        return None
    return np.sort(generator(seed, "candidates asked about").permutation(len(candidates))[: max(0, left)])


def spread(scored: Scored, rows: np.ndarray | None, number: int, seed: int) -> Scored:
    """Put candidates that were not asked about below all others, in an order drawn by the seed.

    What the asked ones have as mixing weight on average is theirs too, as they have none. rows: those asked about.
    """
    if rows is None:
        return scored
    last = scored.scores.min() - 1 - generator(seed, "candidates not asked about").random(number)
    scores = last.astype(scored.scores.dtype)
    scores[rows] = scored.scores
    if scored.mixing is None:
        return Scored(scores)
    mixing = np.full(number, scored.mixing.mean(), scored.mixing.dtype)
    mixing[rows] = scored.mixing
    return Scored(scores, mixing)


def parts_of(candidates: Candidates) -> int:
    """Count the rings and motifs that are asked about."""
    return len(candidates.vocabulary.rings) + len(candidates.vocabulary.motifs)


def require_budget(candidates: Candidates, budget: int | None, listed: int) -> None:
    """Refuse, by InputError, a budget that does not reach as many candidates as are listed."""
    least = parts_of(candidates) + listed
    if budget is not None and budget < least:
        expected = f"{least} at least: {parts_of(candidates)} rings and motifs, and a list of {listed} (attack.k)"
        raise InputError("defense.queries", budget, expected)


def left_of(releases: Iterable[Release]) -> float:
    """Count the records that each of some releases may still be asked about, of the fewest; inf without a limit."""
    left = (release.budget - release.queries.total() for release in releases if release.budget is not None)
    return min(left, default=inf)
