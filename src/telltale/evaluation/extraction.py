"""Scores extracted molecules: how many candidates exist in the training data, and is it memory?

After "Extracting Training Data from Molecular Pre-trained Models" (Huang et al., NeurIPS 2024), section
4.1, with what it lacks: intervals over templates, candidates new to the attacker on their own, and the
difference to controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from telltale.evaluation.cluster_ranking import AUC, Metric, measure_by_cluster, quantile_by_cluster
from telltale.evaluation.few_templates import fewest_templates, of_few_templates
from telltale.evaluation.ranking import precision_at, weighted_mean
from telltale.evaluation.statistics import Band, Estimate, Resampling
from telltale.evidence import ExtractedMolecules

DISCORDANT_NEEDED = 300
SMALLEST_LIST = 10  # below, the band of a precision curve covers nearly everything


def score_extraction(
    evidence: ExtractedMolecules,
    hits: np.ndarray,
    exact_hits: np.ndarray,
    resampling: Resampling,
    clusters: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Score one attack's candidates; with several victims each number is the mean over victims.

    hits        (victims, candidates) bool: the candidate is part of a training molecule
    exact_hits  the same shape: it is one
    resampling  the plan over distinct templates, shared by all that is compared
    clusters    the templates the plan counts, needed only where evidence that is compared mentions different ones

    A K larger than the number of candidates is left out. precision_at_K_within_ring is the mean over the `n`
    templates that have at least 2 K candidates. ValueError if a shape does not fit.
    """
    _require_fit(evidence, [hits, exact_hits], resampling)
    index = template_index(evidence, resampling, clusters)
    everything, novel = listed_of(evidence), listed_of(evidence) & np.asarray(evidence.novel, dtype=bool)
    scored = partial(_score, evidence.scores, index=index, resampling=resampling)
    precisions, of_all = _precision("precision_at", evidence.k, everything), _ranking("")
    novel_precisions, of_novel = _precision("novel_precision_at", evidence.k, novel), _ranking("novel_")
    # a ranking takes the time: each is made once
    found = scored(hits, everything, precisions | of_all) | scored(hits, novel, novel_precisions | of_novel)
    return {
        **{name: found[name] for name in precisions},
        **scored(exact_hits, everything, _precision("exact_precision_at", evidence.k, everything)),
        **{name: found[name] for name in novel_precisions},
        **_within_rings(evidence, hits, index, resampling),
        **{name: found[name] for name in (*of_all, *of_novel)},
        **described(evidence, index, resampling),
    }


def described(evidence: ExtractedMolecules, index: np.ndarray, resampling: Resampling) -> dict[str, Estimate]:
    """Return what needs no truth: mixing weights, and what became of the joins that were tried."""
    return {**_mixing(evidence, index, resampling), **_production(evidence)}


def template_index(
    evidence: ExtractedMolecules, resampling: Resampling, clusters: np.ndarray | None = None
) -> np.ndarray:
    """Return the cluster of each candidate: the place of its template among the distinct ones."""
    names = np.unique(evidence.templates if clusters is None else clusters)
    if len(names) != resampling.clusters:
        raise ValueError(f"{len(names)} distinct templates, but the plan resamples {resampling.clusters}")
    index = np.searchsorted(names, evidence.templates)
    if not np.array_equal(names[np.minimum(index, len(names) - 1)], evidence.templates):
        raise ValueError("a candidate's template is not among the templates that the plan resamples")
    return index


def precision_curve(
    evidence: ExtractedMolecules,
    hits: np.ndarray,
    resampling: Resampling,
    novel: bool = False,
    clusters: np.ndarray | None = None,
    points: int = 30,
) -> Band:
    """Return precision over log-spaced K with its band; novel: only candidates new to the attacker."""
    _require_fit(evidence, [hits], resampling)
    keep = listed_of(evidence) & (np.asarray(evidence.novel, dtype=bool) if novel else True)
    largest = max(1, int(keep.sum(1).min()))
    sizes = np.unique(np.geomspace(min(SMALLEST_LIST, largest), largest, points).round().astype(int))
    index = template_index(evidence, resampling, clusters)
    precisions: dict[str, Metric] = {"": methodcaller("precisions_at", sizes)}
    of_victims = np.array(
        [
            measure_by_cluster(s[of], t[of], index[of], resampling.of_clusters(v), precisions)[""]
            for v, (s, t, of) in enumerate(zip(evidence.scores, hits, keep, strict=True))
        ]
    )  # (victims, rows, sizes)
    averages = (resampling.average(column) for column in np.moveaxis(np.array(of_victims), -1, 0))
    return Band.of(sizes, [resampling.estimate(average, _longest(keep)) for average in averages])


