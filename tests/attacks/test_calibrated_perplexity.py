"""Perplexity less that of other pictures: a captioner that looks at no picture gives it nothing, one that does gives it
members.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.m4i.calibrated_perplexity import CalibratedPerplexity, of_the_picture
from telltale.attacks.m4i.probabilities import CaptionPerplexity, mean_log_prob
from telltale.data.captions import emoji
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import Vocabulary, vocabulary_of
from telltale.data.pools import PoolSizes
from telltale.evaluation.captions import repeated
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.game.game import Game
from telltale.models.captioner import Captioner
from telltale.owner.caption_calls import word_log_probs
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from telltale.truth import Truth
from tests.attacks.caption_worlds import MODEL

NUMBER, WORDS = 120, 40  # pictures, and words of which each caption has three


def drawn(seed: int = 0) -> CaptionedImages:
    """Draw pictures of noise, each with two captions whose words say nothing of it."""
    rng = np.random.default_rng(seed)
    told = tuple(
        tuple(" ".join(f"w{word}" for word in rng.integers(WORDS, size=3)) for _ in "12") for _ in range(NUMBER)
    )
    return CaptionedImages(
        rng.random((NUMBER, 3, 8, 8), dtype=np.float32),
        told,
        np.arange(NUMBER),
        np.zeros(NUMBER, np.int64),
        ("made up",),
        tuple(map(str, range(NUMBER))),
        "noise",
    )


class Unigram(Captioner):
    """Looks at no picture: each word is as probable as among the members' captions, whatever is shown."""

    def __init__(self, known: CaptionedImages, listed: Vocabulary) -> None:
        torch.manual_seed(0)
        super().__init__("residual", (4, 8), 8, 8, vocabulary=listed.known, shape=known.shape)
        numbers = np.concatenate([listed.row(text) for texts in known.references for text in texts])
        counts = np.bincount(numbers, minlength=len(listed)) + 0.1
        torch.nn.init.zeros_(self.decoder.output.weight)
        with torch.no_grad():
            self.decoder.output.bias.copy_(torch.from_numpy(np.log(counts)).float())


class Seeing(Unigram):
    """Finds the captions of a member's own picture more probable by one nat a word, and all others as before."""

    def __init__(self, known: CaptionedImages, listed: Vocabulary) -> None:
        super().__init__(known, listed)
        self.means = torch.from_numpy(known.images).mean((1, 2, 3))
        self.rows = [{word for text in texts for word in listed.row(text)} for texts in known.references]

    def word_logits(self, pictures: Any, words: Any) -> Any:
        logits = super().word_logits(pictures, words).clone()
        for place, mean in enumerate(pictures.mean((1, 2, 3))):
            apart = (self.means - mean).abs()
            if apart.min() < 1e-6:
                logits[place, :, :, list(self.rows[int(apart.argmin())])] += 1
        return logits


class Constant(Captioner):
    """A captioner whose weights are those of chance but for its eyes, which are shut: features do not depend on it."""

    def __init__(self, known: CaptionedImages, listed: Vocabulary) -> None:
        torch.manual_seed(1)
        super().__init__("residual", (4, 8), 32, 48, vocabulary=listed.known, shape=known.shape)
        torch.nn.init.zeros_(self.head_norm.weight)


def played(folder: Path, kind: type[Captioner], seed: int = 0) -> Game:
    """Deal the pictures out to an owner whose captioners are of that kind."""
    records = drawn(seed)
    listed = vocabulary_of(records.references, 1)

    class Owning(Owner):
        def train_many(self, recipe: Any, pool: Any, members: Any, seeds: Any, names: Any = ()) -> list[Release]:
            models = [kind(pool.take(row), listed) for row in members]  # type: ignore[call-arg,arg-type]
            return [Release(lambda one=one: one, f"{kind.__name__} {place}") for place, one in enumerate(models)]  # type: ignore[misc]

    sizes = PoolSizes(members=30, non_members=30, auxiliary=60)
    pools = deal_by_concept(records, sizes, seed)
    return Game(pools, Recipe(MODEL, {}, TrainerOptions(accelerator="cpu")), Owning(Store(folder)), 1, seed)


def measured(attack: CaptionPerplexity, game: Game) -> tuple[float, float]:
    evidence, truth = attack.run(game.world(attack.access)), game.unseal().membership
    found = score_membership(evidence, truth, Resampling.over(truth.shape[1], 10, seed=0))
    return found["auc"].value, found["balanced_accuracy"].value


