"""Distance to the nearest published synthetic row as a membership score: an attack on the rows, not on the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides, true_labels
from telltale.checks import choice, yes_or_no
from telltale.game.world import Knowledge
from telltale.owner.release import Release
from telltale.training.batches import make_batch

CALIBRATIONS = ("none", "difference", "likelihood_ratio")


class NearestSynthetic(ShadowAttack):
    """s(x) = −min over published rows x̃ of ‖x − x̃‖₂: a record whose twin is among them has one nearby.

    own_label: look at rows of the record's own class only, all of them where there is none; calibration: none |
    difference = less the mean of s in shadows without the point | likelihood_ratio = LiRA's, one variance a side
    for all points. Shadow rows are made by the owner's defence, anew for each shadow.
    """

    access = frozenset({"published_records"})
    accepts = frozenset({"images", "table"})
    uses_true_labels = True

    def __init__(self, own_label: bool = True, calibration: str = "none") -> None:
        yes_or_no("attack.own_label", own_label)
        choice("attack.calibration", calibration, CALIBRATIONS)
        self.own_label, self.calibration = own_label, calibration

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows."""
        super().check(knowledge)
        if self.calibration != "none":
            require_sides(
                self, knowledge, knowledge.fewest[1:] if self.calibration == "difference" else knowledge.fewest
            )

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return minus the distance of every point to the nearest row: (points,)."""
        published: Any = release.published_records()
        points, rows = _flat(knowledge.challenge), _flat(published)
        if not self.own_label:
            return -nearest(points, rows)
        distances, labels = np.empty(len(points)), true_labels(knowledge)
        for label in np.unique(labels):
            of_class = labels == label
            same = published.labels == label
            distances[of_class] = nearest(points[of_class], rows[same] if same.any() else rows)
        return -distances

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return the signal of every point as it is calibrated."""
        if self.calibration == "none":
            return target
        if self.calibration == "likelihood_ratio":
            return likelihood_ratio(target[:, None], shadows[..., None], members, variance="pooled_per_side")
        outside = ~members
        return target - (shadows * outside).sum(0) / outside.sum(0)


def nearest(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return each point's Euclidean distance to the nearest row: (points, features), (rows, features) -> (points,)."""
    squares = np.square(points).sum(1)[:, None] - 2 * points @ rows.T + np.square(rows).sum(1)
    return np.sqrt(np.maximum(squares.min(1), 0))


def _flat(records: Any) -> np.ndarray:
    inputs: np.ndarray = make_batch(records.arrays(), np.arange(len(records))).flatten(1).numpy().astype(np.float64)
    return inputs
