"""From evidence and truth to numbers: everything that is compared shares one resampling plan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from telltale.checks import whole_number
from telltale.data.kept import NOWHERE, Kept
from telltale.data.seeds import derive
from telltale.evaluation.calibration import calibrated_rates
from telltale.evaluation.canary_audit import of_canaries
from telltale.evaluation.caption_limits import carried
from telltale.evaluation.captions import repeated
from telltale.evaluation.comparison import Tests, versus_rivals
from telltale.evaluation.detector import LEAST_MODELS, detection
from telltale.evaluation.exposure import Exposure, exposure_by
from telltale.evaluation.extraction import LeakageEstimate, leakage
from telltale.evaluation.frechet import begin_distances, distances_to
from telltale.evaluation.kept_estimates import Measured
from telltale.evaluation.matching import Matches
from telltale.evaluation.membership import score_membership, score_with_roc
from telltale.evaluation.memory_gain import BLIND
from telltale.evaluation.molecule_lists import Lists
from telltale.evaluation.no_model import less_expected
from telltale.evaluation.ranges import of_ranges
from telltale.evaluation.reconstruction import Hidden, over_pictures, recognised, score_reconstruction, stealth
from telltale.evaluation.statistics import Band, Estimate, Resampling, groups_of
from telltale.evaluation.strata import NO_MODEL, overlap_weights, strata_of, within_strata
from telltale.evidence import (
    CaptionMembership,
    Evidence,
    ExtractedMolecules,
    MembershipScores,
    RangeScores,
    ReconstructedRecords,
)
from telltale.progress import track
from telltale.truth import Truth

Metrics = dict[str, Estimate]
UNPAIRED = ("best_threshold", "empirical_epsilon", "auc_among_alike", "exposure_bits_absent")  # are no leakage
RECONSTRUCTION_LEAKAGE = ("ssim", "well_encoded", "recognised")  # higher is more given away
LEAKAGE_METRICS = ("auc", "novel_auc", "tpr_at_fpr_0.01", "novel_tpr_at_fpr_0.01", "exact_membership_auc")

REPLICATES = 100_000  # 2 bytes a replicate and point, several times over; intervals settle at some thousand


@dataclass(frozen=True)
class Scored:
    """What evidence of every kind comes to.

    metrics: name of evidence -> metric -> estimate; leakage: metric -> target minus its strongest control.
    """

    metrics: Mapping[str, Metrics]
    leakage: Mapping[str, LeakageEstimate]


@dataclass(frozen=True)
class ScoredMembership(Scored):
    """What more is known of membership scores.

    roc            name of evidence -> ROC curve with its band
    versus_rivals  rival -> metric -> paired test of the target against it
    exposure       of each point, by the target's scores
    """

    roc: Mapping[str, Band]
    versus_rivals: Mapping[str, Tests]
    exposure: Exposure


@dataclass(frozen=True)
class ScoredExtraction(Scored):
    """What more is known of extracted molecules, by name of evidence.

    curves         precision against K
    novel_curves   the same, of candidates that are new to the attacker
    matched        which of its candidates are molecules of G, or parts of one, and of G'
    """

    curves: Mapping[str, Band]
    novel_curves: Mapping[str, Band]
    matched: Mapping[str, Matches]

    @property
    def hits(self) -> np.ndarray:
        """Tell which of the target's candidates are part of a training molecule of G: (victims, candidates) bool."""
        return self.matched["target"].parts


@dataclass(frozen=True)
class Scoring:
    """What evidence of every kind is scored with.

    evidence    of one run by name, the target's among it
    truth       who was in which model, or what was hidden in it
    controls    names of the evidence from worlds in which there is nothing to find
    replicates  of the bootstrap
    seed        of the bootstrap: equal seeds, equal plans, so that everything in one run is paired
    kept        where what takes seconds is found that was computed before
    """

    evidence: Mapping[str, Any]
    truth: Truth
    controls: Sequence[str]
    replicates: int
    seed: int
    kept: Kept = NOWHERE

    def plan(
        self,
        victims: int,
        clusters: int,
        role: str = "",
        groups: np.ndarray | None = None,
        drawn_with: np.ndarray | None = None,
    ) -> Resampling:
        """Return the one plan over so many victims and clusters; role: of a second set of the same size."""
        seed = derive(self.seed, role) if role else self.seed
        return Resampling.crossed(victims, clusters, self.replicates, seed=seed, groups=groups, drawn_with=drawn_with)

    def over_members(self) -> Resampling:
        """Return the plan over challenge points and victims; those that complement each other are drawn as one."""
        membership, counted = self.truth.membership, self.truth.counted
        victims, points = membership.shape
        return self.plan(victims, points, groups=groups_of(membership, counted), drawn_with=self.truth.groups)

    def leakage(self, metrics: Mapping[str, Metrics], names: Sequence[str]) -> dict[str, LeakageEstimate]:
        """Take the strongest control off the target, for each of the named metrics."""
        return leakage(metrics["target"], {name: metrics[name] for name in self.controls if name in metrics}, names)


