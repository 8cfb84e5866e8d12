"""The threshold attacks on published predictions for Location-30 (inspire-group/membership-inference-evaluation).

Set LOCATION30_ROOT to a folder with dataset_location.tgz, shuffle_index.npz and
location_{target,shadow}_predictions.npz.
Rows of MemGuard's split: 0-999 members, 2000-2999 non-members, 3000-3499 and 4000-4499 inside and outside the shadow.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from telltale.attacks.membership.signals import SIGNALS
from telltale.attacks.membership.thresholds import areas, best_threshold, class_thresholds

ROOT = os.environ.get("LOCATION30_ROOT")
pytestmark = pytest.mark.skipif(not ROOT, reason="LOCATION30_ROOT names no folder with the published predictions")

CELLS = {
    ("tc_output", "gap"): 0.687,
    ("tc_output", "confidence"): 0.763,
    ("tc_output", "entropy"): 0.616,
    ("tc_output", "modified_entropy"): 0.781,
    ("defense_output", "gap"): 0.687,
    ("defense_output", "confidence"): 0.691,
    ("defense_output", "entropy"): 0.521,
    ("defense_output", "modified_entropy"): 0.688,
}


@dataclass(frozen=True)
class Published:
    """Probabilities with the labels and membership of their rows."""

    probabilities: dict[str, np.ndarray]
    labels: np.ndarray
    members: np.ndarray

    def scores(self, output: str, signal: str) -> np.ndarray:
        return SIGNALS[signal](self.probabilities[output], self.labels)


def read(root: Path, name: str, labels: np.ndarray) -> Published:
    with np.load(root / f"location_{name}_predictions.npz", allow_pickle=False) as kept:
        probabilities = {output: kept[output].astype(np.float64) for output in ("tc_output", "defense_output")}
    return Published(probabilities, labels, np.arange(len(labels)) < len(labels) // 2)


@pytest.fixture(scope="module")
def published() -> tuple[Published, Published]:
    root = Path(str(ROOT))
    with tarfile.open(root / "dataset_location.tgz") as tar:
        (member,) = (one for one in tar.getmembers() if one.isfile())
        stream = tar.extractfile(member)
        assert stream is not None
        rows = stream.read().decode().splitlines()
    with np.load(root / "shuffle_index.npz", allow_pickle=False) as kept:
        labels = np.array([int(row.split(",", 1)[0].strip('"')) - 1 for row in rows])[kept["x"]]
    target, shadow = (0, 2000, 1000), (3000, 4000, 500)
    parts = [np.concatenate([labels[a : a + n], labels[b : b + n]]) for a, b, n in (target, shadow)]
    return read(root, "target", parts[0]), read(root, "shadow", parts[1])


def attacked(target: Published, shadow: Published, output: str, signal: str, per_class: bool = True) -> float:
    """Fix thresholds on the shadow's predictions, return balanced accuracy on the target's."""
    scores, known = target.scores(output, signal), shadow.scores(output, signal)
    if signal == "gap" or not per_class:
        thresholds = np.full(len(scores), best_threshold(known, shadow.members))
    else:
        thresholds = class_thresholds(known[None], shadow.members[None], shadow.labels, 30)[target.labels]
    called = scores >= thresholds
    return float((called[target.members].mean() + (~called)[~target.members].mean()) / 2)


@pytest.mark.parametrize(("output", "signal"), CELLS)
def test_the_published_predictions_give_the_known_accuracies(
    published: tuple[Published, Published], output: str, signal: str
) -> None:
    """Catches a wrong formula, clamp, direction or threshold search: eight cells on outputs that others published."""
    assert attacked(*published, output, signal) == pytest.approx(CELLS[output, signal], abs=0.002)


@pytest.mark.parametrize(("output", "accuracy", "auc"), [("tc_output", 0.742, 0.870), ("defense_output", 0.687, 0.690)])
def test_one_threshold_for_all_classes_and_the_ranking_agree_too(
    published: tuple[Published, Published], output: str, accuracy: float, auc: float
) -> None:
    """Catches per-class thresholds that hide a ranking which is wrong between classes."""
    target, _ = published
    assert attacked(*published, output, "confidence", per_class=False) == pytest.approx(accuracy, abs=0.002)
    assert areas(target.scores(output, "confidence")[None], target.members[None])[0] == pytest.approx(auc, abs=0.002)
