"""How often chance alone ranks a handful of records as well: a permutation test, where a bootstrap has too few to draw.

An interval over four members and four others is far too short: draws of four records know of four records. Records that
are exchangeable where nothing leaks may change their roles, and then their scores rank as they happen to.
"""

from __future__ import annotations

import numpy as np

FEW_RECORDS = 20  # of the rarer side, below which the interval of a number is not trusted alone
DRAWS = 10_000
CELLS = 2**22  # of draws that are in memory at once


def permuted_p(scores: np.ndarray, membership: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> float:
    """Return the share of permutations of the records' roles whose AUC is as large, the roles as they are counted.

    scores, membership: (victims, points). A record changes its roles in all victims as one. groups: (points,) of
    records that change them as one where each group has one role in each victim; as others do where one has not.

    >>> four = np.arange(8) < 4
    >>> round(permuted_p(np.array([[8, 7, 6, 4, 5, 3, 2, 1]]), four[None]), 2)  # 2 of 70 ways
    0.03
    """
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    ranks = rankdata(scores).reshape(scores.shape)
    if groups is not None and (whole := _roles(membership, groups)) is not None:
        return _of_groups(ranks, whole, groups, rng)
    if len(scores) == 1:  # one side is drawn, the smaller one: the other may have any size
        members_are_fewer = membership[0].sum() * 2 <= membership.shape[1]
        inside, turned = (membership[0], 1) if members_are_fewer else (~membership[0], -1)
        number = int(inside.sum())
        rows = [rng.choice(membership.shape[1], number, replace=False, shuffle=False) for _ in range(DRAWS)]
        drawn = turned * ranks[0][np.array(rows)].sum(1)
        own = turned * ranks[0][inside].sum()
    else:
        orders = rng.permuted(np.tile(np.arange(membership.shape[1]), (DRAWS, 1)), axis=1)
        drawn = np.sum([(of * roles[orders]).sum(1) for of, roles in zip(ranks, membership, strict=True)], axis=0)
        own = (ranks * membership).sum()
    return float((1 + (drawn >= own - 1e-9).sum()) / (1 + DRAWS))


def _roles(membership: np.ndarray, groups: np.ndarray) -> np.ndarray | None:
    """Return each group's role in each victim, (victims, groups) bool; None where a group has two."""
    _, which = np.unique(groups, return_inverse=True)
    inside = np.stack([np.bincount(which, roles) for roles in membership.astype(float)])
    whole = (inside == 0) | (inside == np.bincount(which))
    return inside > 0 if whole.all() else None


def _of_groups(ranks: np.ndarray, roles: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> float:
    """Permute the roles of groups: the AUC of all victims' ranks, (sum of members' - m (m + 1) / 2) / (m n)."""
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(which, of) for of in ranks])  # (victims, groups)

    def area(order: np.ndarray) -> np.ndarray:
        drawn = roles[:, order]  # (victims, …, groups)
        members = (drawn * sizes).sum((0, -1))
        above = np.einsum("vg,v...g->...", sums, drawn) - members * (members + 1) / 2
        return np.asarray(above / (members * (ranks.size - members)))

    own, as_large, rows = area(np.arange(len(sizes))), 0, max(1, CELLS // roles.size)
    for start in range(0, DRAWS, rows):
        orders = np.tile(np.arange(len(sizes)), (min(rows, DRAWS - start), 1))
        as_large += int((area(rng.permuted(orders, axis=1)) >= own - 1e-9).sum())
    return (1 + as_large) / (1 + DRAWS)