def discordant(
    target: ExtractedMolecules,
    disjoint: ExtractedMolecules,
    hits_g: np.ndarray,
    hits_g_prime: np.ndarray,
    resampling: Resampling,
    clusters: np.ndarray | None = None,
) -> Estimate:
    """AUC of score_target - score_disjoint for candidates found only in G against those only in G'.

    The cleanest question: both models saw chemistry of the same source, and each candidate exists in
    exactly one of the training sets. Both score the same candidates in the same order and on the same scale
    (the first is checked: ValueError). 0.5 = no memory; below 300 discordant candidates the note says that
    nothing can be told.
    """
    if not np.array_equal(target.smiles, disjoint.smiles):
        raise ValueError("the target and the disjoint model must score the same candidates in the same order")
    _require_fit(target, [disjoint.scores, hits_g, hits_g_prime], resampling)
    index = template_index(target, resampling, clusters)
    difference = target.scores - disjoint.scores
    in_g, in_g_prime = np.asarray(hits_g, dtype=bool), np.asarray(hits_g_prime, dtype=bool)
    values = [
        measure_by_cluster(d[keep], g[keep], index[keep], resampling.of_clusters(v), {"auc": AUC})["auc"]
        for v, (d, g, keep) in enumerate(zip(difference, in_g, in_g ^ in_g_prime, strict=True))
    ]
    n = int((in_g ^ in_g_prime).sum())
    few = f"cannot tell: {n} discordant candidates, {DISCORDANT_NEEDED} needed"
    only = (in_g & ~in_g_prime, in_g_prime & ~in_g)
    rarer = min(len(np.unique(index[side.any(axis=0)])) for side in only)
    note = few if n < DISCORDANT_NEEDED else ""
    found = resampling.estimate(resampling.average(np.array(values)), n, note, limits=(0.0, 1.0), rarer=rarer)
    return of_few_templates(found, fewest_templates(index, in_g ^ in_g_prime), decides=True)


@dataclass(frozen=True)
class LeakageEstimate:
    """What the target gives away beyond the control it exceeds least.

    value, low, high: the paired difference target - control with its 95 % interval; control: its name.
    """

    value: float
    low: float
    high: float
    n: int
    control: str

    def to_json(self) -> dict[str, Any]:
        """Return {"value", "low", "high", "n", "control"}; NaN becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {k: v if np.isfinite(v) else None for k, v in numbers.items()} | {
            "n": self.n,
            "control": self.control,
        }


def leakage(
    target: Mapping[str, Estimate], controls: Mapping[str, Mapping[str, Estimate]], names: Sequence[str]
) -> dict[str, LeakageEstimate]:
    """Return target - control for each metric, against the control whose paired lower end is smallest.

    A metric that the target or every control lacks, or that has no interval anywhere, is left out.
    """
    leakages: dict[str, LeakageEstimate] = {}
    for name in (name for name in names if name in target):
        differences = {c: target[name] - metrics[name] for c, metrics in controls.items() if name in metrics}
        known = {control: d for control, d in differences.items() if np.isfinite(d.low)}
        if known:
            control = min(known, key=lambda c: known[c].low)
            d = known[control]
            leakages[name] = LeakageEstimate(d.value, d.low, d.high, d.n, control)
    return leakages


def _score(
    scores: np.ndarray,
    truth: np.ndarray,
    keep: np.ndarray,
    metrics: Mapping[str, Metric],
    *,
    index: np.ndarray,
    resampling: Resampling,
) -> dict[str, Estimate]:
    per_victim = [
        measure_by_cluster(s[of], t[of], index[of], resampling.of_clusters(v), metrics)
        for v, (s, t, of) in enumerate(zip(scores, truth, keep, strict=True))
    ]
    n = _longest(keep)
    negatives = int((keep & ~np.asarray(truth, bool)).sum(axis=1).min(initial=n))
    rings = fewest_templates(index, keep)
    found = {}
    for name in metrics:
        average = resampling.average(np.array([values[name] for values in per_victim]))
        found[name] = of_few_templates(resampling.estimate(average, n, _caution(name, negatives)), rings)
    return found


def _caution(name: str, negatives: int) -> str:
    if "tpr_at_fpr_0.01" not in name or 0.01 * negatives >= 10:
        return ""
    return f"FPR 0.01 of {negatives} misses is fewer than 10 candidates"


def listed_of(evidence: ExtractedMolecules) -> np.ndarray:
    """Tell which candidates are on each victim's list: (victims, candidates) bool."""
    return np.stack([evidence.listed_for(victim) for victim in range(len(evidence.scores))])


