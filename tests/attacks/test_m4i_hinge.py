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


def libsvm(points: np.ndarray, members: np.ndarray, penalty: float) -> float:
    """Return the objective that libsvm reaches."""
    from sklearn.svm import SVC

    machine = SVC(kernel="linear", C=penalty, tol=1e-6, max_iter=2_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine.fit(points, members)
    return objective(machine.coef_[0], float(machine.intercept_[0]), points, members, penalty)


@pytest.mark.parametrize("seed", range(12))
def test_no_plane_of_libsvm_has_a_lower_objective(seed: int) -> None:
    penalty, shift = (0.01, 1.0, 100.0)[seed % 3], (0, 0.05, 0.2, 0.8)[seed % 4]
    points, members = world(seed, (60, 400, 1000)[seed % 3], (3, 7)[seed % 2], shift)
    points = (points - points.mean(0)) / points.std(0)
    ours = objective(*fit_hinge(points, members, penalty), points, members, penalty)
    assert ours <= libsvm(points, members, penalty) * (1 + 1e-6)


@pytest.mark.parametrize("seed", [8, 16, 43, 75, 83, *range(100, 120)])
def test_with_the_released_penalty_no_plane_has_a_smaller_loss(seed: int) -> None:
    """Catches a search that gives up: few values, many ties, C = 1e5. The oracle: a linear programme."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    number, width = int(rng.choice([12, 40, 100, 300])), int(rng.choice([1, 3, 7]))
    digits, shift = int(rng.choice([1, 2, 3])), float(rng.choice([0, 0.02, 0.1, 0.4]))
    members = np.arange(number) % 2 == 0
    points = rng.normal(0.35, 0.12, (number, 1)) + rng.normal(0, 0.05, (number, width)) + shift * members[:, None]
    points = np.clip(points, 0, 1).round(digits)
    signed = np.where(members, 1, -1)[:, None] * np.column_stack([points, np.ones(number)])
    costs = np.append(np.zeros(width + 1), np.ones(number))
    sides = [(None, None)] * (width + 1) + [(0, None)] * number
    solved = linprog(costs, A_ub=-np.column_stack([signed, np.eye(number)]), b_ub=-np.ones(number), bounds=sides)
    plane = solved.x[: width + 1]
    best = objective(plane[:-1], float(plane[-1]), points, members, 1e5)
    assert objective(*fit_hinge(points, members, 1e5), points, members, 1e5) <= best * (1 + 1e-6)


def test_shift_and_scale_of_features_do_not_matter_to_the_search() -> None:
    points, members = world(3, 400, 3, 0.05)
    plain = objective(*fit_hinge(points, members, 1e5), points, members, 1e5)
    away = points + 1e4
    assert objective(*fit_hinge(away, members, 1e5), away, members, 1e5) == pytest.approx(plain, rel=1e-5)
    normal, offset = fit_hinge(points * [1, 1, 1e8], members, 1e5)
    assert objective(normal * [1, 1, 1e8], offset, points, members, 1e5) <= plain * (1 + 1e-5)


@pytest.mark.parametrize(
    ("value", "members"), [(np.nan, [True, False]), (np.inf, [True, False]), (1.0, [True, True]), (1.0, [False, False])]
)
def test_what_no_plane_can_part_is_refused(value: float, members: list[bool]) -> None:
    with pytest.raises(ValueError, match=r"finite|no point"):
        fit_hinge(np.array([[0.0], [value]]), np.array(members), 1.0)


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
    normal, offset = fit_hinge(points, members, 1e5)
    assert decision.score(points) == pytest.approx(points @ normal + offset)
    assert objective(normal, offset, points, members, 1e5) < objective(0 * normal, 1.0, points, members, 1e5)
