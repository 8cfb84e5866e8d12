"""A world of texts whose models remember as much as a test says, without any training."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from telltale.data.records import input_digests
from telltale.data.seeds import generator
from telltale.data.texts.records import TextRecords
from telltale.game.world import Knowledge, World

VOCABULARY = 40


def texts_of(number: int, seed: int = 0, context: int = 10) -> TextRecords:
    """Return texts of four tokens to as many as fit, all different."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(3, VOCABULARY, (number, context))
    lengths = rng.integers(6, context + 1, number)
    tokens[:, 0] = 1
    tokens[np.arange(number), lengths - 1] = 2
    tokens[np.arange(context) >= lengths[:, None]] = 0
    words = np.array([" ".join(map(str, row[row > 2])) for row in tokens], object)
    return TextRecords(tokens, VOCABULARY, "none", "made up", words, words, np.arange(number), None, ())


@dataclass
class Speaker:
    """A language model: log p of a token = how easy it is + noise of this model + memory, where it learned the text.

    spread: of how easy texts are, which is common to all models; noise: its own of each token.
    """

    key: str
    known: set[bytes]
    memory: float
    spread: float = 1.0
    noise: float = 0.3
    queries: Counter[str] = field(default_factory=Counter)

    def text_log_probs(self, texts: TextRecords) -> np.ndarray:
        """Return log p of each next token, NaN after the end: (texts, context - 1)."""
        easy, own = self._drawn(texts)
        learned = np.array([digest in self.known for digest in input_digests(texts).tolist()])
        values = -3 + self.spread * easy[:, :1] + easy[:, 1:] + own + self.memory * learned[:, None]
        return np.where(texts.tokens[:, 1:] == 0, np.nan, np.minimum(values, -1e-6))

    def text_moments(self, texts: TextRecords) -> np.ndarray:
        """Return what is easy about each place as the mean, and 1 as the deviation: (texts, context - 1, 2)."""
        easy, _ = self._drawn(texts)
        mean = -3 + self.spread * easy[:, :1] + easy[:, 1:]
        moments = np.stack([mean, np.ones_like(mean)], -1)
        return np.where(texts.tokens[:, 1:, None] == 0, np.nan, moments)

    def _drawn(self, texts: TextRecords) -> tuple[np.ndarray, np.ndarray]:
        names, width = [digest.hex() for digest in input_digests(texts).tolist()], texts.tokens.shape[1]
        easy = np.stack([normals(name, width) for name in names])
        own = np.stack([normals(f"{self.key}/{name}", width - 1) for name in names])
        return easy, self.noise * own


@cache
def normals(name: str, width: int) -> np.ndarray:
    """Draw numbers that belong to a name."""
    return generator(0, name).normal(size=width)


class Trainer:
    """An owner whose models remember nothing of what they are asked: the attacker's references."""

    store = None

    def train_many(self, recipe: Any, pool: Any, members: np.ndarray, seeds: Any, names: Any = ()) -> list[Speaker]:
        """Return a model a seed."""
        return [Speaker(f"reference {seed}", set(), 0.0) for seed in seeds]


class NoRecipe:
    """A recipe that changes nothing."""

    start, trainer, defenses = None, SimpleNamespace(device_type="cpu"), ()

    def replace(self, **changes: Any) -> NoRecipe:
        """Return it as it is."""
        return self


def text_world(
    memory: float, models: int = 16, points: int = 100, seed: int = 0, other_truth: bool = False
) -> tuple[World, np.ndarray]:
    """Return a world of half of the texts in each model, complements side by side, and who is in which: a truth.

    other_truth: the first two models are said to have learned other texts than they have.
    """
    texts, rng = texts_of(points + 60, seed), np.random.default_rng(seed)
    challenge, population, auxiliary = (
        texts.take(np.arange(*ends)) for ends in ((0, points), (points, points + 50), (-10, 0))
    )
    halves = np.array([rng.permutation(points) < points // 2 for _ in range(models // 2)])
    members = np.stack([halves, ~halves], 1).reshape(models, points)
    digests = input_digests(challenge)
    speakers = [Speaker(str(place), set(digests[row].tolist()), memory) for place, row in enumerate(members)]
    knowledge: Any = Knowledge(
        auxiliary,
        population,
        challenge.take(np.arange(0)),
        challenge,
        NoRecipe(),  # type: ignore[arg-type]
        Trainer(),  # type: ignore[arg-type]
        seed,
        models,
        fewest=(7, 7),
    )
    if other_truth:
        members[0] = rng.permutation(members[0])
        members[1] = ~members[0]
    others = [[o for o in range(models) if o // 2 != victim // 2] for victim in range(models)]
    shadows: Any = tuple((tuple(speakers[o] for o in of), members[of]) for of in others)
    return World(tuple(speakers), knowledge, shadows), members  # type: ignore[arg-type]
