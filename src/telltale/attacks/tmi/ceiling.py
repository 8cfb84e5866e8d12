"""The ceiling of a transfer: true-class LiRA on the pre-trained models, before anything was fine-tuned."""

from __future__ import annotations

from telltale.attacks.membership.lira import LiRA


class Ceiling(LiRA):
    """What membership the pre-trained models give away themselves; a yardstick, not an attack on the release."""

    before_transfer = True
