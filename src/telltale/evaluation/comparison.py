"""Is one attack better than another on the same points? Paired tests and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.evaluation.statistics import Estimate
from telltale.evaluation.variance import finite_or_none, students_p

COMPARED = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")
LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """The difference of one metric between two attacks, both measured on the same resamples.

    value, low, high  attack - rival with its 95 % interval
    n                 records behind it
    standard_error    of the difference
    degrees           Student's degrees of freedom; inf where there is one victim
    p                 two-sided, for one comparison: not corrected for how many there are
    replicates        how many p counts, which sets the smallest p there can be; 0: Student's test, that has no such end
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    replicates: int
    standard_error: float = math.nan
    degrees: float = math.inf

    @classmethod
    def of(cls, target: Estimate, rival: Estimate) -> PairedTest:
        """Test the paired difference: by Student's t over groups of victims, by the bootstrap where there is one.

        Raises ValueError unless both come from one `Resampling`.
        """
        difference = target - rival
        counted = difference.replicates.shape[1] if len(difference.replicates) == 1 else 0
        p = students_p(difference.value, difference.standard_error, difference.degrees)
        p = bootstrap_p(difference.replicates[0]) if counted else p
        if difference.standard_error == 0 and difference.value:  # all records say the same: as sure as a sign test is
            p = max(p, 2 * 0.5 ** min(of.n if of.rarer is None else of.rarer for of in (target, rival)))
        ends = difference.low, difference.high, difference.n
        return cls(difference.value, *ends, p, counted, difference.standard_error, difference.degrees)

    def to_json(self) -> dict[str, Any]:
        """Return all but `replicates`; what is NaN or infinite becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "p": self.p}
        numbers |= {"standard_error": self.standard_error, "degrees": self.degrees}
        return {name: finite_or_none(number) for name, number in numbers.items()}


Tests = Mapping[str, PairedTest]


def bootstrap_p(differences: np.ndarray) -> float:
    """Return the two-sided p-value of a difference from its (replicates,): is it 0?

    p = min(1, 2 (1 + min(#{d <= 0}, #{d >= 0})) / (1 + B)) over the B finite replicates: the smallest level at
    which the percentile interval leaves 0 out (Efron, Tibshirani 1993, section 15.4). With the ones added it is
    never 0 (Davison, Hinkley 1997, eq. 4.11). NaN if fewer than half of the replicates are finite. One of 99 below 0:

    >>> bootstrap_p(np.array([-1.0] + [1.0] * 98))
    0.04
    """
    finite = differences[np.isfinite(differences)]
    if len(finite) == 0 or 2 * len(finite) < len(differences):
        return float("nan")
    rarer = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + len(finite)))


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for their number by Holm's step-down method (Holm 1979); NaN stays NaN.

    Sorted p_(1) <= … <= p_(m) become max over j <= i of min(1, (m - j + 1) p_(j)).

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    raw = np.asarray(p, dtype=float)
    corrected, known = np.full(len(raw), np.nan), np.flatnonzero(np.isfinite(raw))
    order = known[np.argsort(raw[known], kind="stable")]
    steps = np.arange(len(order), 0, -1) * raw[order]
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected


def versus_rivals(
    target: Mapping[str, Estimate],
    rivals: Mapping[str, Mapping[str, Estimate]],
    names: Sequence[str] = COMPARED,
) -> dict[str, dict[str, PairedTest]]:
    """Test the target against each rival, metric by metric; a metric that one of them lacks is left out."""
    return {
        rival: {
            name: PairedTest.of(target[name], metrics[name]) for name in names if name in target and name in metrics
        }
        for rival, metrics in rivals.items()
    }


@dataclass(frozen=True)
class Standing:
    """Where an attack stands by one metric: the rivals it beats, those that beat it, those not told apart."""

    better: tuple[str, ...]
    worse: tuple[str, ...]
    open: tuple[str, ...]


def standing(tests: Mapping[str, Tests], metric: str, level: float = LEVEL) -> Standing:
    """Sort the rivals by the sign of the difference where its p-value, Holm-corrected over them, is below level."""
    of_metric = {rival: metrics[metric] for rival, metrics in tests.items() if metric in metrics}
    corrected = dict(zip(of_metric, holm([test.p for test in of_metric.values()]), strict=True))
    decided = {rival: test.value for rival, test in of_metric.items() if corrected[rival] < level and test.value != 0}
    return Standing(
        better=tuple(rival for rival, value in decided.items() if value > 0),
        worse=tuple(rival for rival, value in decided.items() if value < 0),
        open=tuple(rival for rival in of_metric if rival not in decided),
    )
