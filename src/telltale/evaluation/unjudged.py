"""Extracted molecules where nobody can say who was in the training set: what is known all the same.

How the list came about, and how alike it is to lists of those who know nothing of the model. All that asks for the
truth is there without a value, and says why.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telltale.data.seeds import derive
from telltale.evaluation.extraction import described, template_index
from telltale.evaluation.ranks import average_ranks
from telltale.evaluation.score import Metrics, ScoredExtraction, checked_replicates
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import Evidence, ExtractedMolecules

NOT_AVAILABLE = "not available: who was in the training set is not known"
AGREEMENT = "rank_agreement"  # Spearman's ρ with the attack's ranking, of others that rank the same candidates


def unjudged(evidence: Mapping[str, Evidence | None], replicates: int, seed: int) -> ScoredExtraction:
    """Describe all lists of one run, the attack's under the name "target"; None among them is passed over."""
    lists = {name: guess for name, guess in evidence.items() if isinstance(guess, ExtractedMolecules)}
    clusters = np.unique(np.concatenate([guess.templates for guess in lists.values()]))
    number = checked_replicates(replicates)
    plan = Resampling.over(len(clusters), number, seed=derive(seed, "bootstrap"))
    metrics: dict[str, Metrics] = {}
    for name, guess in lists.items():
        index = template_index(guess, plan, clusters)
        metrics[name] = _unknown(guess) | described(guess, index, plan)
        if name != "target" and np.array_equal(guess.smiles, lists["target"].smiles):
            alike = agreement(lists["target"].scores[0], guess.scores[0])
            metrics[name][AGREEMENT] = Estimate.exact(alike, len(guess.smiles))
    return ScoredExtraction(metrics, {}, {}, {}, {})


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's ρ of two scores of the same candidates, ties at their mean rank; NaN where one is constant.

    >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0, 9.0]))
    1.0
    """
    ranks = [average_ranks(np.asarray(scores)[None], axis=1)[0] for scores in (first, second)]
    if any(np.ptp(of) == 0 for of in ranks):
        return float("nan")
    return round(float(np.corrcoef(*ranks)[0, 1]), 12)


def _unknown(guess: ExtractedMolecules) -> Metrics:
    lists = [f"{prefix}precision_at_{k}" for prefix in ("", "novel_") for k in guess.k]
    names = (*lists, "auc", "novel_auc", "exact_membership_auc")
    return {name: Estimate.exact(float("nan"), len(guess.smiles), NOT_AVAILABLE) for name in names}
