"""How exposed a single record is: does its score tell the models that were trained on it from the others?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from telltale.evaluation.calibration import RecordRates, record_rates
from telltale.evaluation.ranks import average_ranks
from telltale.evidence import MembershipScores


@dataclass(frozen=True)
class Exposure:
    """Exposure of each point, (points,), and how many models had it in their training data, how many not.

    value: 0.5 = the score says nothing about this record, 1 = it always tells; NaN where no model had it in, or
    none had it out. rates: what thresholds of its own find of each point. alone: whether all this is by what each
    victim says by itself.
    """

    value: np.ndarray
    n_in: np.ndarray
    n_out: np.ndarray
    rates: RecordRates
    alone: bool = True

    def ranking(self) -> np.ndarray:
        """Return the points with a value, most exposed first; equal ones in their own order."""
        known = np.flatnonzero(np.isfinite(self.value))
        return known[np.argsort(-self.value[known], kind="stable")]

    def chance(self, share: float = 0.95) -> float:
        """Return what the highest of all points stays below, with probability `share`, where scores say nothing.

        Normal limit of the Mann-Whitney statistic, variance (n_in + n_out + 1) / (12 n_in n_out), points taken as
        independent. A picked maximum is always high: this says how high.
        """
        from scipy.special import ndtri

        known = np.isfinite(self.value)
        if not known.any():
            return float("nan")
        n_in, n_out = self.n_in[known].astype(float), self.n_out[known].astype(float)
        spread = np.sqrt((n_in + n_out + 1) / (12 * n_in * n_out)).max()
        return float(min(1.0, 0.5 + spread * ndtri(share ** (1 / known.sum()))))


def exposure_by(evidence: MembershipScores, membership: np.ndarray) -> Exposure:
    """Return the exposure of every point by what each victim says of it alone, where an attack tells that.

    A score made of other victims' answers too has a law of its own in each victim: LiRA, its models taken from the
    victims, is lower in models with the point where nothing is to be found (mean exposure 0.44 to 0.46 and not 0.5,
    with normal φ and 8 to 64 models; a finite-population bias: arXiv 2605.25819). Where there is nothing else, exposure
    is by such scores, and nothing is said at rates of false alarms.
    """
    if evidence.alone is not None:
        return exposure(evidence.alone, membership)
    by_scores = exposure(evidence.scores, membership)
    return replace(by_scores, rates=by_scores.rates.unknown(), alone=False)


def exposure(scores: np.ndarray, membership: np.ndarray) -> Exposure:
    """Return P(score in a model trained on a point > score in one that was not), ties half, for every point.

    scores, membership: (victims, points). The Mann-Whitney statistic across victims, by its rank-sum form:
    (R_in - n_in (n_in + 1) / 2) / (n_in n_out), R_in the sum of the ranks where the point was in. One point, in the
    first two of four models, of whose four pairs of models three are in order:

    >>> membership = np.array([[True], [True], [False], [False]])
    >>> exposure(np.array([[4.0], [2.0], [3.0], [1.0]]), membership).value
    array([0.75])
    """
    inside = np.asarray(membership, dtype=bool)
    n_in = inside.sum(axis=0)
    n_out = len(inside) - n_in
    ranks = average_ranks(scores, axis=0)  # ties share their mean rank, which counts them half
    wins = (ranks * inside).sum(axis=0) - n_in * (n_in + 1) / 2
    pairs = n_in * n_out
    value = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return Exposure(value, n_in, n_out, record_rates(scores, inside))
