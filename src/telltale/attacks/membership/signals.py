"""What a vector of class probabilities says about membership: pure functions, higher = more like a member.

probabilities: (..., classes) float64; labels: (...) int64, the records' true classes.
"""

from __future__ import annotations

import numpy as np

TINY = 1e-30  # Song & Mittal's clamp: logarithms stay finite


def true_class(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability of the true class, p_y: the confidence signal of Song & Mittal 2021, section 3."""
    return np.take_along_axis(probabilities, np.broadcast_to(labels, probabilities.shape[:-1])[..., None], -1)[..., 0]


def negative_loss(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log-likelihood log p_y, minus the cross-entropy (Yeom et al. 2018).

    >>> negative_loss(np.array([[0.25, 0.75]]), np.array([0])).round(3)  # log 0.25
    array([-1.386])
    """
    return np.log(np.maximum(true_class(probabilities, labels), TINY))


def scaled_logit(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logit of the true class, φ = log p_y − log Σ_{c≠y} p_c (Carlini et al. 2022, eq. 6), without cancellation.

    >>> scaled_logit(np.array([[0.8, 0.15, 0.05]]), np.array([0])).round(3)  # log 0.8 - log 0.2 = log 4
    array([1.386])
    """
    is_true = np.arange(probabilities.shape[-1]) == np.broadcast_to(labels, probabilities.shape[:-1])[..., None]
    others = np.where(is_true, 0.0, probabilities).sum(-1)
    return negative_loss(probabilities, labels) - np.log(np.maximum(others, TINY))


def class_logits(probabilities: np.ndarray, floor: float = TINY) -> np.ndarray:
    """Logit of every class, φ_c = log(p_c + floor) − log(Σ_{j≠c} p_j + floor): no label is needed. Same shape."""
    others = probabilities @ (1 - np.eye(probabilities.shape[-1]))  # 1 − p_c would lose its digits near 1
    logits: np.ndarray = np.log(probabilities + floor) - np.log(others + floor)
    return logits


def on_targets_class(target: np.ndarray, shadows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read values (…, classes) and shadows' (shadows, …, classes) at the class where the target's is largest."""
    classes = target.argmax(-1)[..., None]
    others = np.take_along_axis(shadows, np.broadcast_to(classes, (len(shadows), *classes.shape)), -1)
    return np.take_along_axis(target, classes, -1)[..., 0], others[..., 0]


def correctness(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 where the most probable class is the true one, else 0: the gap attack (Yeom et al. 2018)."""
    return (probabilities.argmax(-1) == labels).astype(float)


def largest(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability of the most probable class, which needs no label (Salem et al. 2019, adversary 3)."""
    return probabilities.max(-1)


def negative_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Σ_i p_i log p_i, which needs no label (Salem et al. 2019; Song & Mittal 2021, section 3)."""
    return (probabilities * np.log(np.maximum(probabilities, TINY))).sum(-1)


def negative_modified_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(1−p_y) log p_y + Σ_{i≠y} p_i log(1−p_i): minus Mentr of Song & Mittal 2021, eq. 6.

    A sure and right answer has 0, the largest there is; entropy alone cannot tell it from a sure and wrong one.

    >>> answers = np.array([[0.8, 0.2], [0.2, 0.8]])
    >>> negative_modified_entropy(answers, np.array([0, 0])).round(3)  # 0.4 log 0.8; 1.6 log 0.2
    array([-0.089, -2.575])
    """
    is_true = np.arange(probabilities.shape[-1]) == np.broadcast_to(labels, probabilities.shape[:-1])[..., None]
    confidence = true_class(probabilities, labels)
    others = np.where(is_true, 0.0, probabilities * np.log(np.maximum(1 - probabilities, TINY))).sum(-1)
    return (1 - confidence) * np.log(np.maximum(confidence, TINY)) + others


SIGNALS = {
    "loss": negative_loss,
    "confidence": true_class,
    "entropy": negative_entropy,
    "modified_entropy": negative_modified_entropy,
    "largest": largest,
    "logit": scaled_logit,
    "gap": correctness,
}
WITHOUT_LABELS = ("entropy", "largest")
