"""A linear support vector machine of few features, solved in the primal: seconds become milliseconds.

libsvm, which the released code calls, takes one pair of points at a step; of thousands of points that overlap, with
C = 1e5, it was not done after millions of steps.
"""

from __future__ import annotations

import numpy as np

SHRINK = 0.5  # of the smoothing, from one stage to the next
FINEST = 1e-7  # smoothing of the last stage, or just above: the objective is off by C n FINEST at most
STEPS = 100  # of Newton in a stage, where a few are enough
HALVINGS = 100  # of one step: with no point near the margin nothing bends, and steps are far too long at first
FLAT = 1e-12  # added to the curvature, which has none along the intercept where no point is near the margin


def fit_hinge(points: np.ndarray, members: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Minimise ‖w‖² / 2 + C Σ max(0, 1 − y (w·x + b)); returns w (width,) and b.

    points: (n, width) float; members: (n,) bool, y is 1 or −1; penalty: C. The hinge is made smooth over a width h,
    max(0, z) ≈ z² / 2h for 0 ≤ z ≤ h and z − h / 2 above (Chapelle 2007), which Newton's method solves for one h after
    the other, each from the solution before. Inside, columns have mean 0 and deviation 1, and the penalty on w is
    scaled with them. ValueError for values that are not finite, and where one side has no point.
    """
    if not np.isfinite(points).all():
        raise ValueError("features of members and others are not all finite")
    if members.all() or not members.any():
        raise ValueError("one side has no point")
    centre, spread = points.mean(0), points.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    signed = np.where(members, 1.0, -1.0)[:, None] * np.column_stack([(points - centre) / spread, np.ones(len(points))])
    ridge = np.append(spread**-2.0, 0.0) / (penalty * len(points))  # all is divided by C n
    plane = np.zeros(signed.shape[1])
    width = 1.0
    while width >= FINEST:
        plane = _newton(signed, ridge, plane, width)
        width *= SHRINK
    normal = plane[:-1] / spread
    return normal, float(plane[-1] - normal @ centre)


def _newton(signed: np.ndarray, ridge: np.ndarray, plane: np.ndarray, width: float) -> np.ndarray:
    """Minimise the mean of smooth hinges with a ridge, from `plane` on."""
    lacking = 1 - signed @ plane
    height = _height(lacking, ridge, plane, width)
    for _ in range(STEPS):
        slope = ridge * plane - np.clip(lacking / width, 0, 1) @ signed / len(signed)
        bent = signed[(lacking >= 0) & (lacking <= width)]
        curvature = bent.T @ bent / (width * len(signed)) + np.diag(ridge + FLAT)
        step = np.linalg.lstsq(curvature, slope, rcond=None)[0]
        expected, share = float(slope @ step), 1.0
        if expected <= 1e-14 * height:
            break
        for _ in range(HALVINGS):
            trial = plane - share * step
            below = 1 - signed @ trial
            reached = _height(below, ridge, trial, width)
            if reached <= height - 1e-4 * share * expected:
                break
            share /= 2
        else:
            break
        plane, lacking, height = trial, below, reached
    return plane


def _height(lacking: np.ndarray, ridge: np.ndarray, plane: np.ndarray, width: float) -> float:
    inside = np.clip(lacking, 0, width)
    return float(0.5 * ridge @ plane**2 + np.mean(inside**2 / (2 * width) + np.maximum(lacking - width, 0)))
