"""LiRA on the probability of captions: it finds planted memory, takes difficulty off, and finds no more."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from telltale.attacks.m4i.likelihood import LEAST, CaptionLiRA
from telltale.attacks.m4i.probabilities import CaptionPerplexity
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.scenes.reader import load
from telltale.data.images.records import pixel_digests
from telltale.data.pools import PoolSizes
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.evaluation.ranking import balanced_accuracy
from telltale.evidence import MembershipScores
from telltale.game.game import Game, drawn
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from tests.attacks.caption_worlds import MODEL, Repeating, game


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


@pytest.mark.parametrize("variance", LEAST)
def test_permuted_membership_leaves_the_evidence_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variance: str
) -> None:
    """Catches membership in the points' order, the shadows or a seed: answers alone tell it.

    The same captioners answer in both games, whose members are others.
    """
    attack = CaptionLiRA(shadows=8, variance=variance)
    played = game(tmp_path, Remembering, victims=2)
    order = np.random.default_rng(5).permutation(160)
    monkeypatch.setattr("telltale.game.game.drawn", lambda pools, rng: drawn(pools, rng)[order])
    others = game(tmp_path, Remembering, victims=2)
    assert (played._members != others._members).sum(1).min() > 40
    one, other = (attack.run(each.world_of(played.released(), attack.access)) for each in (played, others))
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.threshold, other.threshold)


@cache
def scenes() -> CaptionedImages:
    records = load(1300, size=8).records
    assert isinstance(records, CaptionedImages)
    return records


@cache
def places() -> dict[bytes, int]:
    return {digest: place for place, digest in enumerate(pixel_digests(scenes().images).tolist())}


class Knows(Finds):
    """The best captioner of scenes there is: log p(caption | scene) by their law, and noise and memory as `Finds`."""

    def token_log_probs(self, records: Any, texts: list[str]) -> np.ndarray:
        digests = pixel_digests(records.images).tolist()
        shown = scenes().shown
        assert shown is not None
        best = shown.take(np.array([places()[digest] for digest in digests])).log_probabilities(
            [(text,) for text in texts]
        )
        noise = np.array([generator(self.seed, digest.hex()).normal() for digest in digests])
        return (
            np.asarray(best).reshape(len(texts), 1)
            + (noise + self.memory * np.isin(digests, list(self.known)))[:, None]
        )


class Optimal(Remembering):
    """An owner whose captioners know the law of scenes, and find what they learned more probable by two deviations."""

    def train_many(self, recipe: Any, pool: Any, members: np.ndarray, seeds: Any, names: Any = ()) -> list[Any]:
        return [Knows(pool.take(row), seed, self.memory) for row, seed in zip(members, seeds, strict=True)]


class Forgetful(Optimal):
    """The same without any memory."""

    memory = 0.0


@pytest.mark.parametrize("owner", [Optimal, Forgetful])
def test_on_scenes_what_is_found_is_what_their_law_and_the_planted_memory_say(
    tmp_path: Path, owner: type[Optimal]
) -> None:
    """Catches an attack that finds less than there is, or more than there is, where captions' law is known.

    Score of a point: difficulty d + noise of deviation 1 + memory m of members. For a pair of a member i and another j
    P(i above j) = Φ((m + dᵢ - dⱼ) / √2); less the mean of 8 others' it is Φ(m / √(2 · 9/8)) whatever d. Four standard
    errors of 240 against 240 points are 0.06 there; given the d, noise alone is left of the first.
    """
    sizes = PoolSizes(members=240, non_members=240, auxiliary=800)
    pools = deal_by_concept(scenes(), sizes, 0)
    played = Game(pools, Recipe(MODEL, {}, TrainerOptions(accelerator="cpu")), owner(Store(tmp_path)), 1, 0)
    members, points = played.unseal().membership[0], played.knowledge.challenge
    shown = scenes().shown
    assert shown is not None
    rows = np.array([places()[digest] for digest in pixel_digests(points.images).tolist()])
    truths = [scenes().references[row] for row in rows]
    difficulty = shown.take(rows).log_probabilities(truths) / len(truths[0])  # of all of a scene's captions together
    apart = owner.memory + difficulty[members][:, None] - difficulty[~members]
    assert abs(judged(played, CaptionPerplexity(shadows=8))[1] - ndtr(apart / np.sqrt(2)).mean()) < 0.03
    calibrated = judged(played, CaptionLiRA(shadows=8, variance="none"))[1]
    assert abs(calibrated - ndtr(owner.memory / np.sqrt(2 * 9 / 8))) < 0.06
