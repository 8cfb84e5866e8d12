"""The plane between members and others: as good as libsvm's where that converges, in a fraction of the time."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

from telltale.attacks.m4i.decisions import by_linear_svm
from telltale.attacks.m4i.hinge import fit_hinge


def world(seed: int, number: int, width: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw features like ROUGE's: in [0, 1], alike to each other, with many ties."""
    rng = np.random.default_rng(seed)
    members = np.arange(number) % 2 == 0
    points = rng.normal(0.35, 0.12, (number, 1)) + rng.normal(0, 0.05, (number, width)) + shift * members[:, None]
    return np.clip(points, 0, 1).round(2), members


def objective(normal: np.ndarray, offset: float, points: np.ndarray, members: np.ndarray, penalty: float) -> float:
    signs = np.where(members, 1, -1)
    return float(0.5 * normal @ normal + penalty * np.maximum(0, 1 - signs * (points @ normal + offset)).sum())


@pytest.mark.parametrize("seed", range(12))
def test_no_plane_of_libsvm_has_a_lower_objective(seed: int) -> None:
    penalty, shift = (0.01, 1.0, 100.0)[seed % 3], (0, 0.05, 0.2, 0.8)[seed % 4]
    points, members = world(seed, (60, 400, 1000)[seed % 3], (3, 7)[seed % 2], shift)
    points = (points - points.mean(0)) / points.std(0)
    from sklearn.svm import SVC

    machine = SVC(kernel="linear", C=penalty, tol=1e-6, max_iter=3_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine.fit(points, members)
    theirs = objective(machine.coef_[0], float(machine.intercept_[0]), points, members, penalty)
    ours = objective(*fit_hinge(points, members, penalty), points, members, penalty)
    assert ours <= theirs * (1 + 1e-6)


def test_two_points_are_parted_in_the_middle() -> None:
    normal, offset = fit_hinge(np.array([[0.0], [2.0]]), np.array([False, True]), 1e5)
    assert normal == pytest.approx([1.0], abs=1e-4)  # margin 2 / |w| = 2, by hand
    assert offset == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize("points", [np.zeros((6, 3)), np.ones((4, 1))])
def test_points_that_are_all_alike_part_nobody(points: np.ndarray) -> None:
    normal, offset = fit_hinge(points, np.arange(len(points)) % 2 == 0, 1e5)
    assert np.isfinite([*normal, offset]).all()
    assert normal == pytest.approx(0, abs=1e-3)


def test_thousands_of_points_that_overlap_take_no_time_with_the_released_penalty() -> None:
    """Catches a solver that takes pairs: libsvm needs half a minute and is not done."""
    points, members = world(0, 6400, 3, 0.004)
    began = time.process_time()
    decision = by_linear_svm(points, members, 1e5, scaled=False)
    assert time.process_time() - began < 5
    assert np.isfinite(decision.score(points)).all()
