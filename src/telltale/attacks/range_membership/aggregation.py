"""From scores of samples to the score of their range: the trimmed mean of RaMIA (Tao & Shokri 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.checks import number
from telltale.errors import InputError


@dataclass(frozen=True)
class Trim:
    """Which of a range's samples count, by the order of their scores.

    keep_from  q_s: so large a share of the lowest scores is dropped, as most of a range's records are no members
    keep_to    q_e: what lies above that share is dropped, too: outliers; 1 = nothing
    """

    keep_from: float = 0.5
    keep_to: float = 1.0

    def __post_init__(self) -> None:
        number("attack.keep_from", self.keep_from, least=0, below=1)
        number("attack.keep_to", self.keep_to, above=0, most=1)
        if self.keep_from >= self.keep_to:
            raise InputError("attack.keep_from", self.keep_from, f"below attack.keep_to={self.keep_to}")

    def mean(self, scores: np.ndarray) -> np.ndarray:
        """Average the scores between both quantiles, at least one of them: (…, samples) -> (…).

        >>> [float(Trim(share).mean(np.array([4.0, 1.0, 2.0, 3.0]))) for share in (0.5, 0.75)]
        [3.5, 4.0]
        """
        samples = scores.shape[-1]
        low, high = int(self.keep_from * samples), int(np.ceil(self.keep_to * samples - 1e-9))
        return np.sort(scores, axis=-1)[..., low : max(high, low + 1)].mean(-1)


EVERYTHING = Trim(0.0)
