"""Audit a model that exists: ask it about members and held-out records, and judge what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.auditing.sides import apart
from telltale.data.given import Given, numbers_of
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.game.answers import Answers
from telltale.targets.target import Target


@dataclass(frozen=True)
class Asked:
    """What was asked of a target.

    answers    of the target about members and held-out records, and about the population
    challenge  the records judged, in the order of the answers
    success    how well the target does its own task, by name
    notes      what there is to tell of members and held-out records
    """

    answers: Answers
    challenge: Given
    success: dict[str, float]
    notes: tuple[str, ...] = ()


def ask(target: Target, given: Given, seed: int) -> Asked:
    """Ask a target about records of which some are its members.

    A share of the held-out records is set apart, of which the attacker knows that they are none; they are no challenge
    points. Neither are those that equal a member. The order of the points is drawn, so that it says nothing of
    membership.
    Raises InputError where membership is not said.
    """
    if given.member is None:
        raise InputError(
            "dataset.members", "null", "which records the model was trained on: a column, or a file of ids"
        )
    given, notes = apart(given)
    assert given.member is not None
    rng = generator(seed, "population")
    outside = rng.permutation(np.flatnonzero(~given.member))
    held = _with_groups(given, outside[: int(target.population * len(outside))])
    rest = np.ones(len(given), bool)
    rest[held] = False
    points = generator(seed, "challenge").permutation(np.flatnonzero(rest))
    everything = np.concatenate([points, held])
    asked = target.ask(given.take(everything).inputs, given.classes, given.ids[everything])
    challenge, others = given.take(points), given.take(held)
    features = numbers_of(given.inputs) if given.features is None else given.features
    answers = Answers(
        target.gives,
        asked[None, : len(points)],
        challenge.member[None],  # type: ignore[index]
        given.source,
        labels=challenge.labels,
        classes=given.classes,
        population=asked[None, len(points) :] if len(held) else None,
        population_labels=others.labels if len(held) else None,
        ids=challenge.ids,
        groups=None if challenge.groups is None else np.unique(challenge.groups, return_inverse=True)[1],
        features=None if features is None else features[points],
        population_features=None if features is None or not len(held) else features[held],
    )
    return Asked(answers, challenge, success_of(answers), notes)


def _with_groups(given: Given, held: np.ndarray) -> np.ndarray:
    """Keep those whose group has no record left among the challenge points: groups stay on one side."""
    if given.groups is None:
        return held
    outside = np.setdiff1d(np.arange(len(given)), held)
    return held[~np.isin(given.groups[held], given.groups[outside])]


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
