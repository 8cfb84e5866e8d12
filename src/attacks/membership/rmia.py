"""RMIA, the robust membership inference attack (Zarifzadeh, Liu & Shokri, ICML 2024)."""

from __future__ import annotations

import numpy as np

from src.attacks.membership.shadow_attack import ShadowAttack, true_labels, unrelated
from src.attacks.membership.signals import true_class
from src.errors import InputError
from src.game import Knowledge
from src.training.release import Release

OFFLINE_GRID = np.arange(11) / 10  # a of eq. 10, as the authors' library searches it


class RMIA(ShadowAttack):
    """Share of population points z that the target separates from x by more than γ, relative to reference models.

    ratio(x) = p(x|θ) / p(x),  LR(x, z) = ratio(x) / ratio(z),  score(x) = share of z with LR(x, z) > γ  (eqs. 2, 4)
    online:  p(x) = (mean over reference models with x + mean over those without) / 2
    offline: p(x) = ((1 + a) · mean over those without + (1 − a)) / 2, a tuned on shadows in the target's part

    p(·|θ) is the probability of the true class; z: the `population` pool, which no model was trained on.
    """

    def __init__(self, online: bool = True, gamma: float = 1.0) -> None:
        if not gamma > 0:
            raise InputError("attack.gamma", gamma, "above 0")
        self.online, self.gamma = online, gamma

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows, and a missing population."""
        super().check(knowledge)
        if len(knowledge.population) < 1:
            raise InputError("pools.population", len(knowledge.population), "RMIA compares with at least 1 record")

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return p(·|θ) of all points, then of the population: (points + population,)."""
        population = knowledge.population
        points = true_class(release.probabilities(knowledge.challenge), true_labels(knowledge))
        return np.concatenate([points, true_class(release.probabilities(population), population.labels)])

    def score(self, target: np.ndarray, shadows: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the share of z that each point beats."""
        offset = 0.0 if self.online else self._tuned(shadows, rows)
        return self._score(target, shadows, rows, offset)

    def _score(self, target: np.ndarray, shadows: np.ndarray, rows: np.ndarray, offset: float) -> np.ndarray:
        points = rows.shape[1]
        marginal = marginal_probability(shadows, rows, self.online, offset)
        ratio = target / np.maximum(marginal, 1e-300)
        beaten = np.sort(ratio[points:] * self.gamma)  # LR(x, z) > γ  ⇔  γ ratio(z) < ratio(x)
        return np.searchsorted(beaten, ratio[:points], side="left") / len(beaten)

    def _tuned(self, shadows: np.ndarray, rows: np.ndarray) -> float:
        """Choose a by the AUC of the first shadow judged by the others (the authors tune on one paired model)."""
        others = unrelated(rows, 0)
        others = others if others.any() else np.arange(len(rows)) > 0
        found = [self._score(shadows[0], shadows[others], rows[others], a) for a in OFFLINE_GRID]
        return float(OFFLINE_GRID[np.argmax([rank_auc(score, rows[0]) for score in found])])


def marginal_probability(shadows: np.ndarray, rows: np.ndarray, online: bool, offset: float = 0.0) -> np.ndarray:
    """Estimate p(x) from reference models: shadows (shadows, points + population), rows (shadows, points) -> (…,).

    offset: a of the offline formula. A point without reference models on a side counts the other side only.
    """
    points = rows.shape[1]
    inside = np.pad(rows, ((0, 0), (0, shadows.shape[1] - points)))  # no model was trained on the population
    means = []
    for side in (inside, ~inside):
        number = side.sum(0)
        total = np.where(side, shadows, 0.0).sum(0)
        means.append(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))
    within, outside = means
    outside = np.where(np.isnan(outside), within, outside)
    if not online:
        return ((1 + offset) * outside + (1 - offset)) / 2
    # the population has reference models without it only; with it, they would say the same as for a member
    within = np.where(np.isnan(within), outside, within)
    return (within + outside) / 2


def rank_auc(scores: np.ndarray, members: np.ndarray) -> float:
    """Mann-Whitney AUC, ties half; 0.5 where a class is missing."""
    from scipy.stats import rankdata

    positives, negatives = int(members.sum()), int((~members).sum())
    if not positives or not negatives:
        return 0.5
    wins = rankdata(scores)[members].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))
