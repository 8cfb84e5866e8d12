"""What a grown molecule is worth (paper, section 3.3): nothing here knows what is in the training data."""

from __future__ import annotations

import numpy as np

DISCOUNT = 0.99
VALENCY = 0.05


def returns(step_scores: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Reward = Σ_i 0.99^i Score(Ĝ_{i-1}, M_{i-1}, Ĝ_i) + 0.05 for each step that keeps valency: (molecules,).

    step_scores  (molecules, steps) of steps 1, 2, …, NaN where no step was taken
    valid        (molecules, steps) bool, the step was taken and its molecule exists

    >>> round(float(returns(np.array([[1.0, 0.5]]), np.array([[True, True]]))[0]), 5)
    1.58005
    """
    return (delayed(step_scores) + intermediate(valid)).sum(1)


def delayed(step_scores: np.ndarray) -> np.ndarray:
    """Return β_i Score_i with β_i = 0.99^i, i = 1, 2, …; 0 where no step was taken: (molecules, steps)."""
    discounts = DISCOUNT ** np.arange(1, step_scores.shape[1] + 1)
    return np.where(np.isnan(step_scores), 0.0, discounts * step_scores)


def intermediate(valid: np.ndarray) -> np.ndarray:
    """Return δ = 0.05 for each step whose molecule obeys the valency rule, else 0: (molecules, steps)."""
    return VALENCY * np.asarray(valid, dtype=float)
