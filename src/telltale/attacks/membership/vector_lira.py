"""LiRA on the whole answer: a diagonal Gaussian likelihood ratio over every class (no label, no training)."""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.gaussians import VARIANCES, likelihood_ratio
from telltale.attacks.membership.gaussians_of_panels import ratios_of_panels
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.queries import asked_once, check_draws, drawn_answers
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides
from telltale.attacks.membership.signals import class_logits
from telltale.checks import choice
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class VectorLiRA(ShadowAttack):
    """Λ = mean over queries a and classes c of  log N(φ_ac; μ_in, σ²_in) − log N(φ_ac; μ_out, σ²_out).

    φ_c = log p_c − log(1 − p_c): classes are taken as independent. variance: as in LiRA, see
    `gaussians`; queries, drawn: see `drawn_answers`.
    """

    def __init__(self, variance: str = "per_point", queries: int = 1, drawn: str = "once") -> None:
        choice("attack.variance", variance, VARIANCES)
        check_draws(queries, drawn)
        self.variance, self.queries, self.drawn = variance, queries, drawn
        self.least_shadows = 4 if variance == "per_point" else 2

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows."""
        super().check(knowledge)
        require_sides(self, knowledge, knowledge.fewest)

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say where points are asked once however many queries are set."""
        return asked_once(knowledge, self.queries)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return φ of every point, query and class: (points, queries · classes)."""
        answers = drawn_answers(release, knowledge, self.queries, self.drawn)
        return class_logits(answers).reshape(len(answers), -1)

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return the likelihood ratio of every point."""
        return likelihood_ratio(target, shadows, members, variance=self.variance)

    @property
    def shares_sums(self) -> bool:
        """Tell that means and variances are sums."""
        return True

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        """Return the likelihood ratios of all targets."""
        return ratios_of_panels(panels, True, self.variance)
