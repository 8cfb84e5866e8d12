"""Baselines that see more than M^4I: how probable the target finds its words, where the threat model grants that."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from telltale.attacks.m4i.caption_attack import CaptionAttack, Look
from telltale.attacks.m4i.decisions import Decision, by_threshold
from telltale.attacks.m4i.scenarios import ShadowData
from telltale.checks import number
from telltale.data.captions.withheld import REFERENCES
from telltale.game.world import Knowledge
from telltale.owner.release import Release


class CaptionPerplexity(CaptionAttack):
    """Score = mean over references of mean over words of log p(word), minus the logarithm of the perplexity.

    The loss attack of Yeom et al. (2018) on a captioner; the attacker holds the true captions.
    """

    access = frozenset({"token_log_probs", REFERENCES})

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Ask how probable the references are."""

        def compare(release: Release, records: Any) -> np.ndarray:
            return mean_log_prob(release, records)[:, None]

        return compare

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Cut where balanced accuracy on the shadows is best."""
        return by_threshold(features, members)


class MaxRenyi(CaptionAttack):
    """Score = −mean of the `share` % largest Rényi entropies of the next-word distributions (Li et al., NeurIPS 2024).

    H_α = log(Σ p^α) / (1 − α),  H_1 = −Σ p log p,  H_∞ = −log max p

    along the caption that the target itself writes: it needs no true caption. Raises InputError out of range.

    scenario           what the attacker knows, see `Scenario`, as the next three
    nonmember_source   where shadows' non-members are from
    shadows            models the attacker trains
    shadow_share       share of the attacker's concepts that are dealt to shadows
    alpha              α, the order of the entropy; inf = the most probable word alone
    share              of the words, those with the largest entropy, in %
    shadow_members     own | overlapping | target, as the next one: what is lent of the target, see `Lent`
    shadow_nonmembers  own | target
    """

    access = frozenset({"captions", "word_probabilities"})

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        alpha: float = 2.0,
        share: float = 10.0,
        shadow_members: str = "own",
        shadow_nonmembers: str = "own",
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows, shadow_share, shadow_members, shadow_nonmembers)
        number("attack.alpha", alpha, above=0, infinite=True, expected="above 0; .inf = the most probable word alone")
        number("attack.share", share, above=0, most=100, expected="above 0, at most 100 %")
        self.alpha, self.share = float(alpha), float(share)

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Ask for the caption, and for the distributions along it."""

        def compare(release: Release, records: Any) -> np.ndarray:
            probabilities = release.word_probabilities(records, release.captions(records))
            there = np.any(probabilities, axis=-1)
            return -largest_mean(renyi_entropy(probabilities, self.alpha), there, self.share)[:, None]

        return compare

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Cut where balanced accuracy on the shadows is best."""
        return by_threshold(features, members)


def mean_log_prob(release: Release, records: Any) -> np.ndarray:
    """Average log p over the words and the end of each reference, then over the references: (records,)."""
    most = max(len(texts) for texts in records.references)
    values = np.full((most, len(records)), np.nan)
    for place in range(most):  # a model judges one text a picture
        texts = [texts[min(place, len(texts) - 1)] for texts in records.references]
        there = np.array([place < len(texts) for texts in records.references])
        values[place] = np.where(there, np.nanmean(release.token_log_probs(records, texts), 1), np.nan)
    averaged: np.ndarray = np.nanmean(values, 0)
    return averaged


def renyi_entropy(probabilities: np.ndarray, alpha: float) -> np.ndarray:
    """H_α of distributions over the last axis; 0 where all probabilities are."""
    p = probabilities.astype(np.float64)
    with np.errstate(divide="ignore"):
        if alpha == 1:
            entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
        elif math.isinf(alpha):
            entropy = -np.log(p.max(-1))
        else:
            entropy = np.log((p**alpha).sum(-1)) / (1 - alpha)
    return np.where(p.any(-1), entropy, 0.0)


def largest_mean(values: np.ndarray, there: np.ndarray, share: float) -> np.ndarray:
    """Mean of the `share` % largest values of each row, one at least: (rows, places), there bool -> (rows,)."""
    words = there.sum(1)
    taken = np.maximum(1, np.floor(share / 100 * words)).astype(int)
    ordered = -np.sort(-np.where(there, values, -np.inf), axis=1)
    kept = np.arange(values.shape[1]) < np.minimum(taken, np.maximum(words, 1))[:, None]
    chosen: np.ndarray = np.where(kept, ordered, 0).sum(1) / np.maximum(kept.sum(1), 1)
    return chosen
