"""LiRA on the probability of captions: it finds planted memory, takes difficulty off, and finds no more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.attacks.m4i.likelihood import LEAST, CaptionLiRA
from telltale.attacks.m4i.probabilities import CaptionPerplexity
from telltale.data.images.records import pixel_digests
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.evaluation.ranking import balanced_accuracy
from telltale.evidence import MembershipScores
from telltale.game.game import Game
from tests.attacks.caption_worlds import Repeating, game


class Finds:
    """A release that finds captions as probable as their picture is easy, and those of what it learned more so.

    φ = difficulty + noise of this model + memory where it learned the picture; difficulties are drawn of N(-10, 5²).
    """

    def __init__(self, known: Any, seed: int, memory: float) -> None:
        self.known, self.seed, self.memory = set(pixel_digests(known.images).tolist()), seed, memory
        self.queries, self.key, self.name = Counter[str](), str(seed), str(seed)

    def restricted(self, access: frozenset[str], budget: int | None = None) -> Finds:
        return self

    def token_log_probs(self, records: Any, texts: list[str]) -> np.ndarray:
        digests = pixel_digests(records.images).tolist()
        easy = np.array([generator(0, digest.hex()).normal(-10, 5) for digest in digests])
        noise = np.array([generator(self.seed, digest.hex()).normal() for digest in digests])
        return (easy + noise + self.memory * np.isin(digests, list(self.known)))[:, None]


class Remembering(Repeating):
    """An owner whose captioners find what they learned more probable, by two deviations of their noise."""

    memory = 2.0

    def train_many(self, recipe: Any, pool: Any, members: np.ndarray, seeds: Any, names: Any = ()) -> list[Any]:
        return [Finds(pool.take(row), seed, self.memory) for row, seed in zip(members, seeds, strict=True)]


class Generalising(Remembering):
    """The same without any memory."""

    memory = 0.0


def judged(played: Game, attack: Any) -> tuple[MembershipScores, float]:
    """Return the evidence and its AUC."""
    evidence, members = attack.run(played.world(attack.access)), played.unseal().membership[0]
    inside, outside = evidence.scores[0][members], evidence.scores[0][~members]
    return evidence, float((inside[:, None] > outside).mean())


@pytest.mark.parametrize(("variance", "least"), [("none", 0.85), ("per_point", 0.8)])
def test_planted_memory_is_found_where_difficulty_hides_it(tmp_path: Path, variance: str, least: float) -> None:
    """Catches a score that is turned around, and one that keeps what every captioner finds of a caption.

    Of the plain score AUC = Φ(2 / √(2 · 26)) = 0.61; less the mean of 8 others' it is Φ(2 / √(2 · 9/8)) = 0.91.
    """
    played = game(tmp_path, Remembering)
    evidence, found = judged(played, CaptionLiRA(shadows=8, variance=variance))
    assert found > least > 0.7 > judged(played, CaptionPerplexity(shadows=8))[1]
    members, one = played.unseal().membership[0], np.ones((1, 160))
    assert evidence.threshold is not None
    assert balanced_accuracy(evidence.scores[0], members, evidence.threshold, one)[0] > 0.7


@pytest.mark.parametrize("variance", LEAST)
def test_nothing_is_found_where_nothing_was_planted(tmp_path: Path, variance: str) -> None:
    """Catches a judge that knows who is in the target."""
    assert 0.4 < judged(game(tmp_path, Generalising), CaptionLiRA(shadows=8, variance=variance))[1] < 0.6


def test_a_single_captioner_takes_difficulty_off_without_a_threshold(tmp_path: Path) -> None:
    """Catches a threshold fixed on points that the only judge learned: Φ(2 / √(2 · 2)) = 0.84."""
    evidence, found = judged(game(tmp_path, Remembering), CaptionLiRA(variance="none"))
    assert found > 0.75 and evidence.threshold is None
    assert judged(game(tmp_path, Remembering), CaptionLiRA(variance="none", shadows=2))[0].threshold is None
    assert judged(game(tmp_path, Remembering), CaptionLiRA(variance="none", shadows=4))[0].threshold is not None


def test_too_few_shadows_for_a_deviation_are_refused() -> None:
    """Catches a deviation of one."""
    with pytest.raises(InputError, match=r"attack\.shadows"):
        CaptionLiRA(shadows=1)
    with pytest.raises(InputError, match=r"attack\.variance"):
        CaptionLiRA(shadows=8, variance="pooled")
