"""The true captions' probability against what captioners without the picture find: difficulty, and LiRA offline."""

from __future__ import annotations

import numpy as np

from telltale.attacks.m4i.caption_attack import CaptionAttack, own_shadows
from telltale.attacks.m4i.probabilities import mean_log_prob
from telltale.attacks.m4i.scenarios import ShadowData
from telltale.attacks.membership.gaussians import likelihood_ratio
from telltale.attacks.membership.shadow_attack import unrelated
from telltale.attacks.membership.thresholds import best_threshold
from telltale.checks import choice
from telltale.data.captions.withheld import REFERENCES
from telltale.errors import InputError
from telltale.evidence import CaptionMembership, MembershipScores
from telltale.game.world import World

LEAST = {"none": 1, "per_point": 2}  # captioners without a point


class CaptionLiRA(CaptionAttack):
    """φ = mean over references of mean over words of log p(word), set against what φ is of captioners without the
    picture.

        none        φ - μ_out: a caption's difficulty is taken off (Watson et al., ICLR 2022)
        per_point   -log Pr[Z ≥ φ],  Z ~ N(μ_out, σ²_out): LiRA offline (Carlini et al., S&P 2022)

    μ_out and σ_out, of each point, are over the attacker's own shadows: none of them ever met a point that is judged,
    so there is no side with it. The threshold is fixed on the shadows' own points, each shadow in the target's part,
    judged by those of the others that lack the point; its complement is no judge. Where too few of them are left there
    is none. Raises InputError for an option out of range, and for fewer shadows than the variance needs.

    scenario           what the attacker knows, see `Scenario`, as the next three
    nonmember_source   where shadows' non-members are from
    shadows            models the attacker trains
    shadow_share       share of the attacker's concepts that are dealt to shadows
    variance           none | per_point
    """

    access = frozenset({"token_log_probs", REFERENCES})

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        variance: str = "per_point",
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows, shadow_share)
        self.variance = choice("attack.variance", variance, LEAST)
        if shadows < LEAST[variance]:
            expected = f"at least {LEAST[variance]}: attack.variance={variance} is over shadows without a point"
            raise InputError("attack.shadows", shadows, expected)

    def run(self, world: World) -> MembershipScores:
        """Train the shadows, ask them and every victim how probable the captions are, and compare."""
        knowledge = world.knowledge
        data, recipe = self.scenario.data(knowledge), self.scenario.recipe(knowledge.recipe)
        shadows = own_shadows(knowledge.owner, recipe, data, self.access, knowledge.seed)
        without = np.stack([mean_log_prob(shadow, knowledge.challenge) for shadow in shadows])
        nowhere = np.zeros(without.shape, bool)
        asked = [mean_log_prob(release, knowledge.challenge) for release in world.releases]
        scores = np.stack([compared(own, without, nowhere, self.variance) for own in asked])
        of_shadows = np.stack([mean_log_prob(shadow, data.records) for shadow in shadows])
        threshold = threshold_of(of_shadows, data, world.as_told(data.membership), self.variance)
        return CaptionMembership(scores, threshold)


def compared(target: np.ndarray, others: np.ndarray, members: np.ndarray, variance: str) -> np.ndarray:
    """Set the target's φ (points,) against those (models, points) of models without each: (points,).

    members: (models, points) bool, which have it, and are no judges of it. NaN where none is without.

    Two models say -3 and -1 of a caption, the target -1: it is one above their mean, and one deviation.

    >>> others, nowhere = np.array([[-3.0], [-1.0]]), np.zeros((2, 1), bool)
    >>> compared(np.array([-1.0]), others, nowhere, "none")
    array([1.])
    >>> compared(np.array([-1.0]), others, nowhere, "per_point").round(3)  # -log Pr[Z ≥ 1]
    array([1.841])
    """
    if variance == "per_point":
        return likelihood_ratio(target[:, None], others[..., None], members, online=False)
    lacking = (~members).sum(0)
    sums = np.where(members, 0.0, others).sum(0)
    return target - np.divide(sums, lacking, out=np.full(len(target), np.nan), where=lacking > 0)


def threshold_of(of_shadows: np.ndarray, data: ShadowData, told: np.ndarray, variance: str) -> float | None:
    """Fix the threshold on the shadows' own points; None where a point has too few judges.

    of_shadows: (shadows, records) φ; told: (shadows, points) bool, what the attacker believes of its shadows' points.
    """
    scores = []
    for place, points in enumerate(data.points):
        judges = unrelated(data.members, place)
        having = data.members[judges][:, points]
        if (~having).sum(0).min(initial=len(data.members)) < LEAST[variance] or not judges.any():
            return None
        scores.append(compared(of_shadows[place, points], of_shadows[judges][:, points], having, variance))
    return float(best_threshold(np.stack(scores), told))
