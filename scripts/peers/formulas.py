"""Our attacks on a case, and our formulas with one thing changed: what explains another tool's scores."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from scripts.peers.answers import Case
from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.rmia import ReferenceMeans


def lira(case: Case, online: bool = True, variance: str = "per_point", centre: str = "mean") -> np.ndarray:
    """Return our LiRA: (points,)."""
    target, shadows = case.phi
    return likelihood_ratio(target[:, None], shadows[..., None], case.members, online, variance, centre)


def rmia(case: Case, online: bool = True, a: float = 0.3, gamma: float = 1.0) -> np.ndarray:
    """Return the share of the population that each point beats, by our RMIA: (points,)."""
    (target, shadows), (others, of_others) = case.confidences, case.population_confidences
    means = ReferenceMeans.of(np.concatenate([shadows, of_others], 1), case.members)
    marginal = means.online() if online else means.offline(a)
    return beaten(np.concatenate([target, others]) / marginal, means.points, gamma)


def beaten(ratio: np.ndarray, points: int, gamma: float = 1.0) -> np.ndarray:
    """Share of the population's ratios, times γ, below each point's: ratio (points + others,) -> (points,)."""
    others = np.sort(ratio[points:] * gamma)
    return np.searchsorted(others, ratio[:points], side="left") / len(others)


def of_largest(values: np.ndarray, kept: int) -> np.ndarray:
    """Mean of the `kept` largest of each column: (models, points) -> (points,)."""
    return np.asarray(np.sort(values, axis=0)[-kept:].mean(0))


def rmia_of_largest(case: Case, online: bool, a: float = 0.3) -> np.ndarray:
    """RMIA with the mean over the largest half of reference probabilities in the place of the mean over all.

    Offline that is the population only: of a point, members are set to 0 and fall out of the larger half.
    """
    (target, shadows), (others, of_others) = case.confidences, case.population_confidences
    kept = len(shadows) // 2
    known = shadows if online else shadows * ~case.members
    mean = np.concatenate([of_largest(known, kept), of_largest(of_others, kept)])
    marginal = mean if online else ((1 + a) * mean + (1 - a)) / 2
    return beaten(np.concatenate([target, others]) / marginal, len(target))


def surprise(case: Case, spread: str) -> np.ndarray:
    """Two-sided offline LiRA, −log N(φ; centre, σ): however φ lies far out, it counts as a member's.

    spread: per_point (around the mean, centre the median) | common (the mean of the points' own, ddof as in pandas)
    """
    target, shadows = case.phi
    outside = np.where(case.members, np.nan, shadows)
    if spread == "per_point":
        return -norm.logpdf(target, np.nanmedian(outside, 0), np.nanstd(outside, 0) + 1e-30)
    return -norm.logpdf(target, np.nanmean(outside, 0), np.nanstd(outside, 0, ddof=1).mean())


def pooled_deviation(case: Case) -> np.ndarray:
    """LiRA with one σ a side, of all φ of all points around their common mean: what few shadows get elsewhere."""
    target, shadows = case.phi
    inside, outside = (np.where(side, shadows, np.nan) for side in (case.members, ~case.members))
    densities = [norm.logpdf(target, np.nanmean(side, 0), np.nanstd(side) + 1e-30) for side in (inside, outside)]
    return densities[0] - densities[1]


def standardised(case: Case) -> np.ndarray:
    """Return z = (φ − mean) / σ over the models without each point: (points,)."""
    target, shadows = case.phi
    outside = np.where(case.members, np.nan, shadows)
    return np.asarray((target - np.nanmean(outside, 0)) / (np.nanstd(outside, 0) + 1e-30))
