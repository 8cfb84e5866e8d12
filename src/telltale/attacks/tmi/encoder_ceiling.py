"""The ceiling of a transfer from an encoder without classes: distances of embeddings before fine-tuning."""

from __future__ import annotations

from telltale.attacks.embedding_membership.attack import EmbeddingMembership


class EncoderCeiling(EmbeddingMembership):
    """What membership pre-trained encoders give away themselves, by one signal of `embedding_membership`.

    Without classes there is no true one, as `Ceiling` reads it, and coordinates of encoders from different initial
    weights do not correspond, so that no LiRA reads these either: a distance does. A yardstick, no attack on the
    release.
    """

    before_transfer = True

    def __init__(self, signal: str = "norm", calibrated: bool = True, views: int = 8, share: float = 0.8) -> None:
        super().__init__(signal, calibrated, views, share)
