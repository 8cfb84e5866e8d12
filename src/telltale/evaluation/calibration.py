"""False alarms counted record by record: how often would a model without the record have scored as high?

One threshold for all records gives each its own false-positive rate, so that a TPR over all records at a low FPR is no
statement about any of them, nor comparable with an ε (Jälkö, Pradhan, Räisä, Honkela 2026, arXiv 2605.25819). Here
what a model says of a record is set against what the models without the record say, itself left out:

- counted: n such models resolve no rate below 1 / (n + 1), and no score between two of theirs;
- fitted: a normal law through them. With mean x̄ and deviation s of n scores, t = (x - x̄) / (s √(1 + 1/n)) is
  Student's with n - 1 degrees of freedom for one score more of the same law, so that the fit's own error is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from telltale.evaluation.membership import FALSE_POSITIVE_RATES, score_membership
from telltale.evaluation.ranks import others_above
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import MembershipScores

LEAST = 3  # models without the record, so that two are left for a fit without one of them


@dataclass(frozen=True)
class RecordRates:
    """TPR of each point at each of `rates`, each (rates, points): the share of models with it that are called so.

    counted  by the scores of the models without it; NaN where they are too few to resolve the rate
    fitted   by a normal law through them; NaN where there are fewer than two, or all are equal
    """

    rates: tuple[float, ...]
    counted: np.ndarray
    fitted: np.ndarray

    def unknown(self) -> RecordRates:
        """Return the same rates, with nothing known at any."""
        return RecordRates(self.rates, *(np.full_like(found, np.nan) for found in (self.counted, self.fitted)))


def record_rates(
    scores: np.ndarray, membership: np.ndarray, rates: tuple[float, ...] = FALSE_POSITIVE_RATES
) -> RecordRates:
    """Judge each record by thresholds of its own, scores and membership (victims, points).

    counted: a score with a of n others above and b equal is called a member with probability (α (n + 1) - a) / (b + 1),
    cut to [0, 1], which is the randomised test whose rate is α exactly where the score says nothing. One record, in
    the first of 21 models and above all but one of the others, at α = 0.05 and 0.1:

    >>> scores = np.array([18.5, *range(20)])[:, None]
    >>> record_rates(scores, np.arange(21)[:, None] == 0, (0.05, 0.1)).counted.round(2).tolist()
    [[0.05], [1.0]]
    """
    inside = np.asarray(membership, dtype=bool)
    n_in, n_out = inside.sum(0), (~inside).sum(0)
    above, equal = _others(scores, inside)
    logs, known_law = _log_false_alarms(scores, inside)
    by_fit, has_law = np.exp(logs), (known_law | ~inside).all(0)
    called = np.full((2, len(rates), inside.shape[1]), np.nan)
    for at, rate in enumerate(rates):
        by_count = np.clip((rate * (n_out + 1) - above) / (equal + 1), 0, 1)
        for kind, (share, known) in enumerate(((by_count, rate * (n_out + 1) >= 1), (by_fit <= rate, has_law))):
            known = known & (n_in > 0)
            called[kind, at, known] = (share * inside).sum(0)[known] / n_in[known]
    return RecordRates(tuple(rates), *called)


def fitted_false_alarms(scores: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Return the probability that a model without the record scores as high, by the fit: (victims, points).

    Where fewer than two others are there, or they are all equal, it is counted: (a + (b + 1) / 2) / (n + 1).
    """
    return np.exp(_log_false_alarms(scores, membership)[0])


def calibrated_rates(evidence: MembershipScores, membership: np.ndarray, plan: Resampling) -> dict[str, Estimate]:
    """Measure TPR at low FPR over all records, what each victim says alone replaced by fitted false-alarm rates.

    One threshold on these gives all records the same FPR, as far as they are normal; over all records together the FPR
    is exact. Empty where half of the records have fewer than three models without them, or an attack says nothing of
    one victim alone: scores with other victims' answers in them have no common law to be fitted.
    """
    inside = np.asarray(membership, dtype=bool)
    without = (~inside).sum(0)
    if evidence.alone is None or np.median(without) < LEAST:
        return {}
    scores = -_log_false_alarms(evidence.alone, inside)[0]
    found = score_membership(replace(evidence, scores=scores, threshold=None), inside, plan)
    models = int(np.median(without))
    how = f"each record's false alarms by a normal fit to what the {models - 1} or {models} models without it say of it"
    calibrated = {f"calibrated_{name}": estimate for name, estimate in found.items() if name.startswith("tpr_at_fpr")}
    return {
        name: replace(estimate, note=f"{how}; {estimate.note}" if estimate.note else how)
        for name, estimate in calibrated.items()
    }


def _log_false_alarms(scores: np.ndarray, membership: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log of the above, and where it is by a law, not counted."""
    from scipy.special import stdtr

    out = ~np.asarray(membership, dtype=bool)
    scores = _finite(np.asarray(scores, dtype=float))
    n = out.sum(0)
    centre = (scores * out).sum(0) / np.maximum(n, 1)
    apart = scores - centre
    squares = (apart**2 * out).sum(0)
    others = n - out  # what is left where the model itself is taken out
    known = others >= 2
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(out, -apart / others, 0.0)
        left = np.where(out, squares - apart**2 * n / others, squares)
        known &= left > 1e-12 * np.maximum(squares, np.finfo(float).tiny)
        t = (apart - mean) / np.sqrt(left / (others - 1) * (1 + 1 / others))
    above, equal = _others(scores, ~out)
    counted = np.log((above + (equal + 1) / 2) / (others + 1))
    by_law = stdtr(np.maximum(others - 1, 1), np.where(known, -t, 0.0))
    return np.where(known, np.log(np.maximum(by_law, np.finfo(float).tiny)), counted), known


def _others(scores: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the models without the record, other than the score's own, that score higher, and the same."""
    above, equal = others_above(np.ascontiguousarray(scores.T), ~inside.T)
    return above.T, equal.T


def _finite(scores: np.ndarray) -> np.ndarray:
    """Put what is infinite at the ends of what is not."""
    finite = scores[np.isfinite(scores)]
    return np.clip(scores, finite.min(), finite.max()) if len(finite) else np.zeros_like(scores)
