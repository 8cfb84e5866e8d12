"""Exposure of planted secrets: of those in a model's training set, by how often, and of those that are not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telltale.evaluation.statistics import Estimate, Resampling, ratio_or_nan
from telltale.evidence import SecretScores

EXPOSURE, ABSENT = "exposure_bits", "exposure_bits_absent"
COPIES = "exposure_bits_copies_"  # and how many


def exposures(evidence: SecretScores, coins: np.ndarray, plan: Resampling) -> dict[str, Estimate]:
    """Average the exposure, in bits, over models and secrets: of those put in, of those by copies, of those left out.

    coins: (victims, secrets) bool, the secret was put in. What was left out has `expected_exposure` where nothing but
    chance ranks it: that is the control.
    """
    most, table = np.log2(evidence.candidates), np.asarray(evidence.bits, dtype=float)
    copies = np.unique(evidence.copies).tolist()
    sides = {EXPOSURE: coins, ABSENT: ~coins}
    if len(copies) > 1:
        sides |= {f"{COPIES}{number}": coins & (evidence.copies == number) for number in copies}
    notes = {
        EXPOSURE: f"at most {most:.2f} among {evidence.candidates:,} secrets of the format",
        ABSENT: f"chance gives {expected_exposure(evidence.candidates):.2f}",
    }
    found = {}
    for name, side in sides.items():
        values = ratio_or_nan(plan.sums(table * side), plan.sums(side.astype(float)))
        some, note = int(side.any(axis=0).sum()), notes.get(name, "")
        found[name] = plan.estimate(values, int(side.sum()), note, limits=(0.0, float(most)), rarer=some)
    return found


def by_copies(metrics: Mapping[str, Estimate]) -> list[tuple[int, str]]:
    """Return the metrics of secrets that were put in so often: (copies, name), fewest first."""
    return sorted((int(name.removeprefix(COPIES)), name) for name in metrics if name.startswith(COPIES))


def expected_exposure(candidates: int) -> float:
    """Return the mean exposure of a secret that is ranked by chance: log2 N − log2(N!) / N, near 1 / ln 2 = 1.443.

    >>> [round(expected_exposure(number), 3) for number in (2, 1024, 2**20)]
    [0.5, 1.437, 1.443]
    """
    from scipy.special import gammaln

    return float(np.log2(candidates) - gammaln(candidates + 1) / np.log(2) / candidates)
