"""What came out of an encoder that exists, judged by what its owner says of the molecules, or by nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from telltale.auditing.dealing import Dealt
from telltale.auditing.judging import WHAT_IT_IS, Manner
from telltale.auditing.next_steps import Typed, after_extraction
from telltale.data.kept import Kept
from telltale.data.plain_numbers import morgan_counts
from telltale.data.seeds import derive
from telltale.evaluation.membership import score_membership
from telltale.evaluation.no_model import looks_like_a_member
from telltale.evaluation.score import Scored, Scoring, evaluate
from telltale.evaluation.statistics import Estimate
from telltale.evaluation.strata import NO_MODEL, told_apart
from telltale.evaluation.unjudged import unjudged
from telltale.reporting.next_steps import Step
from telltale.reporting.outcome import Cost, Outcome
from telltale.reporting.sentences import interval
from telltale.store.store import Store
from telltale.targets.target import Target
from telltale.truth import Truth

CONTROLS = ("zero_query", "untrained")
DETECTOR = "detector"
EXACT = "exact_membership_auc"
UNKNOWN = (
    "who was in the training set is not known, so that nobody can say which candidates are part of a training "
    "molecule: precision and all that rests on it is not available"
)
ALONE = "an encoder alone, with no encoder of other molecules to compare with, shows a leak only where it is plain"


@dataclass(frozen=True, eq=False)
class Found:
    """What attack, controls and rivals handed over, what each took, names of rivals, and what there is to tell."""

    evidence: Mapping[str, Any]
    costs: Mapping[str, Cost]
    rivals: tuple[str, ...]
    notes: tuple[str, ...]
    target: Target


def concluded(found: Found, dealt: Dealt, manner: Manner, store: Store, typed: Typed) -> tuple[Outcome, list[Step]]:
    """Judge the evidence, and say what to type next."""
    controls = tuple(name for name in CONTROLS if found.evidence.get(name) is not None)
    scored: Scored
    if dealt.known:
        scored = evaluate(found.evidence, _truth(dealt), controls, manner.replicates, manner.seed, Kept(store))
    else:
        scored = unjudged(found.evidence, manner.replicates, manner.seed)
    outcome = Outcome(
        evidence=found.evidence,
        attack="molextract",
        attacks=("target", *found.rivals),
        standards=manner.standards,
        scored=scored,
        controls=controls,
        rivals=found.rivals,
        guarantee=None,
        target={},
        queries=found.costs["target"].queries,
        costs=found.costs,
        notes=found.notes,
        hindrances=(ALONE,),
        unknown="" if dealt.known else UNKNOWN,
        challenge=dealt.challenge,
        membership=dealt.membership[None] if dealt.known else None,
        groups=dealt.groups,
        kept=Kept(store),
    )
    if dealt.known and not found.target.random:
        outcome = _compared_without_the_model(outcome, dealt, manner)
    if outcome.unknown:
        outcome = replace(outcome, notes=(*outcome.notes, outcome.unknown))
    return outcome, after_extraction(dealt.known, typed)


def _truth(dealt: Dealt) -> Truth:
    """Return what the owner says of the molecules: opened after all evidence is in."""
    return Truth(
        dealt.membership[None],
        (dealt.learned,),
        dealt.others,
        groups=dealt.groups,
        beyond=(dealt.beyond,),
    )


def _compared_without_the_model(outcome: Outcome, dealt: Dealt, manner: Manner) -> Outcome:
    """Put a detector that never asks the model beside the membership test.

    Where it tells members from others, they differ in kind, and nothing that was found shows a leak.
    """
    features = morgan_counts(dealt.challenge.smiles.tolist())
    looks = looks_like_a_member(features, dealt.membership, dealt.groups, derive(manner.seed, NO_MODEL))
    if looks is None:
        few = "whether members differ from held-out molecules without the model could not be checked: there are too few"
        return replace(outcome, unchecked=few, hindrances=(*outcome.hindrances, few), notes=(*outcome.notes, few))
    plan = Scoring({}, _truth(dealt), (), manner.replicates, derive(manner.seed, "bootstrap")).over_members()
    area: Estimate = score_membership(looks, dealt.membership[None], plan)["auc"]
    scored = replace(outcome.scored, metrics={**outcome.scored.metrics, DETECTOR: {EXACT: area}})
    notes = (*outcome.notes, f"{DETECTOR}: {WHAT_IT_IS}")
    outcome = replace(outcome, scored=scored, controls=(*outcome.controls, DETECTOR), notes=notes)
    if not told_apart(area):
        return outcome
    differ = (
        f"your members differ from your held-out molecules without the model: {DETECTOR} has AUC {interval(area)}, "
        "and what ranks members' parts first may be that difference"
    )
    return replace(outcome, unchecked=differ, hindrances=(*outcome.hindrances, differ))
