"""What shadow encoders teach: how hard each point is, which direction means "member", and where to draw the line."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache

import numpy as np

from telltale.attacks.membership.thresholds import areas, best_threshold

log = logging.getLogger("telltale")


@dataclass(frozen=True)
class Judged:
    """Scores of one victim, (points,), higher = member; threshold: the one that is best on its shadows."""

    scores: np.ndarray
    threshold: float


def judge(target: np.ndarray, shadows: np.ndarray, members: np.ndarray, calibrated: bool, ridge: float = 1.0) -> Judged:
    """Score a victim with what holds for its shadows, each of which plays the victim for the others.

    target: (points, signals); shadows: (shadows, points, signals); members: (shadows, points) bool. One signal is
    taken with the sign that fits the shadows, several are weighed by logistic regression on them. Every encoder's
    signals are standardised over the points, which all encoders share: scores of several victims compare.
    """
    if calibrated:
        target, shadows = target - shadows.mean(0), calibrated_by_peers(shadows, peers(members))
    target, shadows = standardised(target), standardised(shadows)
    if target.shape[1] == 1:
        weights = sign(shadows[..., 0], members)[None]
    else:
        weights = logistic_weights(shadows, members, ridge)
    return Judged(target @ weights, best_threshold(shadows @ weights, members))


def peers(members: np.ndarray) -> np.ndarray:
    """Tell which shadows may calibrate which: not itself, nor the one with exactly the other members.

    members: (shadows, points) bool -> (shadows, shadows) bool. Where that leaves a shadow no peer, each is calibrated
    by all but itself, and a log line says so, once a process.
    """
    others = ~np.eye(len(members), dtype=bool)
    complement = (members[:, None] != members[None]).all(2)
    allowed = others & ~complement
    if allowed.any(1).all():
        return allowed
    _say_too_few(len(members))
    return others


@cache
def _say_too_few(shadows: int) -> None:
    log.info(
        f"embedding_membership: with {shadows} shadow encoders, its complement calibrates each one, or none would; "
        "victims=6 are enough to leave it out"
    )


def calibrated_by_peers(signals: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Subtract from each encoder's signals their mean over its peers: (models, points, signals)."""
    weights = allowed / allowed.sum(1, keepdims=True)
    return signals - np.einsum("st,tpf->spf", weights, signals)


def standardised(signals: np.ndarray) -> np.ndarray:
    """Give each signal mean 0 and spread 1 over points: (…, points, signals)."""
    spread = signals.std(-2, keepdims=True)
    return (signals - signals.mean(-2, keepdims=True)) / np.where(spread > 0, spread, 1)


def sign(scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return +1. or -1.: whether members score higher or lower in the average shadow."""
    return np.where(areas(scores, members).mean() >= 0.5, 1.0, -1.0)


def logistic_weights(signals: np.ndarray, members: np.ndarray, ridge: float) -> np.ndarray:
    """Fit member against non-member on all shadows' standardised signals: (models, points, signals) -> (signals,)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / ridge, fit_intercept=False, max_iter=1000)
    return model.fit(signals.reshape(-1, signals.shape[2]), members.ravel()).coef_[0]
