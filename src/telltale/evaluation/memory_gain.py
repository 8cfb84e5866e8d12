"""Does a model's score add to what chemistry says? The gain over a blind guess, against the disjoint model's gain.

An attack may rank worse than a good chemist and see memory all the same, so it is not asked to beat the blind guess
but to add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from telltale.evaluation.cluster_ranking import AUC, measure_by_cluster
from telltale.evaluation.extraction import DISCORDANT_NEEDED, discordant, listed_of, template_index
from telltale.evaluation.few_templates import fewest_templates, of_few_templates
from telltale.evaluation.statistics import Estimate, Resampling
from telltale.evidence import ExtractedMolecules

BLIND = "zero_query"  # may be the better chemist, so that no leak need exceed it
RIDGE = 1.0  # on coefficients of standardised scores: keeps them finite where the classes can be separated
STEPS = 25  # of Newton's method, which needs fewer than ten
NOVEL_DISCORDANT = "novel_discordant_auc"  # of every ranking, the attack's, controls' and rivals'
DISCORDANT = "discordant_auc"  # of the target less the disjoint model; where there is no such model, as the one above


def novel_discordant(
    evidence: ExtractedMolecules,
    hits: np.ndarray,
    hits_disjoint: np.ndarray,
    plan: Resampling,
    clusters: np.ndarray | None = None,
    novel: bool = True,
) -> Estimate:
    """AUC of one encoder's own score for novel candidates found only in G against those only in G'.

    G and G' are drawn alike, so that a candidate of one of them alone is of either with the chance of a coin, whatever
    chemistry it is: a score that knows no model has one half. Nothing is taken off the score, so that it may be one
    that is calibrated itself. hits, hits_disjoint: (victims, candidates) bool, part of a molecule of G, of G';
    clusters: as in `score_extraction`; novel: False = for all of them, those that the attacker has too.
    """
    index, kept = template_index(evidence, plan, clusters), listed_of(evidence)
    asked = np.asarray(hits, dtype=bool) ^ np.asarray(hits_disjoint, dtype=bool)
    asked &= kept & np.asarray(evidence.novel, dtype=bool) if novel else kept
    values = [
        measure_by_cluster(score[keep], inside[keep], index[keep], plan.of_clusters(victim), {"": AUC})[""]
        for victim, (score, inside, keep) in enumerate(zip(evidence.scores, hits, asked, strict=True))
    ]
    n = int(asked.sum())
    few = f"cannot tell: {n} {'novel ' * novel}discordant candidates, {DISCORDANT_NEEDED} needed"
    found = plan.estimate(plan.average(np.array(values)), n, few if n < DISCORDANT_NEEDED else "")
    return of_few_templates(found, fewest_templates(index, asked), decides=True)


@dataclass(frozen=True)
class Scores:
    """Three scores of the same candidates, higher = more likely in the training data.

    target, disjoint  (victims, candidates) by the model of G, and by that of G'
    blind             (victims, candidates) without a model
    """

    target: np.ndarray
    disjoint: np.ndarray
    blind: np.ndarray


def memory(
    evidence: Mapping[str, ExtractedMolecules],
    hits: np.ndarray,
    hits_disjoint: np.ndarray,
    plan: Resampling,
    clusters: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Ask in several ways whether the target's score knows more of G than a model of G' does.

    evidence has target and disjoint; hits, hits_disjoint: (victims, candidates) bool, part of a molecule of G, of G';
    clusters: as in `score_extraction`.
    """
    target, disjoint = evidence["target"], evidence["disjoint"]
    metrics = {DISCORDANT: discordant(target, disjoint, hits, hits_disjoint, plan, clusters)}
    if BLIND in evidence:
        scores = Scores(target.scores, disjoint.scores, evidence[BLIND].scores)
        novel = np.asarray(target.novel, dtype=bool)
        metrics |= memory_gain(scores, hits, hits_disjoint, template_index(target, plan, clusters), plan, novel)
    return metrics


def memory_gain(
    scores: Scores,
    hits: np.ndarray,
    hits_disjoint: np.ndarray,
    index: np.ndarray,
    resampling: Resampling,
    keep: np.ndarray,
) -> Mapping[str, Estimate]:
    """Return what the target's score adds to the blind guess beyond what the disjoint model's adds, in AUC.

        memory_gain_auc           AUC(blind + target) - AUC(blind + disjoint) for hits in G
        mirrored_memory_gain_auc  half of that, less half of the same for hits in G'

    "+" is one logistic regression on both scores, cross-fitted: a template's candidates are judged by coefficients
    fitted on all other templates, the same ones and in the same form for either model. Coefficients are fitted once,
    on the data as it is; replicates draw templates of the ranking alone.

    0 = no memory. The first holds the better chemist of the two models for memory, so one pair of models says little:
    it is right on average over seeds. In the mirrored one that cancels: what the target gains on G as the better
    chemist, it gains on G' too.

    hits, hits_disjoint  (victims, candidates) bool: part of a molecule of G, of G'
    index                (candidates,) template of each
    keep                 (candidates,) bool: which count, the novel ones

    NaN where hits or misses are missing.
    """
    fold, plain, mirrored = index[keep], [], []
    for victim in range(len(hits)):
        of_victim = Scores(*(getattr(scores, name)[victim, keep] for name in ("target", "disjoint", "blind")))
        weights = resampling.of_clusters(victim)
        of_g = _gain(of_victim, hits[victim, keep], fold, weights)
        of_g_prime = _gain(of_victim, hits_disjoint[victim, keep], fold, weights)
        plain.append(of_g)
        mirrored.append((of_g - of_g_prime) / 2)
    n = int(keep.sum())
    templates = len(np.unique(fold))
    return {
        name: of_few_templates(resampling.estimate(resampling.average(np.array(values)), n), templates, decides=True)
        for name, values in (("memory_gain_auc", plain), ("mirrored_memory_gain_auc", mirrored))
    }


def _gain(scores: Scores, truth: np.ndarray, fold: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC(blind + target) - AUC(blind + disjoint) under (1 + replicates, templates) weights: (1 + replicates,)."""
    if len(np.unique(fold)) < 2:  # nothing to fit on
        return np.full(len(weights), np.nan)
    first, second = (
        cross_fitted(np.stack([scores.blind, score], 1), truth, fold) for score in (scores.target, scores.disjoint)
    )
    aucs = (measure_by_cluster(score, truth, fold, weights, {"": AUC})[""] for score in (first, second))
    return next(aucs) - next(aucs)


def cross_fitted(features: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Score each row by a logistic regression fitted on all other folds' rows: (rows,).

    features (rows, scores) are standardised over all rows, which needs no truth. The intercept is left out of the
    score: a fold with more hits has fewer of them elsewhere, which would push its own scores down.
    """
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    names, of_row = np.unique(fold, return_inverse=True)
    elsewhere = (of_row != np.arange(len(names))[:, None]).astype(float)
    return np.einsum("rs,rs->r", standard, coefficients(standard, truth, elsewhere)[of_row, 1:])


def coefficients(features: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit a logistic regression for each row of weights (fits, rows): intercept and slopes, (fits, 1 + scores)."""
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)
    width = design.shape[1]
    penalty = RIDGE * np.diag([1e-6, *[1.0] * (width - 1)])
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    fitted = np.zeros((len(weights), width))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(fitted @ design.T, -30, 30)))
        slope = (weights * (truth - chance)) @ design - fitted @ penalty
        curvature = ((weights * chance * (1 - chance)) @ squares).reshape(-1, width, width) + penalty
        step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        fitted = fitted + step
        if np.abs(step).max(initial=0) < 1e-8:
            break
    return fitted
