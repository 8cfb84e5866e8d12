"""The ceiling of a transfer: true-class LiRA on the pre-trained models, before anything was fine-tuned."""

from __future__ import annotations

from telltale.attacks.membership.language_model import LOG_PROBS, meeting
from telltale.attacks.membership.lira import LiRA, TextLiRA


class Ceiling(LiRA):
    """What membership the pre-trained models give away themselves; a yardstick, not an attack on the release."""

    before_transfer = True

    def against(self, answers: frozenset[str], before: frozenset[str]) -> LiRA:
        """Read texts where what was pre-trained is a language model."""
        text = TextLiRA(self.online, self.variance, self.centre)
        return meeting(text, answers, before) if LOG_PROBS in before else self
