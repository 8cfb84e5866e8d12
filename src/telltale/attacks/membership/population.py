"""Membership against a population: how usual is a record's answer among records that the release never saw?

Attack-P (Ye, Maddi, Murakonda, Bindschaedler & Shokri, CCS 2022, section 4.2):

    score(x) = share of population records z with s(z) < s(x), ties half

s is a signal, higher = member: one false-alarm rate is one threshold, whatever the signal's scale. With per_class only
z of x's own class count, which is Song & Mittal's (2021, section 3.3) threshold of each class, fixed without shadows.

RMIA without reference models (Zarifzadeh, Liu & Shokri, ICML 2024, eqs. 2 and 4):

    ratio(x) = p(x|θ) / p(x),   score(x) = share of z with ratio(x) > γ ratio(z)

Theirs averages reference models for p(x). Here there are none, and p(x) is what the release itself says of x's label
on average over the population: a common label is no sign of memory. Of a real value y, p(x|θ) is the normal density of
y around the prediction, its deviation the root mean square error over the population, and p(x) the mean of such
densities around the predictions of z.
"""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.by_record import LEAST_POPULATION, REAL, ByRecord
from telltale.attacks.membership.rmia import shares
from telltale.attacks.membership.signals import TINY, true_class
from telltale.checks import number, yes_or_no
from telltale.game.world import Knowledge
from telltale.owner.release import Release

BLOCK = 2**22  # densities computed at a time


class Population(ByRecord):
    """Attack-P: the share of held-out records with a lower signal. See the module.

    signal      as in `ByRecord`
    per_class   compare with records of the point's own class, where there are ten
    """

    needs_population = True

    def __init__(self, signal: str = "loss", per_class: bool = False) -> None:
        super().__init__(signal)
        self.per_class = yes_or_no("attack.per_class", per_class)
        self.uses_true_labels = self.uses_true_labels or per_class

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the share of the population below each point."""
        points, others = knowledge.challenge, knowledge.population
        signal, held = self.read(release, points), self.read(release, others)
        scores = share_below(signal, held)
        if self.per_class:
            for label in np.unique(points.labels):
                own = held[others.labels == label]
                if len(own) >= LEAST_POPULATION:
                    scores[points.labels == label] = share_below(signal[points.labels == label], own)
        return scores


class PopulationRMIA(ByRecord):
    """RMIA with a population and no reference model. See the module.

    signal      loss (class probabilities) | error (real values)
    gamma       γ
    """

    needs_population = True

    def __init__(self, signal: str = "loss", gamma: float = 1.0) -> None:
        super().__init__(signal)
        self.gamma = number("attack.gamma", gamma, above=0)

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the share of the population that each point beats."""
        points, others = knowledge.challenge, knowledge.population
        if self.signal == REAL:
            predicted, held = release.values(points), release.values(others)
            spread = max(float(np.sqrt(np.mean((others.labels - held) ** 2))), 1e-12)
            ratios = [
                density(true - answer, spread) / mean_density(true, held, spread)
                for true, answer in ((points.labels, predicted), (others.labels, held))
            ]
        else:
            answers, held = release.probabilities(points), release.probabilities(others)
            usual = np.maximum(held.mean(0), TINY)
            ratios = [
                true_class(said, labels) / usual[labels]
                for said, labels in ((answers, points.labels), (held, others.labels))
            ]
        return shares(ratios[0], ratios[1], self.gamma)


def share_below(values: np.ndarray, population: np.ndarray) -> np.ndarray:
    """Return the share of the population below each value, ties half: (points,).

    >>> share_below(np.array([0.0, 1.0, 5.0]), np.array([1.0, 2.0]))
    array([0.  , 0.25, 1.  ])
    """
    ordered = np.sort(population)
    low, high = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    share: np.ndarray = (low + high) / (2 * len(ordered))
    return share


def density(residuals: np.ndarray, spread: float) -> np.ndarray:
    """Return the normal density of residuals, never 0: (…)."""
    log = -0.5 * (residuals / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.exp(np.maximum(log, -700.0)))


def mean_density(values: np.ndarray, centres: np.ndarray, spread: float) -> np.ndarray:
    """Return the mean over centres of the normal density of each value: (points,), block by block."""
    step = max(1, BLOCK // len(centres))
    blocks = (values[start : start + step] for start in range(0, len(values), step))
    return np.concatenate([density(block[:, None] - centres, spread).mean(1) for block in blocks])
