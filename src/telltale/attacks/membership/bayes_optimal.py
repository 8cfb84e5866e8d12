"""BASE, an approximation of the Bayes-optimal attack (Lassila, Östman, Ngo & Graell i Amat, NeurIPS 2025).

    online   s(x) = log p(x|θ) − log (mean over shadows θ' of p(x|θ'))
    offline  s(x) = log p(x|θ) − a · log (mean over shadows without x of p(x|θ'))

p(x|θ) is the probability of the record's class, softened by a temperature T: p_c^(1/T) / Σ_j p_j^(1/T). Of the paper
(arXiv 2505.24089) the abstract alone could be read; the formula is that of aidotse/LeakPro (`mia_attacks/base.py`), and
so are the defaults T = 2 and a = 0.33. Online at T = 1 it is the log of RMIA's ratio(x), where half of the shadows have
x: the abstract says that the two are equivalent. It needs no population.
"""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.left_out import Additions, Arrays
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides, true_labels
from telltale.attacks.membership.signals import TINY, true_class
from telltale.checks import number
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class BASE(ShadowAttack):
    """How much more probable is a record's class to the target than to shadows on average? See the module.

    online          all shadows, else only those without the point
    temperature     T, above 0
    offline_scale   a, from 0 to 1; offline only
    """

    uses_true_labels = True

    def __init__(self, online: bool = True, temperature: float = 2.0, offline_scale: float = 0.33) -> None:
        self.online = online
        self.temperature = number("attack.temperature", temperature, above=0)
        self.offline_scale = number("attack.offline_scale", offline_scale, least=0, most=1)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows; offline, points that every shadow has."""
        super().check(knowledge)
        if not self.online:
            require_sides(self, knowledge, knowledge.fewest[1:])

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the softened log-probability of every point's class: (points,)."""
        return softened(release.probabilities(knowledge.challenge), true_labels(knowledge), self.temperature)

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return how far each point lies above its shadows: (points,); NaN where none is asked."""
        if self.online:
            return target - log_mean(shadows, np.ones_like(members))
        return target - self.offline_scale * log_mean(shadows, ~members)

    @property
    def shares_sums(self) -> bool:
        """Tell that a mean is a sum."""
        return True

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        """Return how far the points of all targets lie above their panels."""
        chosen = np.ones_like(panels.members) if self.online else ~panels.members
        logarithms = np.where(chosen, np.stack(panels.signals), -np.inf)
        additions = Additions.of(len(chosen), panels.outs)
        total, number = additions.run([logarithms, chosen.astype(np.float64)], _added)
        means = np.where(number > 0, total - np.log(np.maximum(number, 1)), np.nan)
        return np.stack(panels.targets) - (1.0 if self.online else self.offline_scale) * means[panels.panel_of]


def softened(probabilities: np.ndarray, labels: np.ndarray, temperature: float) -> np.ndarray:
    """Return log p_y at a temperature, (…, classes) and (…) -> (…).

    >>> np.exp(softened(np.array([[0.8, 0.2]]), np.array([0]), 2.0)).round(4)  # √0.8 / (√0.8 + √0.2) = 2/3
    array([0.6667])
    """
    from scipy.special import log_softmax

    return true_class(log_softmax(np.log(np.maximum(probabilities, TINY)) / temperature, -1), labels)


def log_mean(logarithms: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return log of the mean of exp over the chosen shadows, NaN where there are none: (shadows, points) -> (points,).

    >>> np.exp(log_mean(np.log(np.array([[0.2], [0.4], [0.9]])), np.array([[True], [True], [False]]))).round(3)
    array([0.3])
    """
    from scipy.special import logsumexp

    amount = chosen.sum(0)
    total = logsumexp(np.where(chosen, logarithms, -np.inf), axis=0)
    return np.where(amount > 0, total - np.log(np.maximum(amount, 1)), np.nan)


def _added(one: Arrays, other: Arrays) -> Arrays:
    return np.logaddexp(one[0], other[0]), one[1] + other[1]
