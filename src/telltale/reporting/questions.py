"""What is asked of each kind of evidence before a run says whether it leaks: one function a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from math import isfinite
from typing import Any

import numpy as np

from telltale.evaluation.answer import FALSE_ALARMS, Question
from telltale.evaluation.canary_audit import ALL_MODELS, ONE_RUN
from telltale.evaluation.difference import Difference
from telltale.evaluation.few_records import FEW_RECORDS, permuted_p
from telltale.evaluation.statistics import Estimate, groups_of
from telltale.evaluation.strata import AMONG_ALIKE, NO_MODEL, told_apart
from telltale.evidence import CanaryScores, ExtractedMolecules, MembershipScores, ReconstructedRecords
from telltale.reporting.outcome import Outcome
from telltale.reporting.sentences import metric_title
from telltale.writing import counted

CEILINGS = ("ceiling", "word_for_word", "float")  # releases in which there is as much to find as can be
FEW = "fewer than 10"  # of a note: false alarms that are counted on one hand
SILENT = "no attack gives any two records different scores"
ALIKE = "records that look alike"
SIGN = "is the score's sign turned?"
LESS_SURE = (
    "models may be less sure of what they have learned (unlearned, over-regularised), or members be harder; "
    "no attack here looks for that"
)
ONE_FEWER = "a member may have one shadow fewer that saw it than others have, where each record is in as many models"
UNSEEN = 1 / 3  # of what an attack finds, where members differ: controls may have missed as much of the difference
AT_LOW_FPR = f"tpr_at_fpr_{FALSE_ALARMS}"


@dataclass(frozen=True)
class Asked:
    """The questions of a run.

    questions   the numbers that could show a leak
    claim       what an attack does that shows one
    hindrances  why the design could have missed one, whatever was measured
    proven      a leak that is certain by another way than the questions; empty: none is
    few         what follows a number that rests on a handful of records; empty: there are more
    """

    questions: Sequence[Question]
    claim: str
    hindrances: Sequence[str] = ()
    proven: str = ""
    few: str = ""


@singledispatch
def asked(target: Any, outcome: Outcome) -> Asked:
    """Ask what shows a leak in evidence of the target's kind."""
    raise TypeError(f"no question for {type(target).__name__}")


@asked.register
def of_membership(target: MembershipScores, outcome: Outcome) -> Asked:
    """Does any attack tell members from others better than chance and every control, on the whole or surely?

    As well for captions: the attack success rate of that paper is a matter of a threshold, AUC is not.
    """
    questions = [question for name in outcome.attacks for question in _of_scores(name, outcome)]
    aucs = [question.measured for question in questions if question.chance == 0.5 and not question.unmeasured]
    silent = bool(aucs) and all(auc.value == 0.5 and auc.standard_error == 0 for auc in aucs)
    few = _few(outcome)
    handful = [f"the numbers are{few}"] if few else []
    hindrances = [*outcome.hindrances, *[SILENT] * silent, *handful, *_low_ceilings(outcome, "auc")]
    return Asked(questions, "tells members from non-members", hindrances, few=few)


@asked.register
def of_canaries(target: CanaryScores, outcome: Outcome) -> Asked:
    """Is the lower bound on ε above 0? It holds at 95 % by itself; else, do the scores tell planted canaries at all?

    One bound, fixed before anything was seen: that over all models where there are several.
    """
    found = outcome.scored.metrics["target"]
    name = ALL_MODELS if ALL_MODELS in found else ONE_RUN
    bound = found[name].value if name in found else 0.0
    proven = f"{outcome.title} shows an ε of at least {bound:.2f}" if bound > 0 else ""
    promised = (outcome.guarantee or {}).get("epsilon")
    if proven and promised is not None and "worst_case" not in (outcome.guarantee or {}):
        proven += f", the accountant allows {promised:.2f}"
    few = _few(outcome)
    handful = [f"the numbers are{few}"] if few else []
    return Asked(_of_scores("target", outcome), "tells planted canaries from absent ones", handful, proven, few)


