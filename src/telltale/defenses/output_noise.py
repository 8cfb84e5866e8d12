"""Output noise: every record's answer is off by noise of its own, the same whenever it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from telltale.checks import number
from telltale.owner.defense import Defense, Stage
from telltale.owner.release import softmax
from telltale.training.counter_random import uniform


@dataclass(frozen=True)
class OutputNoise(Defense):
    """ε ~ N(0, I), a function of the record, the model and the call, so that asking again averages nothing away.

        probabilities  softmax(log p + σ ε): a distribution with no zero; σ in nats
        labels         the most probable class after noise, of a draw of its own: it may contradict `probabilities`
        embeddings     f + σ ‖f‖/√width · ε: σ in root mean squares of that embedding; 1 = as much noise as signal

    Other calls are answered as they are. A record changed by one pixel is another record with other noise: an
    attack that asks for changed copies averages over them. Raises InputError for a negative σ.
    """

    stage: ClassVar[Stage] = "answer"
    protects: ClassVar[frozenset[str]] = frozenset({"probabilities", "labels", "embeddings"})
    sigma: float = 1.0

    def __post_init__(self) -> None:
        number("defense.sigma", self.sigma, least=0)

    def answer(self, call: str, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Add the noise: (records, classes or width) -> the same."""
        if call not in self.protects:
            return values
        noise = self.sigma * gaussian(keys, values.shape[1])
        if call == "embeddings":
            unit = np.sqrt(np.square(values, dtype=np.float64).mean(1, keepdims=True))
            return (values + unit * noise).astype(values.dtype)
        return softmax(np.log(np.maximum(values, np.finfo(np.float64).tiny)) + noise)


def gaussian(keys: np.ndarray, width: int) -> np.ndarray:
    """Draw standard normal numbers for each key: (records,) int64 -> (records, width) float64, at most 5.4 away."""
    draws = uniform(torch.from_numpy(keys)[:, None], "output noise", torch.arange(width)).double()
    return torch.special.ndtri(draws + 2.0**-25).numpy()  # the middle of each of 2^24 steps: symmetric and finite
