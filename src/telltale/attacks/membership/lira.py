"""LiRA, the likelihood-ratio attack (Carlini et al., S&P 2022)."""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.gaussians import CENTRES, VARIANCES, likelihood_ratio
from telltale.attacks.membership.gaussians_of_panels import ratios_of_panels
from telltale.attacks.membership.language_model import LOG_PROBS, meeting
from telltale.attacks.membership.language_signals import mean_log_prob
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.queries import check_augmentation, queries
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides, true_labels
from telltale.attacks.membership.signals import scaled_logit
from telltale.checks import choice
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class LiRA(ShadowAttack):
    """Is the target's φ on a point more likely under shadows trained on it, or under those that were not?

    online          use shadows of both kinds, else only those without the point
    variance        per_point | pooled_per_side | pooled | released_fixed, of φ over shadows: see `gaussians`
    centre          mean | median | released_median, of φ over shadows: see `gaussians`
    augmentation    none | flip | shift | shift_flip: how each point is changed for further queries
    """

    uses_true_labels = True

    def __init__(
        self,
        online: bool = True,
        variance: str = "per_point",
        centre: str = "mean",
        augmentation: str = "none",
    ) -> None:
        choice("attack.variance", variance, VARIANCES)
        choice("attack.centre", centre, CENTRES)
        self.online, self.variance, self.centre, self.augmentation = online, variance, centre, augmentation
        # a deviation per point needs two models a side; a shared one is content with one
        self.least_shadows = 4 if variance == "per_point" else 2

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows, and changes of what is no picture."""
        super().check(knowledge)
        require_sides(self, knowledge, knowledge.fewest if self.online else knowledge.fewest[1:])
        check_augmentation("attack.augmentation", self.augmentation, knowledge.challenge)

    def against(self, answers: frozenset[str], before: frozenset[str]) -> LiRA:
        """Read texts where a language model is released: they have no class."""
        if LOG_PROBS not in answers:
            return self
        choice("attack.augmentation", self.augmentation, ("none",), expected="none: only pictures are changed")
        return TextLiRA(self.online, self.variance, self.centre)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return φ of every point and query: (points, queries)."""
        labels = true_labels(knowledge)
        changes = queries(knowledge.challenge, self.augmentation)
        return np.stack([scaled_logit(release.probabilities(records), labels) for records in changes], -1)

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the mean of φ over queries."""
        return np.asarray(signal.mean(-1))

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return the likelihood ratio of every point."""
        return likelihood_ratio(target, shadows, members, self.online, self.variance, self.centre)

    @property
    def shares_sums(self) -> bool:
        """Tell that means are sums; medians are not."""
        return self.centre == "mean"

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        """Return the likelihood ratios of all targets."""
        return ratios_of_panels(panels, self.online, self.variance)


class TextLiRA(LiRA):
    """LiRA whose φ is a text's mean log p under a released language model: minus its loss, one number near to normal.

    online, variance, centre: as in `LiRA`.
    """

    access = frozenset({LOG_PROBS})
    accepts = frozenset({"text"})
    uses_true_labels = False

    def __init__(self, online: bool = True, variance: str = "per_point", centre: str = "mean") -> None:
        super().__init__(online, variance, centre)

    def against(self, answers: frozenset[str], before: frozenset[str]) -> TextLiRA:
        """Meet the language model, be it what is released or not."""
        return meeting(self, answers, before)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return φ of every text: (points, 1)."""
        return mean_log_prob(release.text_log_probs(knowledge.challenge))[:, None]