@asked.register
def of_molecules(target: ExtractedMolecules, outcome: Outcome) -> Asked:
    """Does the score know G from G', add to chemistry, and tell members from others among real molecules?

    How many candidates are right is no question: frequent chemistry is right in any set of molecules.
    """
    if outcome.unknown:
        return Asked((), "tells molecules of its training set from others", [outcome.unknown])
    standard = outcome.standards.auc
    primary = _ask("target", "discordant_auc", 0.5, standard, outcome, outcome.controls)  # most controls have none
    none = [] if primary else ["no model of other molecules to compare with (controls=pretraining)"]
    hindrances = [*outcome.hindrances, *none]
    gain = _ask("target", "mirrored_memory_gain_auc", 0.0, standard - 0.5, outcome, ())
    questions = [question for question in (primary, gain) if question]
    for name in outcome.attacks:
        question = _ask(name, "exact_membership_auc", 0.5, standard, outcome, outcome.controls)
        questions += [question] if question else []
    return Asked(questions, "tells molecules of its training set from others", hindrances)


@asked.register
def of_pictures(target: ReconstructedRecords, outcome: Outcome) -> Asked:
    """Are more hidden pictures recognised, or decoded with a small error, than from releases in which none is?"""
    questions = []
    for name in ("recognised", "well_encoded"):
        question = _ask("target", name, None, outcome.standards.share, outcome, outcome.controls)
        questions += [question] if question else []
    return Asked(questions, "gives hidden pictures back", _low_ceilings(outcome, "well_encoded"))


def _of_scores(name: str, outcome: Outcome) -> list[Question]:
    kinds = (("auc", 0.5, outcome.standards.auc), (AT_LOW_FPR, FALSE_ALARMS, outcome.standards.tpr))
    questions = [_ask(name, metric, chance, least, outcome, outcome.controls) for metric, chance, least in kinds]
    return [question for question in questions if question]


def _ask(
    name: str, metric: str, chance: float | None, smallest: float, outcome: Outcome, controls: Sequence[str]
) -> Question | None:
    """Ask for one metric of one attack; None where it has none. chance: None = only controls say what chance is."""
    metrics: Mapping[str, Mapping[str, Estimate]] = outcome.scored.metrics
    if metric not in metrics.get(name, {}):
        return None
    estimate = metrics[name][metric]
    measured = Difference.shown(estimate)
    above = {} if chance is None else {"chance": Difference.of(estimate, chance)}
    for control in controls:
        if control in metrics and metric in metrics[control]:
            difference = Difference.of(estimate - metrics[control][metric])
            above |= {control: difference} if difference.known else {}
    why = (
        estimate.note.removeprefix("cannot tell: ")
        if estimate.note.startswith("cannot tell") or FEW in estimate.note
        else ""
    )
    if not why and (not measured.known or not above):
        why = f"{metric_title(metric)} has no interval" if above else f"no control has {metric_title(metric)}"
    title = outcome.title if name == "target" else name
    records = _records(outcome, estimate)
    also = {}
    if AMONG_ALIKE in metrics[name]:
        also = {ALIKE: Difference.of(metrics[name][AMONG_ALIKE], 0.5 + _explained(metrics, name))}
    elif outcome.unchecked or NO_MODEL in controls:
        also = {ALIKE: Difference(0.0, 1.0)}  # it was asked for and is not known
    luck = _luck(name, outcome) if metric == "auc" and len(estimate.replicates) == 1 and records < FEW_RECORDS else 0.0
    turned = _turned(name, title, outcome)
    return Question(
        title, metric_title(metric), chance or 0.0, smallest, measured, above, why, records, also, luck, turned
    )


