"""Log-density of normal distributions in several dimensions, one a point, some of which may be singular."""

from __future__ import annotations

import numpy as np

SINGULAR = 1e6 * np.finfo(float).eps  # of the largest variance: what is below counts as 0, as scipy has it


def log_normal(values: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log-density (points,); along directions in which the covariance is 0, as scipy cuts them, none is counted.

    values, mean: (points, queries), a mean NaN where it is not known, which is the density of that point then;
    covariance: (points, queries, queries). By Cholesky where no direction is near to being cut, ten times as fast.

    >>> log_normal(np.array([[1.0, 5.0]]), np.zeros((1, 2)), np.array([[[4.0, 0.0], [0.0, 0.0]]])).round(3)  # N(0, 2²)
    array([-1.737])
    """
    known = np.isfinite(mean).all(1)
    covariance = np.where(known[:, None, None], covariance, 0)
    densities, regular = _by_cholesky(values - mean, covariance)
    rest = known & ~regular
    if rest.any():
        densities[rest] = _by_axes((values - mean)[rest], covariance[rest])
    return np.where(known, densities, np.nan)


def _by_cholesky(residual: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log-densities, and for which points they hold: where surely no variance is to be cut, (points,) each.

    With C = L Lᵀ the least variance is at least 1 / ‖L⁻¹‖², the largest at most the trace of C. All points take each
    step together: queries are few.
    """
    queries = residual.shape[1]
    rest = np.ascontiguousarray(np.moveaxis(covariance, 0, -1))  # (queries, queries, points)
    trace = np.einsum("qqp->p", rest)
    solved = np.zeros((queries, queries + 1, residual.shape[0]))  # L⁻¹, and behind it L⁻¹ residual
    solved[np.arange(queries), np.arange(queries)] = 1
    solved[:, -1] = residual.T
    log_determinant = np.zeros(len(residual))
    with np.errstate(all="ignore"):  # what is singular is not used
        for k in range(queries):
            pivot = np.sqrt(rest[k, k])
            log_determinant += 2 * np.log(pivot)
            solved[k] /= pivot
            below = rest[k + 1 :, k] / pivot
            rest[k + 1 :, k + 1 :] -= below[:, None] * below
            solved[k + 1 :] -= below[:, None] * solved[k]
        squares = np.square(solved[:, -1]).sum(0)
        least = 1 / np.square(solved[:, :-1]).sum((0, 1))
        densities = -(squares + log_determinant + queries * np.log(2 * np.pi)) / 2
    return densities, least > 2 * SINGULAR * trace


def _by_axes(residual: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return log-densities (points,), counted along the axes whose variance is not 0."""
    variances, axes = np.linalg.eigh(covariance)
    kept = variances > SINGULAR * np.abs(variances).max(1, keepdims=True)
    along = np.einsum("pq,pqk->pk", residual, axes)
    variances = np.where(kept, variances, 1)
    return -np.where(kept, np.square(along) / variances + np.log(2 * np.pi * variances), 0).sum(1) / 2
