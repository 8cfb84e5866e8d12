"""Perplexity less what it would be of other pictures: words alone, which tell members by themselves, are taken off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from telltale.attacks.m4i.caption_attack import Look
from telltale.attacks.m4i.probabilities import CaptionPerplexity, mean_log_prob
from telltale.attacks.m4i.scenarios import ShadowData
from telltale.checks import whole_number
from telltale.data.captions.records import CaptionedImages
from telltale.data.seeds import generator
from telltale.game.world import Knowledge
from telltale.owner.release import Release

DECIMALS = 5  # of a nat: float32 sums words in another order in another batch, which is no difference of pictures


class CalibratedPerplexity(CaptionPerplexity):
    """Score = log p(caption | its picture) − mean over other pictures of the group of log p(caption | that picture).

    Both as `CaptionPerplexity`, the mean over words and references. A list of the members' words, asked with any
    picture, gives every point the score 0 and finds nothing, while its perplexity tells members wherever others have
    words of their own. The group is the points that are judged together; a point takes `others` queries more.
    Raises InputError out of range.

    scenario           what the attacker knows, see `Scenario`, as the next three
    nonmember_source   where shadows' non-members are from
    shadows            models the attacker trains
    shadow_share       share of the attacker's concepts that are dealt to shadows
    others             other pictures that each caption is asked with, as many as there are at most
    shadow_members     own | overlapping | target, as the next one: what is lent of the target, see `Lent`
    shadow_nonmembers  own | target
    """

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        others: int = 20,
        shadow_members: str = "own",
        shadow_nonmembers: str = "own",
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows, shadow_share, shadow_members, shadow_nonmembers)
        self.others = whole_number("attack.others", others)

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Ask how probable the references are, of their own picture and of others."""

        def compare(release: Release, records: Any) -> np.ndarray:
            order = generator(knowledge.seed, "other pictures").permutation(len(records))
            return of_the_picture(release, records, order, self.others)[:, None]

        return compare


def of_the_picture(release: Release, records: CaptionedImages, order: np.ndarray, others: int) -> np.ndarray:
    """Return mean log p of each record's captions less its mean with the pictures that follow in `order`: (records,).

    order: (records,), a permutation of them; others: how many that follow, all of the other ones at most.
    """
    number = len(records)
    steps = range(1, min(others, number - 1) + 1)
    if not steps:
        return np.zeros(number)
    place = np.empty(number, int)
    place[order] = np.arange(number)
    pictures = np.concatenate([order[(place + step) % number] for step in steps])
    asked = replace(records.take(pictures), references=records.references * len(steps))
    elsewhere = mean_log_prob(release, asked).reshape(len(steps), number)
    return np.round((mean_log_prob(release, records) - elsewhere).mean(0), DECIMALS)
