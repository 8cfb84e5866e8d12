"""From evidence and truth to numbers: everything that is compared shares one resampling plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from telltale.data.molecules.substructure import SubstructureIndex, contained_exactly
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evaluation.canary_audit import empirical_epsilon
from telltale.evaluation.captions import repeated
from telltale.evaluation.comparison import Tests, versus_rivals
from telltale.evaluation.detector import LEAST_MODELS, detection
from telltale.evaluation.exposure import Exposure, exposure
from telltale.evaluation.extraction import LeakageEstimate, discordant, leakage, precision_curve, score_extraction
from telltale.evaluation.frechet import frechet_chemnet_distance
from telltale.evaluation.membership import score_membership, score_with_roc
from telltale.evaluation.reconstruction import Hidden, over_pictures, recognised, score_reconstruction, stealth
from telltale.evaluation.statistics import Band, Estimate, Resampling
from telltale.evidence import CaptionMembership, ExtractedMolecules, MembershipScores, ReconstructedRecords
from telltale.progress import track
from telltale.truth import Truth

Metrics = dict[str, Estimate]
UNPAIRED = ("best_threshold", "empirical_epsilon")  # no leakage: optimistic, or a bound without replicates
RECONSTRUCTION_LEAKAGE = ("ssim", "well_encoded", "recognised")  # higher is more given away
LEAKAGE_METRICS = ("auc", "novel_auc", "tpr_at_fpr_0.01", "novel_tpr_at_fpr_0.01", "exact_membership_auc")


@dataclass(frozen=True)
class Scored:
    """metrics: evidence name -> metric name -> estimate; leakage: target minus its controls."""

    metrics: Mapping[str, Metrics]
    leakage: Mapping[str, LeakageEstimate]


@dataclass(frozen=True)
class ScoredMembership(Scored):
    """What more is known of membership scores.

    roc: evidence name -> ROC curve with its band; versus_rivals: rival -> metric -> paired test of the target
    against it; exposure: of each point, by the target's scores.
    """

    roc: Mapping[str, Band]
    versus_rivals: Mapping[str, Tests]
    exposure: Exposure


@dataclass(frozen=True)
class ScoredExtraction(Scored):
    """What more is known of extracted molecules.

    curves, novel_curves: precision against K by evidence name; hits, exact_hits, hits_disjoint: (victims,
    candidates) bool, the candidate is part of a training molecule of G, is one, is part of one of G'.
    """

    curves: Mapping[str, Band]
    novel_curves: Mapping[str, Band]
    hits: np.ndarray
    exact_hits: np.ndarray
    hits_disjoint: np.ndarray | None


def evaluate(evidence: Mapping[str, Any], truth: Truth, controls: Sequence[str], replicates: int, seed: int) -> Scored:
    """Score all evidence of one run, the target's under the name "target"; None among it is passed over."""
    checked_replicates(replicates)
    present = {name: one for name, one in evidence.items() if one is not None}
    return _evaluate(present["target"], present, truth, controls, replicates, derive(seed, "bootstrap"))


def checked_replicates(replicates: object) -> int:
    """Return a usable number of bootstrap replicates; InputError for anything else."""
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 2:
        raise InputError("evaluation.replicates", replicates, "a whole number from 2")
    return replicates


@singledispatch
def _evaluate(
    target: Any,
    evidence: Mapping[str, Any],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
) -> Scored:
    raise TypeError(f"no evaluation for {type(target).__name__}")


@_evaluate.register
def _(
    target: ExtractedMolecules,
    evidence: Mapping[str, ExtractedMolecules],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
) -> ScoredExtraction:
    hits, exact_hits = matches(target, truth)
    evidence = {name: _for_every_victim(one, len(hits)) for name, one in evidence.items()}
    plan = resampling(len(truth.members), len(np.unique(target.templates)), replicates, seed)
    metrics = {name: score_extraction(one, hits, exact_hits, plan) for name, one in evidence.items()}
    for name, one in evidence.items():
        metrics[name] |= _membership(one, truth, replicates, seed) | _distance(one, truth)
    hits_disjoint = None
    if "disjoint" in evidence and len(truth.disjoint):
        found = SubstructureIndex(truth.disjoint.smiles.tolist()).contains(target.smiles.tolist())  # type: ignore[attr-defined]
        hits_disjoint = np.tile(found, (len(truth.members), 1))
        metrics["target"]["discordant_auc"] = discordant(target, evidence["disjoint"], hits, hits_disjoint, plan)
    names = [*LEAKAGE_METRICS, *(name for name in metrics["target"] if "precision_at" in name)]
    return ScoredExtraction(
        metrics=metrics,
        leakage=leakage(metrics["target"], {name: metrics[name] for name in controls if name in metrics}, names),
        curves={name: precision_curve(one, hits, plan) for name, one in evidence.items()},
        novel_curves={name: precision_curve(one, hits, plan, novel=True) for name, one in evidence.items()},
        hits=hits,
        exact_hits=exact_hits,
        hits_disjoint=hits_disjoint,
    )