def evaluate(
    evidence: Mapping[str, Evidence | None],
    truth: Truth,
    controls: Sequence[str],
    replicates: int,
    seed: int,
    kept: Kept = NOWHERE,
) -> Scored:
    """Score all evidence of one run, the target's under the name "target"; None among it is passed over.

    kept: where what takes seconds is found that was computed before.
    """
    from threadpoolctl import threadpool_limits

    present = {name: guess for name, guess in evidence.items() if guess is not None}
    scoring = Scoring(present, truth, controls, checked_replicates(replicates), derive(seed, "bootstrap"), kept)
    # On more threads products of this size only wait for each other, and sums round by how many there are.
    with threadpool_limits(limits=1, user_api="blas"):
        return scored(present["target"], scoring)


def checked_replicates(replicates: object) -> int:
    """Return a usable number of bootstrap replicates; InputError for anything else."""
    count: int = whole_number("evaluation.replicates", replicates, 2, REPLICATES)
    return count


@singledispatch
def scored(target: Any, scoring: Scoring) -> Scored:
    """Score evidence of one kind, the target's; what else `scoring` holds is of the same kind."""
    raise TypeError(f"no evaluation for {type(target).__name__}")


@scored.register
def scored_extraction(target: ExtractedMolecules, scoring: Scoring) -> ScoredExtraction:
    """Score extracted molecules: precision of the published lists, and whether scores tell G from G'."""
    truth = scoring.truth
    begin_distances(truth, scoring.kept)
    against_disjoint = len(truth.disjoint) > 0 and ("disjoint" in scoring.evidence or truth.beyond is not None)
    evidence = {name: _for_every_victim(guess, len(truth.learned)) for name, guess in scoring.evidence.items()}
    lists = Lists.of(evidence, truth, against_disjoint, scoring.kept)
    plan = scoring.plan(len(truth.learned), len(lists.clusters), groups=groups_of(truth.membership))
    metrics = lists.metrics(plan)
    distances, discordant = distances_to(evidence, truth, scoring.kept), lists.discordant(plan)
    for name, guess in evidence.items():
        metrics[name] |= _exact_membership(guess, scoring) | distances[name] | discordant[name]
    metrics["target"] |= lists.memory(plan)
    names = [*LEAKAGE_METRICS, *(name for name in metrics["target"] if "precision_at" in name)]
    return ScoredExtraction(
        metrics=metrics,
        leakage=replace(scoring, controls=[name for name in scoring.controls if name != BLIND]).leakage(metrics, names),
        curves=lists.curves(plan),
        novel_curves=lists.curves(plan, novel=True),
        matched=lists.matched,
    )


@scored.register
def scored_membership(target: MembershipScores, scoring: Scoring) -> ScoredMembership:
    """Score membership scores: ROC, thresholds fixed on shadows, tests against rivals, exposure of each point."""
    membership, plan = scoring.truth.membership, scoring.over_members()
    victims, measured = len(membership), Measured(membership, plan, scoring.kept, __name__)

    def score(guess: MembershipScores) -> tuple[Metrics, Band]:
        def make() -> tuple[Metrics, Band]:
            values, roc = score_with_roc(guess.for_victims(victims), membership, plan, scoring.truth.counted)
            return of_canaries(guess, membership, plan) | values, roc

        return measured.with_curve("scores", guess, make)

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:  # numpy works outside the lock
        results = track(
            threads.map(score, scoring.evidence.values()), "scoring membership", total=len(scoring.evidence)
        )
        values_and_rocs = dict(zip(scoring.evidence, results, strict=True))
    metrics = {name: values for name, (values, _) in values_and_rocs.items()}
    metrics["target"] |= measured.estimates(
        "calibrated rates", target, lambda: calibrated_rates(target.for_victims(victims), membership, plan)
    )
    if NO_MODEL in scoring.evidence:
        attacks = {name: guess.scores[0] for name, guess in scoring.evidence.items() if name != NO_MODEL}
        looks = scoring.evidence[NO_MODEL].scores[0]
        strata, weights = strata_of(looks), overlap_weights(looks, membership[0])
        left = less_expected(np.stack(list(attacks.values())), scoring.truth, scoring.seed)
        for name, scores in zip(attacks, left, strict=True):
            metrics[name] |= within_strata(scores[None], membership, strata, plan, weights)
    rivals = {name: values for name, values in metrics.items() if name not in ("target", *scoring.controls)}
    honest = [name for name in metrics["target"] if not name.startswith(UNPAIRED)]
    return ScoredMembership(
        metrics=metrics,
        leakage=scoring.leakage(metrics, honest),
        roc={name: roc for name, (_, roc) in values_and_rocs.items()},
        versus_rivals=versus_rivals(metrics["target"], rivals),
        exposure=exposure_by(target.for_victims(victims), membership),
    )