def test_a_list_of_the_members_words_gives_exactly_chance(tmp_path: Path) -> None:
    """Catches a score that calls members by their words alone: perplexity does, in front of the same model."""
    game = played(tmp_path, Unigram)
    assert measured(CaptionPerplexity(), game)[0] > 0.7
    assert measured(CalibratedPerplexity(), game) == (0.5, 0.5)


def test_shut_eyes_give_exactly_nothing_whatever_the_batch(tmp_path: Path) -> None:
    """Catches rounding of float32 that tells points apart where every picture is the same to the model."""
    release = played(tmp_path, Constant).released()[0]
    records = drawn()
    assert np.ptp(mean_log_prob(release, records)) > 0.1
    assert not of_the_picture(release, records, np.arange(NUMBER), 20).any()


def test_what_is_seen_of_a_members_picture_is_found(tmp_path: Path) -> None:
    """Catches a difference turned around, and captions compared with the picture of another."""
    assert min(measured(CalibratedPerplexity(), played(tmp_path, Seeing))) > 0.95


def test_each_caption_is_asked_with_other_pictures_and_never_twice_with_one() -> None:
    """Catches a picture that is among its own others, and a score that is not the mean of differences."""
    records, pairs = drawn(), []

    class Asked:
        def token_log_probs(self, shown: CaptionedImages, texts: list[str]) -> np.ndarray:
            pictures = [int(name) for name in shown.names]
            pairs.extend(zip(pictures, texts, strict=True))
            return np.array([[-1.0 * picture] for picture in pictures])

    order = np.random.default_rng(0).permutation(NUMBER)
    score = of_the_picture(Asked(), records, order, 3)  # type: ignore[arg-type]
    place = np.argsort(order)
    others = order[(place[:, None] + np.arange(1, 4)) % NUMBER]
    np.testing.assert_allclose(score, others.mean(1) - np.arange(NUMBER), atol=1e-5)
    assert len(pairs) == 2 * 4 * NUMBER and not (others == np.arange(NUMBER)[:, None]).any()


@pytest.mark.parametrize("number", [1, 2, 5])
def test_of_few_points_all_others_are_asked(number: int) -> None:
    """Catches a point that is compared with itself, or with nothing, where there are fewer points than `others`."""

    class Asked:
        def token_log_probs(self, shown: CaptionedImages, texts: list[str]) -> np.ndarray:
            return np.array([[float(name == "0")] for name in shown.names])

    score = of_the_picture(Asked(), drawn().take(np.arange(number)), np.arange(number), 20)  # type: ignore[arg-type]
    expected = np.where(np.arange(number) == 0, 1.0, -1 / max(number - 1, 1)) if number > 1 else np.zeros(1)
    np.testing.assert_allclose(score, expected, atol=1e-5)


def test_what_is_asked_is_parted_into_words_once_however_many_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches texts that are all read again for every batch, which took half of the time of 3,200 pictures."""
    records, parted = drawn(), Counter[str]()
    texts = [f"w{place % WORDS} w3" for place in range(NUMBER)]
    model = Unigram(records, vocabulary_of(records.references, 1))
    plain = Vocabulary.row

    def counting(self: Vocabulary, text: str) -> list[int]:
        parted[text] += 1
        return plain(self, text)

    monkeypatch.setattr(Vocabulary, "row", counting)
    pictures, query = torch.from_numpy(records.images), word_log_probs(texts)
    with torch.no_grad():
        answers = [query(model, pictures[rows], rows) for rows in np.array_split(np.arange(NUMBER), 6)]
        assert parted == Counter(texts)
        np.testing.assert_allclose(np.concatenate(answers), query(model, pictures, np.arange(NUMBER)), atol=1e-5)


def test_of_emoji_a_list_of_words_finds_most_members_and_half_of_the_words_cannot_be_learned() -> None:
    """Catches figures of docs/m4i.md on the data: what plain perplexity owes to words, and what no model can know."""
    listed = vocabulary_of((whole := emoji.load().records).references, 3)
    found = []
    for seed in range(3):
        points = deal_by_concept(whole, PoolSizes(members=200, non_members=200, auxiliary=8), seed).challenge
        members = np.arange(400) < 200
        release = Release(partial(Unigram, points.take(members), listed), "list")
        inside, outside = (mean_log_prob(release, points.take(side)) for side in (members, ~members))
        auc = (inside[:, None] > outside).mean()
        truth = Truth(members[None], (), None, points.references)  # type: ignore[arg-type]
        measured = repeated((("",) * 400,), truth, Resampling.over(400, 2, seed=0))
        found.append((auc, measured["words_seen"].value))
    np.testing.assert_allclose(np.mean(found, 0), (0.90, 0.52), atol=0.02)