def _turned(name: str, title: str, outcome: Outcome) -> str:
    """Say what it may mean that an attack ranks members below others."""
    if title == "scores":  # that were handed over
        return SIGN
    guess, membership = outcome.evidence[name], outcome.membership
    if not isinstance(guess, MembershipScores) or membership is None or len(membership) == 1:
        return LESS_SURE
    by_itself = guess.alone is not None and np.array_equal(guess.alone, guess.scores)
    paired = len(np.unique(groups_of(membership))) * 2 <= len(membership)
    return LESS_SURE if by_itself or paired else ONE_FEWER


def _explained(metrics: Mapping[str, Mapping[str, Estimate]], name: str) -> float:
    """Return by how much an attack has to be above one half among records that look alike.

    Where members differ without the model, a part of an attack's excess that is UNSEEN of it may be what of the same
    difference no control saw, as they know it only nearly.
    """
    differ = metrics.get(NO_MODEL, {}).get("auc")
    if differ is None or not told_apart(differ) or "auc" not in metrics[name]:
        return 0.0
    return UNSEEN * max(0.0, metrics[name]["auc"].value - 0.5)


def _records(outcome: Outcome, estimate: Estimate) -> int:
    """Count the distinct records, or groups of them, behind a number: of members and non-members, the fewer."""
    return min(_sides(outcome), default=estimate.n if estimate.rarer is None else estimate.rarer)


def _sides(outcome: Outcome) -> tuple[int, ...]:
    """Count the records that are members of any model, and those that any model was trained without; () of others.

    Records of one group (a person's) are one: they are drawn as one, and know of one.
    """
    if not isinstance(outcome.evidence["target"], MembershipScores) or outcome.membership is None:
        return ()
    points = outcome.membership.shape[1]
    groups = np.arange(points) if outcome.groups is None else outcome.groups
    return tuple(len(np.unique(groups[side.any(axis=0)])) for side in (outcome.membership, ~outcome.membership))


def _few(outcome: Outcome) -> str:
    """Say of how few records the numbers are; empty where there are enough, or where it is not known."""
    sides = _sides(outcome)
    if not sides or min(sides) >= FEW_RECORDS:
        return ""
    inside, outside = sides
    one = outcome.membership is not None and len(outcome.membership) == 1
    shown = (
        f"{counted(inside, 'member')} and {counted(outside, 'non-member')}" if one else counted(min(sides), "record")
    )
    if outcome.groups is not None:
        shown = f"members of {counted(inside, 'group')} and non-members of {counted(outside, 'group')}"
    return f" of {shown} alone, too few to speak of others"


def _luck(name: str, outcome: Outcome) -> float:
    """Return how often chance alone ranks a handful of records as well as a piece of evidence does."""
    guess, membership = outcome.evidence[name], outcome.membership
    assert membership is not None
    return permuted_p(np.asarray(guess.for_victims(len(membership)).scores), membership, outcome.groups)


def _low_ceilings(outcome: Outcome, metric: str) -> list[str]:
    """Name what should find more than any attack and finds nothing: then there was nothing to find here."""
    chance, least = (0.5, outcome.standards.auc) if metric == "auc" else (None, outcome.standards.share)
    low = []
    for name in CEILINGS:
        question = _ask(name, metric, chance, least, outcome, [c for c in outcome.controls if chance is None])
        if question and not question.unmeasured:
            reached = question.chance + question.excess.value
            if question.excess.ends()[0] <= 0 or reached < least:
                low.append(f"even {name}, which sees more than the attack does, has {question.metric} {reached:.3f}")
    return low


def at_low_fpr(attack: str, outcome: Outcome) -> Estimate | None:
    """Return the share of members that an attack, by its title, finds at 1 % false alarms; None: not measured."""
    name = "target" if attack == outcome.title else attack
    of_attack = outcome.scored.metrics.get(name, {})
    for metric in (AT_LOW_FPR, f"exact_membership_{AT_LOW_FPR}"):
        if metric in of_attack and isfinite(of_attack[metric].value):
            return of_attack[metric]
    return None
