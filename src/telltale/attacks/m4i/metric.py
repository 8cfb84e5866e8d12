"""M^4I's metric-based attack: does the target repeat a picture's own captions too well (mi_attack.py)?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.m4i.caption_attack import CaptionAttack, Look
from telltale.attacks.m4i.decisions import Decision, by_linear_svm, by_threshold
from telltale.attacks.m4i.scenarios import ShadowData
from telltale.checks import choice
from telltale.data.captions.metrics.bleu import bleu
from telltale.data.captions.metrics.rouge import COUNTING, rouge_l, rouge_n
from telltale.data.captions.metrics.tokens import CaptionTokens
from telltale.data.captions.withheld import REFERENCES
from telltale.data.captions.words import words
from telltale.game.world import Knowledge
from telltale.owner.release import Release

FEATURES = ("rouge", "bleu", "both")
DECISIONS: dict[str, Callable[[np.ndarray, np.ndarray], Decision]] = {
    "svm_released": lambda features, members: by_linear_svm(features, members, penalty=1e5, scaled=False),
    "svm_scaled": lambda features, members: by_linear_svm(features, members, penalty=1.0, scaled=True),
    "threshold": by_threshold,
}
BLEU_ORDERS = (3, 4)


class MetricM4I(CaptionAttack):
    """ROUGE and BLEU of the generated caption against the picture's true ones, which this attacker holds.

    What differs from it in features or in decision alone stands beside as a rival.

    scenario           what the attacker knows, see `Scenario`, as the next three
    nonmember_source   where shadows' non-members are from
    shadows            models the attacker trains
    shadow_share       share of the attacker's concepts that are dealt to shadows
    features           rouge: F1 of ROUGE-1, -2, -L, each the mean over references
                       bleu: cumulative BLEU-1 … bleu_orders against all references
                       both
    decision           svm_released: linear, C = 1e5, unscaled
                       svm_scaled: C = 1, standardised
                       threshold: on the mean of the features
    bleu_orders        3 as released, or 4
    counting           of ROUGE's n-grams: counts, as often as they occur (Lin 2004) | sets, once each, as the package
                       `rouge` of the released code
    shadow_members     own | overlapping | target, as the next one: what is lent of the target, see `Lent`
    shadow_nonmembers  own | target
    """

    access = frozenset({"captions", REFERENCES})

    def __init__(
        self,
        scenario: str = "unrestricted",
        nonmember_source: str = "same",
        shadows: int = 1,
        shadow_share: float = 0.5,
        features: str = "rouge",
        decision: str = "svm_released",
        bleu_orders: int = 3,
        counting: str = "counts",
        shadow_members: str = "own",
        shadow_nonmembers: str = "own",
    ) -> None:
        super().__init__(scenario, nonmember_source, shadows, shadow_share, shadow_members, shadow_nonmembers)
        self.features = choice("attack.features", features, FEATURES)
        self.decision = choice("attack.decision", decision, DECISIONS)
        self.bleu_orders = choice("attack.bleu_orders", bleu_orders, BLEU_ORDERS)
        self.counting = choice("attack.counting", counting, COUNTING)

    def look(self, knowledge: Knowledge, data: ShadowData) -> Look:
        """Compare captions with the references."""

        def compare(release: Release, records: Any) -> np.ndarray:
            captions = release.captions(records)
            return caption_features(captions, records.references, self.features, self.bleu_orders, self.counting)

        return compare

    def decide(self, features: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Decision:
        """Learn from the shadows' points."""
        return DECISIONS[self.decision](features, members)

    def rivals(self) -> Mapping[str, Attack]:
        """Return the same features decided otherwise, and other features decided alike."""
        options = {**self.scenario.options, "bleu_orders": self.bleu_orders, "counting": self.counting}
        return {
            f"{features}_{decision}": type(self)(features=features, decision=decision, **options)
            for features, decision in product(FEATURES, DECISIONS)
            if (features == self.features) != (decision == self.decision)
        }


def caption_features(
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    features: str,
    bleu_orders: int,
    counting: str = "counts",
) -> np.ndarray:
    """Score generated captions against the references of each: (captions, 3, or more with BLEU-4 and with both)."""
    generated = [text.split() for text in captions]  # a captioner's words, and marks such as <unk>, are parted already
    tokens = CaptionTokens.of(generated, [[words(text) for text in texts] for texts in references])
    parts = []
    if features != "bleu":
        parts += [rouge_n(tokens, order, counting).f1[:, None] for order in (1, 2)]
        parts.append(rouge_l(tokens).f1[:, None])
    if features != "rouge":
        parts.append(bleu(tokens, bleu_orders))
    return np.concatenate(parts, 1)
