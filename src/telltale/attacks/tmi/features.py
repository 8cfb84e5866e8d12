"""What TMI's metaclassifiers see of a probability vector (Abascal et al. 2024, released code).

φ_c = log(p_c + 1e-15) − log(1 − p_c + 1e-15)        clipped: φ / max(1, ‖φ‖₂)
standardised: (φ − mean) / deviation, of each point and class over the shadows' answers
"""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.signals import class_logits
from telltale.defenses.top_k_only import top_k

FLOOR = 1e-15  # the authors'
FEATURES = ("clipped", "standardised")


def logits(probabilities: np.ndarray, kept: int | None = None) -> np.ndarray:
    """Return φ of every class: the same shape. kept: of so many largest p only, the others share the rest; None = all.

    The rest of each, (1 − Σ kept p) / (C − k), is the mean of the p that are not kept.
    """
    if kept is not None:
        probabilities = top_k(probabilities.reshape(-1, probabilities.shape[-1]), kept).reshape(probabilities.shape)
    return class_logits(probabilities, FLOOR)


def clipped(logits: np.ndarray) -> np.ndarray:
    """Scale vectors longer than 1 to length 1: (…, classes) -> the same."""
    shrunk: np.ndarray = logits / np.maximum(1, np.linalg.norm(logits, axis=-1, keepdims=True))
    return shrunk


def prepared(target: np.ndarray, shadows: np.ndarray, features: str) -> tuple[np.ndarray, np.ndarray]:
    """Make rows to learn from (points, shadows · queries, classes) and queries (…, points, queries, classes), float32.

    target: (…, points, queries, classes) φ of one target or several; shadows: (shadows, points, queries, classes). Row
    s · queries + a is the answer of shadow s to query a.
    """
    if features == "clipped":
        target, shadows = clipped(target), clipped(shadows)
    else:
        centre, spread = shadows.mean((0, 2))[:, None], shadows.std((0, 2))[:, None]
        spread = np.where(spread > 0, spread, 1)
        target, shadows = (target - centre) / spread, (shadows - centre) / spread
    rows = np.moveaxis(shadows.astype(np.float32), 0, 1).reshape(shadows.shape[1], -1, shadows.shape[3])
    return rows, target.astype(np.float32)
