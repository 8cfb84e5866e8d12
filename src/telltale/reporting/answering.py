"""The answer in words: one sentence, and what it means for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from telltale.evaluation.answer import (
    CANNOT_TELL,
    FALSE_ALARMS,
    LEAKS,
    Answer,
    Question,
    answered,
    largest_of_each,
    sureness,
)
from telltale.evaluation.difference import Difference
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.extraction import LeakageEstimate
from telltale.evidence import ExtractedMolecules, ReconstructedRecords
from telltale.reporting.next_steps import Step
from telltale.reporting.outcome import Outcome
from telltale.reporting.questions import FEW, Asked, asked, at_low_fpr
from telltale.reporting.sentences import interval

PEOPLE = 1000  # of whom the answer speaks


@dataclass(frozen=True)
class Spoken:
    """What a run says first.

    kind      "leaks", "no leak found" or "cannot tell"
    sentence  the answer, which begins with its kind
    meaning   sentences: members found, and how sure an accusation is
    attack    the strongest; empty where nothing was measured
    tests     how many numbers the answer is corrected for
    models    how many victims would tell; None: not known, or they do
    points    whether more records are needed to measure 1 % false alarms
    steps     what to type next
    """

    kind: str
    sentence: str
    meaning: Sequence[str] = ()
    attack: str = ""
    tests: int = 0
    models: int | None = None
    points: bool = False
    steps: Sequence[Step] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values; the steps are for a person."""
        said = {"kind": self.kind, "sentence": self.sentence, "meaning": list(self.meaning)}
        return said | {"attack": self.attack, "tests": self.tests, "models": self.models}


def spoken(outcome: Outcome) -> Spoken:
    """Answer from an outcome; steps are added by who knows the command line."""
    target = outcome.evidence["target"]
    questions = asked(target, outcome)
    answer = answered(questions.questions, questions.hindrances, len(target.scores))
    kind, sentence = answer.kind, _sentence(answer, questions)
    if questions.proven:
        kind, sentence = LEAKS, f"{LEAKS}: {questions.proven}"
    strongest = answer.strongest.attack if answer.strongest else outcome.title
    few = any(FEW in question.unmeasured for question in questions.questions)
    return Spoken(kind, sentence, _meaning(answer, outcome, strongest), strongest, answer.tests, answer.models, few)


def _sentence(answer: Answer, asked_of: Asked) -> str:
    """Say the answer and the number behind it; intervals of what was picked are widened for the picking."""
    strongest, attacks = answer.strongest, len({question.attack for question in asked_of.questions})
    if answer.kind == CANNOT_TELL:
        reasons = list(answer.reasons)
        enough = [f"about {answer.models:,} models would tell"] if answer.models else []
        return f"{answer.kind}: {'; '.join([*reasons, *enough])}"
    assert strongest is not None  # both other kinds rest on a number
    if answer.kind == LEAKS:
        picked = f", the strongest of {attacks} attacks," if attacks > 1 else ""
        shown = f"{strongest.attack}{picked} {asked_of.claim}, {_number(strongest, answer.tests)}"
        return f"{answer.kind}: {shown}{asked_of.few}"
    highest = largest_of_each(asked_of.questions)
    bounds = " and ".join(f"{question.metric} at most {question.bound}" for question in highest)
    return f"{answer.kind}: {bounds}, by {f'any of {attacks} attacks' if attacks > 1 else strongest.attack}"


def _number(question: Question, tests: int) -> str:
    return f"{question.metric} {_with_ends(question.measured, tests)}"


def _with_ends(measured: Difference, tests: int) -> str:
    low, high = np.clip(measured.ends(tests), 0, 1)  # all that is asked about are shares
    return interval(LeakageEstimate(measured.value, float(low), float(high), 0, ""))


def _meaning(answer: Answer, outcome: Outcome, attack: str) -> list[str]:
    """Say of 1,000 members how many the strongest attack finds, and how sure it is of one."""
    target = outcome.evidence["target"]
    if isinstance(target, ReconstructedRecords):
        return _pictures(outcome)
    found = at_low_fpr(attack, outcome)
    published = _published(outcome) if isinstance(target, ExtractedMolecules) else ""
    meaning = [published] if published else []
    if found is None or isnan(found.standard_error):
        return meaning
    if isinstance(target, ExtractedMolecules):
        return [*meaning, *_candidates(found, answer.tests, strongest=attack)]
    if found.note:
        return [*meaning, f"members found at 1 % false alarms are not measured: {found.note}"]
    measured = Difference.shown(found)
    ends = np.clip(measured.ends(max(1, answer.tests)), 0, 1)
    low, high = (f"{PEOPLE * end:,.0f}" for end in ends)
    prior = outcome.standards.prior
    sure, *sure_ends = (100 * sureness(float(tpr), FALSE_ALARMS, prior) for tpr in (measured.value, *ends))
    return [
        *meaning,
        f"of {PEOPLE:,} members {attack} finds {PEOPLE * measured.value:,.0f} [{low}, {high}] at 1 % false alarms; "
        f"guessing finds {PEOPLE * FALSE_ALARMS:g}",
        f"one accusation is right in {sure:.0f} % [{sure_ends[0]:.0f}, {sure_ends[1]:.0f}] of cases, where "
        f"{100 * prior:g} % of those asked about are members (report.prior)",
    ]


def _candidates(found: Estimate, tests: int, strongest: str) -> list[str]:
    """Say of candidates that are part of a training molecule how many stand above nearly all that are none."""
    if found.note:
        return [f"right candidates above 99 % of the wrong ones are not measured: {found.note}"]
    measured = Difference.shown(found)
    low, high = (f"{PEOPLE * end:,.0f}" for end in np.clip(measured.ends(max(1, tests)), 0, 1))
    return [
        f"of {PEOPLE:,} candidates that are part of a training molecule {strongest} puts "
        f"{PEOPLE * measured.value:,.0f} [{low}, {high}] above 99 % of those that are not; "
        f"guessing puts {PEOPLE * FALSE_ALARMS:g}"
    ]


def _published(outcome: Outcome) -> str:
    """Say of the list that would be published how much is right, and how much a guess without the model has right."""
    metrics = outcome.scored.metrics
    lists = (name for name in metrics["target"] if name.removeprefix("precision_at_").isdigit())
    name = next(lists, "")
    if not name or isnan(metrics["target"][name].value):  # every list would be longer than there are candidates
        return ""
    others = {other: metrics[other][name] for other in outcome.controls if name in metrics.get(other, {})}
    share, beside = (
        metrics["target"][name].value,
        [f"{100 * of.value:.0f} % of {other}'s" for other, of in others.items()],
    )
    told = f"of the {name.removeprefix('precision_at_')} best candidates {100 * share:.0f} % are right"
    return "; ".join([told, ", ".join(beside)] if beside else [told])


def _pictures(outcome: Outcome) -> list[str]:
    metrics = outcome.scored.metrics["target"]
    names = {"recognised": "are recognised", "well_encoded": "come back with a small error"}
    parts = [f"{100 * metrics[name].value:.0f} {what}" for name, what in names.items() if name in metrics]
    return [f"of 100 hidden pictures {', '.join(parts)}"] if parts else []
