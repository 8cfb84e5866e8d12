"""How often chance alone ranks a handful of records as well: a permutation test, where a bootstrap has too few to draw.

An interval over four members and four others is far too short: draws of four records know of four records. Records that
are exchangeable where nothing leaks may change their roles, and then their scores rank as they happen to.
"""

from __future__ import annotations

import numpy as np

FEW_RECORDS = 20  # of the rarer side, below which the interval of a number is not trusted alone
DRAWS = 10_000


def permuted_p(scores: np.ndarray, membership: np.ndarray, seed: int = 0) -> float:
    """Return the share of permutations of the records' roles whose AUC is as large, the roles as they are counted.

    scores, membership: (victims, points). A record changes its roles in all victims as one.

    >>> four = np.arange(8) < 4
    >>> round(permuted_p(np.array([[8, 7, 6, 4, 5, 3, 2, 1]]), four[None]), 2)  # 2 of 70 ways
    0.03
    """
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    ranks = rankdata(scores).reshape(scores.shape)
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
