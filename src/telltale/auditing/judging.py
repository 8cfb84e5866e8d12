"""From answers to an outcome: every attack that the answers allow, judged as a run with a recipe is.

The membership is given, not drawn. It reaches the evaluation alone: attacks see the answers, the points, and the
membership of shadow models.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.embedding_membership.alone import LEAST_MODELS, EmbeddingShadows
from telltale.attacks.membership.by_record import REAL, Plain
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.auditing.sides import without_group
from telltale.auditing.twins import require_no_twin
from telltale.configuration.contest import hindrances
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evaluation.answer import Standards
from telltale.evaluation.no_model import groups_of_each_side, looks_like_a_member
from telltale.evaluation.reference_predictions import reference_predictions
from telltale.evaluation.score import Scored, checked_replicates, evaluate
from telltale.evaluation.strata import NO_MODEL, told_apart
from telltale.evidence import MembershipScores
from telltale.game.answers import RANDOM, Answers, world_of
from telltale.reporting.answering import spoken
from telltale.reporting.outcome import Cost, Outcome
from telltale.reporting.sentences import interval
from telltale.truth import Truth
from telltale.writing import counted

WHAT_IT_IS = "a detector that learns from the records who was in and never asks the model: what it finds is no memory"
UNASKED = "asks for"  # calls that there are no answers to


@dataclass(frozen=True)
class Manner:
    """How answers are judged.

    seed        of all that is drawn
    replicates  bootstrap replicates behind every interval
    standards   what would matter
    """

    seed: int = 0
    replicates: int = 1000
    standards: Standards = field(default_factory=Standards)


def usable(attacks: Mapping[str, Attack], answers: Answers) -> tuple[dict[str, Attack], dict[str, str]]:
    """Return the attacks that these answers allow, and why the others were left out, by name."""
    calls = {answers.gives} | ({"labels"} if answers.gives == "probabilities" else set())
    kept, left_out = {}, {}
    for name, attack in attacks.items():
        if isinstance(attack, ShadowAttack | EmbeddingShadows) and answers.models == 1:
            continue  # the notes of an audit say what shadow models would be
        if missing := attack.access - calls:
            left_out[name] = f"{UNASKED} {' and '.join(sorted(missing))}"
            continue
        if attack.uses_true_labels and answers.labels is None:
            left_out[name] = "reads the answer at the true label, which is not given"
            continue
        try:
            attack.check(world_of(answers, attack.access, 0).knowledge)
        except InputError as error:
            left_out[name] = error.expected
        else:
            kept[name] = attack
    if any(isinstance(attack, ShadowAttack) for attack in kept.values()):
        # the same signal with a threshold fixed on shadows stands in its place
        plain = [name for name, attack in kept.items() if isinstance(attack, Plain) and attack.signal != REAL]
        kept = {name: attack for name, attack in kept.items() if name not in plain}
    return kept, left_out


def _none_can_work(attacks: Mapping[str, Attack], left_out: Mapping[str, str], answers: Answers) -> InputError:
    """Say what the attacks lack that ask for least: those without shadow models, of answers that are there."""
    asked = {name: why for name, why in left_out.items() if not why.startswith(UNASKED)} or left_out
    least = {name: why for name, why in asked.items() if not isinstance(attacks[name], ShadowAttack)} or asked
    reasons = list(dict.fromkeys(f"it {why}" if why.startswith(UNASKED) else why for why in least.values()))
    number = counted(len(attacks), "attack")
    return InputError("rivals", number, f"none of them can work with {answers.gives}: {'; '.join(reasons[:2])}")


@dataclass(frozen=True)
class Played:
    """What attacks made of answers, before it is evaluated.

    kept      attacks that the answers allow, the first of which the others stand beside; left_out: why the others not
    controls  evidence of a detector that never asks; unchecked: why there is none where there should be
    """

    kept: Mapping[str, Attack]
    left_out: Mapping[str, str]
    evidence: Mapping[str, Any]
    costs: Mapping[str, Cost]
    truth: Truth
    controls: Mapping[str, MembershipScores]
    unchecked: str

    @property
    def everything(self) -> dict[str, Any]:
        """Return all evidence, the detector's too."""
        return {**self.evidence, **self.controls}

    def scored(self, replicates: int, seed: int) -> Scored:
        """Evaluate all evidence."""
        return evaluate(self.everything, self.truth, tuple(self.controls), checked_replicates(replicates), seed)


def judged(
    answers: Answers,
    attacks: Mapping[str, Attack],
    manner: Manner,
    *,
    challenge: Any = None,
    success: Mapping[str, float] | None = None,
    notes: tuple[str, ...] = (),
) -> Outcome:
    """Run every attack that the answers allow and say what they found; the first is the one the others stand beside.

    challenge: the records themselves where they are at hand, in the order of the answers; success: how well the model
    does its own task. Raises InputError where no attack can work with the answers.
    """
    return concluded(play(answers, attacks, manner), answers, manner, challenge=challenge, success=success, notes=notes)


