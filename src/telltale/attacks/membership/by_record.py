"""Base of attacks without shadow models: one release, and held-out records that it was not trained on.

The held-out records (`population`) are no challenge points: they were set apart before any score was looked at, so what
is learned from them knows nothing of the membership it is to tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.membership.signals import SIGNALS, WITHOUT_LABELS
from telltale.checks import choice
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release

SMALLEST = 1e-12  # error of which a logarithm is taken
LEAST_POPULATION = 10  # held-out records below which a share of them says nothing
REAL, LOG_REAL = "error", "log_error"  # the signals of a release that predicts a real value
OF_VALUES = (REAL, LOG_REAL)
OF_RELEASE = (*SIGNALS, *OF_VALUES)


class ByRecord(Attack):
    """Base of attacks that ask one release about each record; a subclass says how it scores (`judge`).

    signal: what is read off an answer, of `signals`; error = minus the absolute error of a real-valued prediction,
    log_error = minus its logarithm, the same order on a scale where how hard a record is adds up.
    """

    accepts = frozenset({"images", "table", "molecules", "text"})
    needs_population = False

    def __init__(self, signal: str = "loss") -> None:
        self.signal = choice("attack.signal", signal, OF_RELEASE)
        calls = {**dict.fromkeys(OF_VALUES, "values"), "gap": "labels"}
        self.access = frozenset({calls.get(signal, "probabilities")})
        self.uses_true_labels = signal not in WITHOUT_LABELS

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return a score of every challenge point, higher = member: (points,)."""
        raise NotImplementedError

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, points without what the signal is read at, and too few held-out records."""
        name = type(self).__name__
        if self.uses_true_labels and knowledge.challenge.labels is None:
            raise InputError("dataset.label", "null", f"{name} reads the answer at each point's true label; give it")
        if self.needs_population and (number := len(knowledge.population)) < LEAST_POPULATION:
            expected = f"needs held-out records that are no challenge points, {LEAST_POPULATION} at least"
            raise InputError("target.population", number, expected)

    def run(self, world: World) -> MembershipScores:
        """Score every point of each release."""
        scores = np.stack([self.judge(release, world.knowledge) for release in world.releases])
        return MembershipScores(scores, alone=scores)

    def read(self, release: Release, records: Any) -> np.ndarray:
        """Return the signal of each record, higher = member: (records,)."""
        if self.signal in OF_VALUES:
            error = np.abs(release.values(records) - records.labels)
            return -error if self.signal == REAL else -np.log(np.maximum(error, SMALLEST))
        if self.signal == "gap":
            return np.asarray(release.labels(records) == records.labels, dtype=float)
        labels = records.labels if self.uses_true_labels else np.empty(0, np.int64)
        return SIGNALS[self.signal](release.probabilities(records), labels)


class Plain(ByRecord):
    """The signal itself (Yeom et al. 2018; Salem et al. 2019; Song & Mittal 2021), without a threshold."""

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the signal of every point."""
        return self.read(release, knowledge.challenge)
