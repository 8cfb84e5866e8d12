"""One function of another tool beside ours, on the same answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from scripts.peers.answers import Case
from telltale.evaluation.ranking import Ranked, measure

Scores = Callable[[Case], np.ndarray]  # of every point: (points,), higher = more like a member
SAME = 1e-6  # a difference that rounding in single precision makes


@dataclass(frozen=True)
class Comparison:
    """A function of a tool's, and ours that should compute the same.

    tool, function  its name, and what of it was called
    theirs, ours    scores of a case's points
    monotone        both only order the points: orders are compared, not values
    cause           why they differ, where they do; it is printed only where `explained` bears it out
    explained       our formula with just that changed, which must give theirs
    """

    tool: str
    function: str
    theirs: Scores
    ours: Scores
    monotone: bool = False
    cause: str = ""
    explained: Scores | None = None


@dataclass(frozen=True)
class Row:
    """What came of a comparison, over all cases.

    difference       the largest between scores (or between ranks / points)
    unexplained      the largest between theirs and our formula with the named change; None: no change is named
    theirs, ours     AUC, TPR at 1 % and at 0.1 % FPR, pooled over cases
    slower           times our CPU time
    """

    comparison: Comparison
    difference: float
    unexplained: float | None
    theirs: tuple[float, float, float]
    ours: tuple[float, float, float]
    slower: float

    @property
    def same(self) -> bool:
        """Whether both compute the same, up to rounding in single precision."""
        return self.difference < SAME

    @property
    def cause(self) -> str:
        """Why they differ, in words, as far as it was shown."""
        if self.same:
            return "the same"
        if self.unexplained is None:
            return f"not shown: {self.comparison.cause}" if self.comparison.cause else "not known"
        if self.unexplained < SAME:
            return f"{self.comparison.cause}; ours with that one change: difference {self.unexplained:.0e}"
        return f"not known: “{self.comparison.cause}” leaves {self.unexplained:.1e}"


def compare(comparison: Comparison, cases: Sequence[Case]) -> Row:
    """Score every case both ways."""
    theirs, seconds = _timed(comparison.theirs, cases)
    ours, our_seconds = _timed(comparison.ours, cases)
    truth = np.concatenate([case.truth for case in cases])
    unexplained = None
    if comparison.explained is not None:
        unexplained = _difference(theirs, [comparison.explained(case) for case in cases], comparison.monotone)
    return Row(
        comparison=comparison,
        difference=_difference(theirs, ours, comparison.monotone),
        unexplained=unexplained,
        theirs=rates(np.concatenate(theirs), truth),
        ours=rates(np.concatenate(ours), truth),
        slower=seconds / our_seconds,
    )


def rates(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Return AUC, TPR at 1 % and at 0.1 % FPR by our own code, on the data as it is."""
    weights = np.ones((1, len(scores)), np.float32)
    metrics = {"auc": Ranked.auc, "tpr": lambda ranked: ranked.tpr_at_fprs(np.array([0.01, 0.001]))}
    measured = measure(scores, truth, weights, metrics)
    one, tenth = np.ravel(measured["tpr"][0])
    return float(measured["auc"][0]), float(one), float(tenth)


def _timed(scores: Scores, cases: Sequence[Case]) -> tuple[list[np.ndarray], float]:
    results = [np.asarray(scores(cases[0]), dtype=float).ravel()]  # the first call also loads and caches
    began = time.process_time()
    results = [np.asarray(scores(case), dtype=float).ravel() for case in cases]
    return results, max(time.process_time() - began, 1e-9)


def _difference(theirs: Sequence[np.ndarray], ours: Sequence[np.ndarray], monotone: bool) -> float:
    if monotone:
        pairs = [(rankdata(a) / len(a), rankdata(b) / len(b)) for a, b in zip(theirs, ours, strict=True)]
    else:
        pairs = list(zip(theirs, ours, strict=True))
    return float(max(np.abs(a - b).max() for a, b in pairs))
