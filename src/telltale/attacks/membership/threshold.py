"""Threshold attacks on one signal (Yeom et al. 2018; Salem et al. 2019; Song & Mittal 2021)."""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.shadow_attack import ShadowAttack, true_labels
from telltale.attacks.membership.signals import SIGNALS, WITHOUT_LABELS
from telltale.attacks.membership.thresholds import best_threshold, class_thresholds
from telltale.checks import choice
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class Threshold(ShadowAttack):
    """A point is a member if its signal reaches a threshold fixed on shadows.

    signal: loss | confidence | entropy | modified_entropy | largest | logit | gap (the last needs labels only);
    per_class: one threshold a class; scores are then the signal minus its class's threshold.
    """

    per_record = False

    def __init__(self, signal: str = "loss", per_class: bool = False) -> None:
        choice("attack.signal", signal, SIGNALS)
        self.name, self.per_class = signal, per_class
        self.uses_true_labels = per_class or signal not in WITHOUT_LABELS
        if signal == "gap":
            self.access = frozenset({"labels"})

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the signal of every point: (points,)."""
        if self.name == "gap":
            return (release.labels(knowledge.challenge) == true_labels(knowledge)).astype(float)
        labels = true_labels(knowledge) if self.uses_true_labels else np.empty(0, np.int64)
        return SIGNALS[self.name](release.probabilities(knowledge.challenge), labels)

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the signal as it is, whatever the thresholds of classes."""
        return signal

    def judge(
        self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray, knowledge: Knowledge
    ) -> tuple[np.ndarray, float]:
        """Shift the signal by its threshold, so that 0 and above is a member."""
        if not self.per_class:
            return target, best_threshold(shadows, members)
        labels, classes = true_labels(knowledge), len(knowledge.challenge.classes)
        return target - class_thresholds(shadows, members, labels, classes)[labels], 0.0
