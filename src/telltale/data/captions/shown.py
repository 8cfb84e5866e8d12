"""What pictures are known to show, of data sets that can say it: scenes that were made up, not photographs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from typing import Any, Self

import numpy as np


class Shown(ABC):
    """The truth behind n pictures, in their order, and the law by which captions of them are written."""

    @abstractmethod
    def __len__(self) -> int:
        """Count the pictures."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> Self:
        """Return what is shown by the pictures at `rows` (indices or a boolean mask), in that order."""

    @abstractmethod
    def judged(self, captions: Sequence[str]) -> np.ndarray:
        """Count what a caption of each picture says of it that is right, and all that it says: (n, 2) int64."""

    @abstractmethod
    def log_probabilities(self, captions: Sequence[Sequence[str]], known: Container[str] | None = None) -> np.ndarray:
        """Return log p(captions | picture), the sum over a picture's captions, in nats: (n,).

        It is of whole captions, their end included, and no captioner that knows the picture alone can expect more.
        known: a captioner's words; all others are one word to it. -inf for what is never said of such a picture.
        """


def joined(first: Any, second: Any) -> Any:
    """Return what is shown by the pictures of both, in that order; None where that is not known of all."""
    return first.joined(second) if first is not None and second is not None and type(first) is type(second) else None