def play(answers: Answers, attacks: Mapping[str, Attack], manner: Manner) -> Played:
    """Run every attack that the answers allow. Raises InputError where none can work with them."""
    require_no_twin(answers)
    kept, left_out = usable(attacks, answers)
    if not kept:
        raise _none_can_work(attacks, left_out, answers)
    first = next(iter(kept))
    evidence: dict[str, Any] = {}
    costs: dict[str, Cost] = {}
    for name, attack in kept.items():
        began, world = time.perf_counter(), world_of(answers, attack.access, derive(manner.seed, "attacker"))
        title = "target" if name == first else name
        evidence[title] = attack.run(world)
        costs[title] = Cost(dict(world.queries), time.perf_counter() - began)
    none = answers.held_out.take(np.arange(0))  # no control was trained
    units = None if answers.groups is None else np.unique(answers.groups, return_inverse=True)[1]
    truth = Truth(
        answers.membership[: answers.attacked],  # first and only opening
        (),
        none,
        groups=units,
        features=answers.features,
        predicted=_predicted(answers, units, manner),
    )
    return Played(kept, left_out, evidence, costs, truth, *_detector(answers, truth, manner))


def concluded(
    played: Played,
    answers: Answers,
    manner: Manner,
    *,
    challenge: Any = None,
    success: Mapping[str, float] | None = None,
    notes: tuple[str, ...] = (),
) -> Outcome:
    """Evaluate what attacks made of answers, and say what they found; arguments as of `judged`."""
    kept, unchecked = played.kept, played.unchecked
    first, *others = kept
    explained = [f"{name}: {WHAT_IT_IS}" for name in played.controls]
    outcome = Outcome(
        evidence=played.everything,
        attack=first,
        attacks=("target", *others),
        hindrances=_hindrances(kept, answers),
        standards=manner.standards,
        scored=played.scored(manner.replicates, manner.seed),
        controls=tuple(played.controls),
        rivals=tuple(others),
        guarantee=None,
        target=dict(success or {}),
        queries=played.costs["target"].queries,
        costs=dict(played.costs),
        notes=(
            *notes,
            *explained,
            *without_group(answers.groups),
            *_not_compared(answers),
            *_left_out(played.left_out),
        ),
        unchecked=unchecked,
        challenge=answers.challenge if challenge is None else challenge,
        membership=played.truth.membership,
        groups=played.truth.groups,
        ids=answers.ids,
    )
    if unchecked:
        outcome = replace(outcome, hindrances=(*outcome.hindrances, unchecked), notes=(*outcome.notes, unchecked))
    outcome = replace(outcome, hindrances=(*outcome.hindrances, *_differ(outcome)))
    strongest = spoken(outcome).attack
    return replace(outcome, shown=strongest if strongest in others else "target")


def _hindrances(kept: Mapping[str, Attack], answers: Answers) -> tuple[str, ...]:
    """Say why these attacks could miss a leak, whatever they find."""
    if answers.gives == "embeddings" and answers.models < LEAST_MODELS:
        return ("embeddings alone, without shadow encoders to compare with, show a leak only where it is plain",)
    return hindrances(list(kept.values()), answers.models) if answers.models > 1 else ()


def _compared(answers: Answers) -> bool:
    """Tell whether members are compared with held-out records without the model: they are known and may differ."""
    return answers.split != RANDOM and answers.features is not None and answers.attacked == 1


def _predicted(answers: Answers, units: np.ndarray | None, manner: Manner) -> np.ndarray | None:
    """Return what reference models say of each record, where it is compared and labels are known."""
    if not _compared(answers) or answers.labels is None or answers.features is None:
        return None
    held = (answers.population_features, answers.population_labels)
    population = None if held[0] is None or held[1] is None else (held[0], held[1])
    seed = derive(manner.seed, "reference")
    return reference_predictions(answers.features, answers.labels, answers.membership[0], units, seed, population)


def _detector(answers: Answers, truth: Truth, manner: Manner) -> tuple[dict[str, MembershipScores], str]:
    """Return the evidence of a detector that never asks the model, where the records are known and may differ.

    And why there is none where there should be; empty: there is, or none is asked for.
    """
    if not _compared(answers):
        return {}, ""
    seed, member = derive(manner.seed, NO_MODEL), truth.membership[0]
    looks = looks_like_a_member(answers.challenge.inputs(), member, truth.groups, seed, truth.predicted)
    if looks is not None:
        return {NO_MODEL: looks}, ""
    inside, outside = groups_of_each_side(member, truth.groups)
    what = ("record", "records") if truth.groups is None else ("group (dataset.group)", "groups (dataset.group)")
    few = f"members are {counted(inside, *what)}, held-out records {counted(outside, *what)}"
    return {}, f"whether members differ from held-out records without the model could not be checked: {few}"


def _not_compared(answers: Answers) -> tuple[str, ...]:
    """Say that members and held-out records may differ in kind, where no detector stands beside the attacks."""
    if answers.split == RANDOM or (answers.features is not None and answers.attacked == 1):
        return ()
    why = "nothing is known of the records themselves (features)"
    if answers.features is not None:
        why = f"{answers.attacked:,} models are attacked, and a detector judges one (victims=1)"
    what = "where they differ in kind (time, source, people), what an attack finds may be that difference and no memory"
    return (
        f"members and held-out records were not compared without the model, as {why}: {what}; "
        "scores.split=random says that chance alone decided who was a member",
    )


def _differ(outcome: Outcome) -> tuple[str, ...]:
    """Say that members differ from held-out records without the model, where the detector tells them apart."""
    found = outcome.scored.metrics.get(NO_MODEL, {}).get("auc")
    if found is None or not told_apart(found):
        return ()
    said = f"a detector that never asks it has AUC {interval(found)}"
    return (f"your members differ from your held-out records without the model: {said}",)


def _left_out(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """Say what could be asked if more were handed over, by reason; other kinds of answers go without saying."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if not reason.startswith(UNASKED):
            by_reason.setdefault(reason, []).append(name)
    return tuple(f"left out: {', '.join(names)}: {reason}" for reason, names in by_reason.items())
