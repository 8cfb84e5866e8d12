"""LiRA where a record's class is none of the release's: φ of the class the target finds most probable (TMI's rival)."""

from __future__ import annotations

import numpy as np

from telltale.attacks.membership.gaussians import full_likelihood_ratio, likelihood_ratio
from telltale.attacks.membership.queries import asked_once, check_draws, drawn_answers
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides
from telltale.attacks.membership.signals import class_logits, on_targets_class
from telltale.attacks.tmi.features import FLOOR
from telltale.checks import choice
from telltale.game.world import Knowledge
from telltale.owner.release import Release

COVARIANCES = {"full": "", "diagonal": "per_point", "pooled_per_side": "pooled_per_side"}


class AdaptedLiRA(ShadowAttack):
    """Λ = log N(v; μ_in, Σ_in) − log N(v; μ_out, Σ_out),  v_a = φ_{c_a}(x_a),  c_a the victim's most probable class.

    covariance   over the queries a: full (the authors', which may be singular) | diagonal | pooled_per_side, one
                 variance a side for all points; for the last two Λ is the mean over queries, as in `gaussians`
    queries      how often each point is asked, see `drawn_answers`
    drawn        per_model | once | shifts; per_model, coordinate a is another change in each model, which weakens
                 Gaussians of single coordinates
    """

    def __init__(self, covariance: str = "full", queries: int = 8, drawn: str = "per_model") -> None:
        choice("attack.covariance", covariance, COVARIANCES)
        check_draws(queries, drawn)
        self.covariance, self.queries, self.drawn = covariance, queries, drawn
        self.least_shadows = 2 if covariance == "pooled_per_side" else 4

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows."""
        super().check(knowledge)
        require_sides(self, knowledge, knowledge.fewest)

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say where points are asked once however many queries are set."""
        return asked_once(knowledge, self.queries)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return φ of every point, query and class: (points, queries, classes)."""
        return class_logits(drawn_answers(release, knowledge, self.queries, self.drawn), FLOOR)

    def facing(self, target: np.ndarray, shadows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read all answers at the class that the target finds most probable: (…, points, queries)."""
        return on_targets_class(target, shadows)

    def score(self, target: np.ndarray, shadows: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the likelihood ratio of every point."""
        if self.covariance == "full":
            return full_likelihood_ratio(target, shadows, rows)
        return likelihood_ratio(target, shadows, rows, variance=COVARIANCES[self.covariance])