@_evaluate.register
def _membership_scored(
    target: MembershipScores,
    evidence: Mapping[str, MembershipScores],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
) -> ScoredMembership:
    victims, points = truth.membership.shape
    plan = resampling(victims, points, replicates, seed)

    def score(one: MembershipScores) -> tuple[Metrics, Band]:
        values, roc = score_with_roc(one.for_victims(victims), truth.membership, plan)
        return empirical_epsilon(one, truth.membership) | values, roc

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:  # numpy works outside the lock
        results = track(threads.map(score, evidence.values()), "scoring membership", total=len(evidence))
        scored = dict(zip(evidence, results, strict=True))
    metrics = {name: values for name, (values, _) in scored.items()}
    others = {name: metrics[name] for name in controls if name in metrics}
    honest = [name for name in metrics["target"] if not name.startswith(UNPAIRED)]
    return ScoredMembership(
        metrics=metrics,
        leakage=leakage(metrics["target"], others, honest),
        roc={name: roc for name, (_, roc) in scored.items()},
        versus_rivals=versus_rivals(
            metrics["target"], {name: one for name, one in metrics.items() if name not in ("target", *controls)}
        ),
        exposure=exposure(target.for_victims(victims).scores, truth.membership),
    )


@_evaluate.register
def _(
    target: CaptionMembership,
    evidence: Mapping[str, CaptionMembership],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
) -> ScoredMembership:
    scored = _membership_scored(target, evidence, truth, controls, replicates, seed)
    victims, points = truth.membership.shape
    plan = resampling(victims, points, replicates, seed)
    releases = [name for name in ("target", *controls) if name in evidence and evidence[name].captions]
    told = {name: repeated(evidence[name].captions, truth, plan) for name in releases}
    return replace(scored, metrics={name: one | told.get(name, {}) for name, one in scored.metrics.items()})


@_evaluate.register
def _(
    target: ReconstructedRecords,
    evidence: Mapping[str, ReconstructedRecords],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
) -> Scored:
    hidden = Hidden.of(truth.payload, target.records.shape[2])
    plan = resampling(len(truth.payload), hidden.pictures.shape[1], replicates, seed)
    metrics: dict[str, Metrics] = {}
    for name, one in track(evidence.items(), "scoring pictures"):
        metrics[name] = score_reconstruction(one, hidden, plan)
        if truth.judge is not None:
            metrics[name]["recognised"] = recognised(one, hidden, plan, truth.judge)
        if name in truth.right:
            right = truth.right[name]
            victims, points = right.shape
            tests = resampling(victims, points, replicates, derive(seed, "test records"))
            metrics[name]["accuracy"] = over_pictures(right, tests)
        if one.weights is not None and (honest := _stored_alike(one, evidence.get("benign"))) is not None:
            metrics[name] |= stealth(one.weights, honest)
            if name != "benign" and len(one.weights) >= LEAST_MODELS:
                metrics[name] |= detection(one.weights, honest, replicates, seed)
    others = {name: metrics[name] for name in controls if name in metrics}
    return Scored(metrics, leakage(metrics["target"], others, RECONSTRUCTION_LEAKAGE))


def _stored_alike(one: ReconstructedRecords, benign: ReconstructedRecords | None) -> np.ndarray | None:
    """Return an honest model's weights where it takes as many bits; else a few levels would be all that is told."""
    if benign is None or benign.weights is None or one.stored_bits is None or benign.stored_bits is None:
        return None
    return benign.weights if np.allclose(one.stored_bits, benign.stored_bits, rtol=0.01) else None


def matches(evidence: ExtractedMolecules, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Match candidates with each victim's training molecules: part of one, is one; each (victims, candidates)."""
    queries = evidence.smiles.tolist()
    parts = np.stack([SubstructureIndex(members).contains(queries) for members in _smiles(truth)])
    return parts, np.stack([contained_exactly(queries, members) for members in _smiles(truth)])


def resampling(victims: int, clusters: int, replicates: int, seed: int) -> Resampling:
    """Plan over clusters for one victim, over victims and clusters for several that meet the same ones."""
    if victims == 1:
        return Resampling.over(clusters, replicates, seed=seed)
    return Resampling.crossed(victims, clusters, replicates, seed=seed)


def _for_every_victim(evidence: ExtractedMolecules, victims: int) -> ExtractedMolecules:
    """Repeat a guess that was made without looking at any victim."""
    if len(evidence.scores) == victims:
        return evidence
    return replace(evidence, scores=np.broadcast_to(evidence.scores, (victims, evidence.scores.shape[1])))


def _membership(evidence: ExtractedMolecules, truth: Truth, replicates: int, seed: int) -> Metrics:
    if evidence.membership is None:
        return {}
    victims, points = truth.membership.shape
    plan = resampling(victims, points, replicates, seed)
    scored = score_membership(evidence.membership.for_victims(victims), truth.membership, plan)
    return {f"exact_membership_{name}": estimate for name, estimate in scored.items()}


def _distance(evidence: ExtractedMolecules, truth: Truth) -> Metrics:
    """Fréchet ChemNet distance of the longest published list to the training molecules, where weights are there."""
    longest = max(evidence.k)
    distances = [
        frechet_chemnet_distance(evidence.smiles[np.argsort(-scores, kind="stable")[:longest]].tolist(), members)
        for scores, members in zip(evidence.scores, _smiles(truth), strict=True)
    ]
    known = [distance for distance in distances if distance is not None]
    return {f"fcd_at_{longest}": Estimate.exact(float(np.mean(known)), longest)} if known else {}


def _smiles(truth: Truth) -> list[list[str]]:
    molecules: tuple[Any, ...] = truth.members
    return [members.smiles.tolist() for members in molecules]