def _longest(keep: np.ndarray) -> int:
    return int(keep.sum(axis=1).max(initial=0))


def _precision(name: str, sizes: Sequence[int], keep: np.ndarray) -> dict[str, Metric]:
    return {f"{name}_{k}": methodcaller("precision_at", k) for k in sizes if k <= keep.sum(1).min()}


def _ranking(prefix: str) -> dict[str, Metric]:
    return {
        f"{prefix}auc": AUC,
        f"{prefix}tpr_at_fpr_0.01": methodcaller("tpr_at_fpr", 0.01),
        f"{prefix}base_rate": methodcaller("base_rate"),
    }


def _within_rings(
    evidence: ExtractedMolecules, hits: np.ndarray, index: np.ndarray, resampling: Resampling
) -> dict[str, Estimate]:
    """Precision of the top K of each template's own candidates, as a mean over templates (the paper's way)."""
    listed, found = listed_of(evidence), {}
    sizes = np.array([np.bincount(index[of], minlength=resampling.clusters) for of in listed])  # (victims, templates)
    for k in evidence.k_within_ring:
        if not (sizes >= 2 * k).any():
            continue
        values = []
        for victim, (scores, truth, of) in enumerate(zip(evidence.scores, hits, listed, strict=True)):
            large = np.flatnonzero(sizes[victim] >= 2 * k)
            rings = (of & (index == ring) for ring in large)
            precisions = [precision_at(scores[ring], truth[ring], k, np.ones((1, ring.sum())))[0] for ring in rings]
            values.append(weighted_mean(np.array(precisions), resampling.of_victim(victim, large)))
        average = resampling.average(np.array(values))
        templates = _longest(sizes >= 2 * k)
        estimate = of_few_templates(resampling.estimate(average, templates), templates)
        found[f"precision_at_{k}_within_ring"] = estimate
    return found


def _mixing(evidence: ExtractedMolecules, index: np.ndarray, resampling: Resampling) -> dict[str, Estimate]:
    """Mean and quartiles of the mixing weight α of Eq. (1) over all candidates."""
    if evidence.mixing is None or evidence.mixing.shape[1] == 0:
        return {}
    of_victims = []
    for victim, alpha in enumerate(evidence.mixing):
        weights = resampling.of_victim(victim, index)
        low, high = (quantile_by_cluster(alpha, q, index, resampling.of_clusters(victim)) for q in (0.25, 0.75))
        of_victims.append((weighted_mean(alpha, weights), high - low, low, high))
    names = ("alpha_mean", "alpha_iqr", "alpha_q25", "alpha_q75")
    averages = [resampling.average(np.array(column)) for column in zip(*of_victims, strict=True)]
    n = evidence.mixing.shape[1]
    return {name: resampling.estimate(a, n) for name, a in zip(names, averages, strict=True)}


def _production(evidence: ExtractedMolecules) -> dict[str, Estimate]:
    listed, nan = listed_of(evidence), float("nan")
    found, victims = len(evidence.smiles), len(evidence.scores)
    distinct = found if evidence.listed is None else float(listed.sum() / victims)
    novel = (listed & evidence.novel).sum() / victims
    each = 1 if evidence.asked is None and evidence.listed is None else victims  # searches count over all of them
    validity = evidence.valid / evidence.proposed if evidence.proposed else nan
    uniqueness = distinct * each / evidence.valid if evidence.valid else nan
    production = {
        "validity": Estimate.exact(validity, evidence.proposed),
        "uniqueness": Estimate.exact(uniqueness, evidence.valid),
        "candidates": Estimate.exact(distinct, found),
        "novel_candidates": Estimate.exact(novel, found),
    }
    return production | ({} if evidence.asked is None else {"queries": Estimate.exact(evidence.asked / victims, found)})


def _require_fit(evidence: ExtractedMolecules, arrays: Sequence[np.ndarray], resampling: Resampling) -> None:
    shape = (resampling.victims, len(evidence.smiles))
    for array in (evidence.scores, *arrays):
        if np.shape(array) != shape:
            raise ValueError(f"shape {np.shape(array)} instead of (victims, candidates) = {shape}")
