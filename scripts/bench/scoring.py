"""LiRA's likelihood ratio against loops over records, and the bootstrap of a ROC curve."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scripts.bench.fleets import in_turn
from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores

SAME = 1e-9


def likelihood_ratios(models: int = 64, points: int = 20_000, looped: int = 2_000, repeats: int = 5) -> dict[str, Any]:
    """Time ours on all points and the loops on `looped` of them: seconds for all points, ratio, largest difference."""
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    rows = rng.random((models, points)) < 0.5
    shadows = rng.normal(2.0 * rows, 1.0 + rng.random(points))[..., None]
    target = rng.normal(1.0, 1.5, (points, 1))

    def numpy_density(value: float, centre: float, spread: float) -> float:
        return -(((value - centre) / spread) ** 2) / 2 - np.log(spread)

    loops: dict[str, Callable[..., Any]] = {
        "a loop over records, scipy.stats.norm.logpdf": norm.logpdf,
        "a loop over records, formula in numpy": numpy_density,
    }
    ways: dict[str, Callable[[], Any]] = {"ours": lambda: likelihood_ratio(target, shadows, rows)}
    for name, density in loops.items():
        ways[name] = partial(_loop, target, shadows, rows, looped, density)
    seconds = in_turn(ways, repeats)
    ours, answer = seconds["ours"], ways["ours"]()
    result = {"ours": {"seconds": float(np.median(ours)), "ratio": 1.0, "difference": 0.0}}
    for name in loops:
        difference = float(np.abs(ways[name]() - answer[:looped]).max())
        assert difference < SAME, f"{name}: {difference}"
        whole = seconds[name] * points / looped
        ratio = float(np.median(whole / ours))
        result[name] = {"seconds": float(np.median(whole)), "ratio": ratio, "difference": difference}
    return {"models": models, "points": points, "looped": looped, "ways": result}


def bootstrap(points: int = 10_000, replicates: int = 1_000, repeats: int = 3) -> dict[str, float]:
    """Time the AUC, TPRs at low FPR and the ROC curve of one victim, with all replicates and with none but the data."""
    rng = np.random.default_rng(0)
    truth = rng.random((1, points)) < 0.5
    evidence = MembershipScores(rng.normal(truth, 1.0))
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        score_membership(evidence, truth, Resampling.over(points, replicates, seed=0))
        seconds.append(time.perf_counter() - began)
    return {"points": points, "replicates": replicates, "seconds": float(np.median(seconds))}


def _loop(
    target: np.ndarray, shadows: np.ndarray, rows: np.ndarray, points: int, density: Callable[..., Any]
) -> np.ndarray:
    """Compute the same record by record, as reference codes do."""
    ratios = np.empty(points)
    for point in range(points):
        inside, outside = shadows[rows[:, point], point, 0], shadows[~rows[:, point], point, 0]
        log_in = density(target[point, 0], np.mean(inside), np.std(inside) + 1e-30)
        log_out = density(target[point, 0], np.mean(outside), np.std(outside) + 1e-30)
        ratios[point] = log_in - log_out
    return ratios
