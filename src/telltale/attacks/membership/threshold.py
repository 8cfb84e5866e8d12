"""Threshold attacks on one signal (Yeom et al. 2018; Salem et al. 2019; Song & Mittal 2021)."""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.kept import Judged, Signals
from telltale.attacks.membership.language_model import LOG_PROBS
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.shadow_attack import ShadowAttack, in_order, true_labels
from telltale.attacks.membership.signals import SIGNALS, WITHOUT_LABELS
from telltale.attacks.membership.text_threshold import TextThreshold
from telltale.attacks.membership.thresholds import all_class_thresholds, best_thresholds
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

    def against(self, answers: frozenset[str], before: frozenset[str]) -> ShadowAttack:
        """Read texts where a language model is released: of these signals it has the loss alone."""
        return TextThreshold() if self.name == "loss" and LOG_PROBS in answers else self

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the signal of every point: (points,)."""
        if self.name == "gap":
            return (release.labels(knowledge.challenge) == true_labels(knowledge)).astype(float)
        labels = true_labels(knowledge) if self.uses_true_labels else np.empty(0, np.int64)
        return SIGNALS[self.name](release.probabilities(knowledge.challenge), labels)

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the signal as it is, whatever the thresholds of classes."""
        return signal

    def judge_all(self, signals: Signals, knowledge: Knowledge) -> Judged:
        """Fix each victim's threshold on its shadows; by class, signals are shifted so that 0 and above is a member."""
        return in_order(self._judged(panels, knowledge) for panels in Panels.of(signals, self.least_shadows))

    def _judged(self, panels: Panels, knowledge: Knowledge) -> Judged:
        shadows, members, of_panel = np.stack(panels.signals), panels.members, panels.panel_of[: panels.victims]
        victims, (those, of_victim) = (
            np.stack(panels.targets[: panels.victims]),
            np.unique(of_panel, return_inverse=True),
        )
        outs = [panels.outs[panel] for panel in those]
        if not self.per_class:
            return victims, best_thresholds(shadows, members, outs)[of_victim]
        labels, classes = true_labels(knowledge), len(knowledge.challenge.classes)
        lines = all_class_thresholds(shadows, members, labels, classes, outs)[of_victim]
        return victims - lines[:, labels], np.zeros(panels.victims)
