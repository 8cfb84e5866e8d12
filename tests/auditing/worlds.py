"""Models made up for tests: what they remember is known, and so is how members differ without them."""

from __future__ import annotations

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.membership.by_record import Plain
from telltale.attacks.membership.population import Population
from telltale.game.answers import Answers

POINTS = 600
ERROR: dict[str, Attack] = {"error": Plain("error"), "population": Population("error")}


def of_values(memory: float, shift: float, seed: int = 0, points: int = POINTS) -> Answers:
    """Return real-valued predictions whose error is `memory` times smaller on members, 0 = nothing remembered.

    shift: by how many deviations members differ in their features; larger features have larger errors, so members are
    found without any memory where they differ.
    """
    rng = np.random.default_rng(seed)
    member = np.arange(points) % 2 == 0
    features = rng.normal(size=(points, 4)).astype(np.float32)
    features[:, 0] -= shift * member
    held = rng.normal(size=(points // 2, 4)).astype(np.float32)

    def predicted(of: np.ndarray, remembered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = of[:, 1].astype(float)
        return values, values + rng.normal(size=len(of)) * np.exp(of[:, 0]) * (1 - memory * remembered)

    labels, answers = predicted(features, member)
    labels_held, answers_held = predicted(held, np.zeros(len(held)))
    return Answers(
        "values",
        answers[None],
        member[None],
        "made up",
        labels=labels,
        population=answers_held[None],
        population_labels=labels_held,
        features=features,
        population_features=held,
    )
