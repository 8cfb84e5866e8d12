"""A detector of hidden data: does the distribution of a model's weights tell a malicious from an honest training?

After the idea of Goalie (Zhuang et al., Entropy 2025): features of the weights and a linear classifier. Theirs follow
the training epoch by epoch; here there is the released model only.
"""

from __future__ import annotations

import numpy as np

from telltale.evaluation.statistics import Estimate, Resampling

LEAST_MODELS = 6  # pairs of a malicious and an honest model; below, a classifier has nothing to learn from
RIDGE = 0.1


def detection(malicious: np.ndarray, honest: np.ndarray, replicates: int, seed: int) -> dict[str, Estimate]:
    """Return how often the malicious one of a pair is found: quantiles of weights, (models, quantiles) each.

    Each pair, trained on the same records, is judged by a classifier that saw all others. So only the two of a pair
    are compared, whose scores are of one classifier: the AUC is the share of pairs in which the malicious one has the
    higher score, a tie counting half. Intervals resample pairs.
    """
    scores = np.stack([features(malicious), features(honest)])  # (2, models, features)
    judged = np.stack([_judged(scores, pair) for pair in range(len(malicious))], axis=1)
    found = (judged[0] > judged[1]) + 0.5 * (judged[0] == judged[1])
    plan = Resampling.over(len(malicious), replicates, seed=seed)
    weights = plan.of_victim(0, np.arange(len(malicious))).astype(np.float64)
    values = weights @ found / weights.sum(1)
    return {"detector_auc": plan.estimate(values, len(malicious), limits=(0.0, 1.0), rarer=len(malicious))}


def features(quantiles: np.ndarray) -> np.ndarray:
    """Describe distributions by spread, skewness, kurtosis, tails and asymmetry: (models, quantiles) -> (models, 7)."""
    mean, spread = quantiles.mean(1), np.maximum(quantiles.std(1), 1e-12)
    z = (quantiles - mean[:, None]) / spread[:, None]
    q = {share: np.quantile(quantiles, share, axis=1) for share in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)}
    box = np.maximum(q[0.75] - q[0.25], 1e-12)
    far, near = q[0.99] - q[0.01], q[0.95] - q[0.05]
    asymmetry = (q[0.95] + q[0.05] - 2 * q[0.5]) / np.maximum(near, 1e-12)
    return np.stack(
        [
            np.log(spread),
            (z**3).mean(1),
            (z**4).mean(1),
            mean / spread,
            np.log(far / box),
            np.log(near / box),
            asymmetry,
        ],
        axis=1,
    )


def _judged(described: np.ndarray, pair: int) -> np.ndarray:
    """Score both models of a pair by the linear discriminant of all other pairs: (2,), above 0 = malicious."""
    others = np.delete(described, pair, axis=1)
    centre, scale = others.mean((0, 1)), np.maximum(others.std((0, 1)), 1e-12)
    learned, judged = (others - centre) / scale, (described[:, pair] - centre) / scale
    means = learned.mean(1)
    within = (learned - means[:, None]).reshape(-1, learned.shape[-1])
    direction = np.linalg.solve(within.T @ within / len(within) + RIDGE * np.eye(len(centre)), means[0] - means[1])
    return (judged - means.mean(0)) @ direction
