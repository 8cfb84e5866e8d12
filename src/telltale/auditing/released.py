"""Audit a model that exists: ask it about members and held-out records, and judge what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from telltale.auditing.input_views import InputViews
from telltale.auditing.labels import fitting
from telltale.auditing.population import set_apart
from telltale.auditing.sides import apart
from telltale.auditing.twins import require_no_twin
from telltale.data.given import Given
from telltale.data.plain_numbers import numbers_of
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.game.answers import RANDOM, UNKNOWN, Answers
from telltale.targets.own_training import Training
from telltale.targets.shadows import Shadows, Table
from telltale.targets.target import Target

TIERS = (
    "the first of three tiers, the model alone",
    "the second of three tiers, shadow models that are there",
    "the third of three tiers, shadow models made for this audit",
)
VIEWS = 4  # changed copies of each record that an encoder is asked about
NEXT = "more is found beside models trained alike: target.train=train.py:fit, or target.shadows=… of target=torch"
STAND_IN = "; without your code, target.stand_in=true"  # of what our recipes give


@dataclass(frozen=True)
class Asked:
    """What was asked of a target.

    answers    of the target about members and held-out records, and about the population
    challenge  the records judged, in the order of the answers
    success    how well the target does its own task, by name
    table      what an attacker holds of the records: all but the membership
    notes      what there is to tell of members and held-out records, and of shadow models
    """

    answers: Answers
    challenge: Given
    success: dict[str, float]
    table: Table
    notes: tuple[str, ...] = ()


def ask(target: Target, given: Given, seed: int) -> Asked:
    """Ask a target about records of which some are its members.

    A share of the held-out records is set apart, of which the attacker knows that they are none; they are no challenge
    points. Neither are records that occur more than once. The order of the points is drawn, so that it says nothing of
    membership.
    Raises InputError where membership is not said.
    """
    if given.member is None:
        raise InputError(
            "dataset.members", "null", "which records the model was trained on: a column, or a file of ids"
        )
    features, seen = (given.features, ()) if given.features is not None else numbers_of(given.inputs)
    whole = replace(fitting(given, target.gives), features=features)
    rows, notes = apart(whole)
    given = whole.take(rows)
    assert given.member is not None
    known = set_apart(given, target.population, generator(seed, "population"))
    held, rest = known.held, np.ones(len(given), bool)
    rest[np.concatenate([held, known.aside])] = False
    points = generator(seed, "challenge").permutation(np.flatnonzero(rest))
    everything = np.concatenate([points, held])
    order = generator(seed, "asking").permutation(len(everything))  # no batch is all of one kind
    mixed = given.take(everything[order])
    asked = target.ask(mixed.inputs, given.classes, mixed.ids)[np.argsort(order)]
    challenge, others = given.take(points), given.take(held)
    copies = InputViews(derive(seed, "views"), VIEWS) if target.gives == "embeddings" and target.asks_copies else None
    said = target.with_copies(asked[: len(points)], challenge.inputs, challenge.ids, copies)
    answers = Answers(
        target.gives,
        said[None],
        challenge.member[None],  # type: ignore[index]
        given.source,
        labels=challenge.labels,
        classes=given.classes,
        population=asked[None, len(points) :] if len(held) else None,
        population_labels=others.labels if len(held) else None,
        ids=challenge.ids,
        groups=None if challenge.groups is None else np.unique(challenge.groups, return_inverse=True)[1],
        features=challenge.features,
        population_features=others.features if len(held) else None,
        split=RANDOM if target.random else UNKNOWN,
    )
    unsaid, unsaid_others = (replace(part, member=None) for part in (challenge, others))
    table = Table(unsaid, rows[points], len(whole), unsaid_others, seed, copies)
    if said.ndim == 3:
        notes = (*notes, f"asked about {said.shape[1] - 1} changed copies of each record judged, too")
    return Asked(answers, challenge, success_of(answers), table, (*notes, *known.notes, *seen, *target.told))


def with_shadows(target: Target, asked: Asked, stand_in: Callable[[Table, str], Shadows] | None = None) -> Asked:
    """Put shadow models beside a target: those that the user has, or those that the user's code trains.

    They reach the attacks with what each was trained on; of the target's own membership nothing reaches them. Without
    either, how to have some is said. stand_in: trains models of another kind in their place.
    """
    shadows, training, tier = target.own_shadows(asked.table), training_of(target), 1
    if shadows is None and training is not None:
        shadows, tier = training.shadows(asked.table, target.gives, target.batch_size, target.store), 2
    if shadows is None and stand_in is not None:
        shadows, tier = stand_in(asked.table, target.gives), 2
    if shadows is None:
        stood_in_for = STAND_IN if asked.answers.classes and target.gives in ("probabilities", "labels") else ""
        return replace(asked, notes=(f"{TIERS[0]}; {NEXT}{stood_in_for}", *asked.notes))
    answers = asked.answers
    if shadows.answers.shape[2:] != answers.answers.shape[2:]:
        ours, theirs = (" x ".join(map(str, of.shape[2:])) for of in (answers.answers, shadows.answers))
        raise InputError(
            *shadows.named[0], f"answers with {theirs} numbers a record, and the model audited with {ours}"
        )
    together = replace(
        answers,
        answers=np.concatenate([answers.answers, shadows.answers]),
        membership=np.concatenate([answers.membership, shadows.membership]),
        population=None if answers.population is None else np.concatenate([answers.population, shadows.population]),
        victims=1,
    )
    require_no_twin(together, shadows.named)
    said = (
        f"{TIERS[tier]}: {shadows.told}; the model audited was trained on {int(answers.membership[0].sum()):,} of them"
    )
    return replace(asked, answers=together, notes=(said, *asked.notes))


def training_of(target: Target) -> Training | None:
    """Return the user's training code; None where none is named. Raises InputError for code that is not there."""
    options = target.training
    return None if options.train is None else Training(options.train, options.models, options.processes)


def success_of(answers: Answers) -> dict[str, float]:
    """Measure how well the target does its own task, on held-out records and, under `train_…`, on members."""
    if answers.labels is None:
        return {}
    inside, said, labels = answers.membership[0], answers.answers[0], answers.labels
    measured: dict[str, Any] = {}
    for prefix, rows in (("", ~inside), ("train_", inside)):
        if answers.gives == "values":
            measured[f"{prefix}mean_absolute_error"] = float(np.abs(said[rows] - labels[rows]).mean())
        elif answers.gives in ("probabilities", "labels"):
            named = said.argmax(-1) if answers.gives == "probabilities" else said
            measured[f"{prefix}accuracy"] = float((named[rows] == labels[rows]).mean())
    return measured