@scored.register
def scored_ranges(target: RangeScores, scoring: Scoring) -> ScoredMembership:
    """Score ranges of records: found only among a model's records, or only among what it was not trained on."""
    return scored_membership(target, replace(scoring, truth=of_ranges(scoring.truth, target.inside)))


@scored.register
def scored_captions(target: CaptionMembership, scoring: Scoring) -> ScoredMembership:
    """Score membership in a captioner, how close its captions come to the true ones, and what the data allow."""
    evidence, plan = scoring.evidence, scoring.over_members()
    releases = [name for name in ("target", *scoring.controls) if name in evidence and evidence[name].captions]
    repeats = {name: repeated(evidence[name].captions, scoring.truth, plan) for name in releases}
    repeats["target"] = repeats.get("target", {}) | carried(scoring.truth, plan)
    by_scores = scored_membership(target, scoring)
    return replace(by_scores, metrics={name: of | repeats.get(name, {}) for name, of in by_scores.metrics.items()})


@scored.register
def scored_reconstruction(target: ReconstructedRecords, scoring: Scoring) -> Scored:
    """Score reconstructed pictures, what hiding them cost the owner, and how visible it is in the weights."""
    truth = scoring.truth
    hidden = Hidden.of(truth.payload, target.records.shape[2])
    plan = scoring.plan(len(truth.payload), hidden.pictures.shape[1])
    metrics: dict[str, Metrics] = {}
    for name, guess in track(scoring.evidence.items(), "scoring pictures"):
        metrics[name] = score_reconstruction(guess, hidden, plan)
        if truth.judge is not None:
            metrics[name]["recognised"] = recognised(guess, hidden, plan, truth.judge)
        if name in truth.right:
            victims, points = truth.right[name].shape
            tests = scoring.plan(victims, points, "test records")
            metrics[name]["accuracy"] = over_pictures(truth.right[name], tests)
        honest = _stored_alike(guess, scoring.evidence.get("benign"))
        if guess.weights is not None and honest is not None:
            metrics[name] |= stealth(guess.weights, honest)
            if name != "benign" and len(guess.weights) >= LEAST_MODELS:
                metrics[name] |= detection(guess.weights, honest, scoring.replicates, scoring.seed)
    return Scored(metrics, scoring.leakage(metrics, RECONSTRUCTION_LEAKAGE))


def _stored_alike(guess: ReconstructedRecords, benign: ReconstructedRecords | None) -> np.ndarray | None:
    """Return an honest model's weights where it takes as many bits; else its number of levels alone would tell it."""
    if benign is None or benign.weights is None or guess.stored_bits is None or benign.stored_bits is None:
        return None
    return benign.weights if np.allclose(guess.stored_bits, benign.stored_bits, rtol=0.01) else None


def _for_every_victim(evidence: ExtractedMolecules, victims: int) -> ExtractedMolecules:
    """Repeat a guess that was made without looking at any victim."""
    if len(evidence.scores) == victims:
        return evidence
    common = None if evidence.common is None else _for_every_victim(evidence.common, victims)
    scores = np.broadcast_to(evidence.scores, (victims, evidence.scores.shape[1]))
    return replace(evidence, scores=scores, common=common)


def _exact_membership(evidence: ExtractedMolecules, scoring: Scoring) -> Metrics:
    if evidence.membership is None:
        return {}
    membership, plan = scoring.truth.membership, scoring.over_members()
    values = score_membership(evidence.membership.for_victims(len(membership)), membership, plan)
    return {f"exact_membership_{name}": estimate for name, estimate in values.items()}
