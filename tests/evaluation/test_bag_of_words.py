"""A detector that reads texts and asks no model: at chance where chance dealt them, and sure where a word tells."""

from __future__ import annotations

import numpy as np
import pytest

from telltale.evaluation.bag_of_words import BAG_OF_WORDS, bags_of, by_words, detected
from telltale.evaluation.influence import auc_influence
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling, groups_of
from telltale.evidence import CanaryScores, MembershipScores
from tests.attacks.text_worlds import texts_of

POINTS = 200
GUESS = MembershipScores(np.zeros((1, POINTS)))


def dealt(victims: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = np.stack([rng.permutation(POINTS) < POINTS // 2 for _ in range(victims)])
    return np.stack([half, ~half], 1).reshape(2 * victims, POINTS)


def test_it_is_at_chance_on_a_split_that_chance_has_made() -> None:
    """Catches a half with more members that teaches fewer in the other: areas would lie below one half."""
    texts = texts_of(POINTS)
    members = dealt(40, 0)
    scores = detected(texts.tokens, texts.vocabulary, members, texts.groups, 0)
    assert scores is not None
    areas = np.array([auc_influence(*pair)[0] for pair in zip(scores, members, strict=True)][::2])
    assert areas.mean() == pytest.approx(0.5, abs=4 * areas.std() / np.sqrt(len(areas)))
    assert areas.std() < 0.06


def test_a_planted_shift_is_found_with_an_interval() -> None:
    """Catches scores of other texts than the membership is of."""
    texts, members = texts_of(POINTS), dealt(1, 1)
    tokens = texts.tokens.copy()
    tokens[members[0], 2] = 7
    scores = detected(tokens, texts.vocabulary, members, texts.groups, 0)
    assert scores is not None
    plan = Resampling.crossed(2, POINTS, 200, seed=0, groups=groups_of(members))
    found = score_membership(MembershipScores(scores), members, plan)["auc"]
    assert found.low > 0.7 and found.low < found.value < found.high


def test_near_equal_texts_are_in_one_half() -> None:
    """Catches a detector that has met the text it judges under another name."""
    texts = texts_of(POINTS // 2)
    tokens, groups = np.concatenate([texts.tokens] * 2), np.tile(np.arange(POINTS // 2), 2)
    halves = [np.random.default_rng(seed).permutation(POINTS // 2) < POINTS // 4 for seed in range(8)]
    members = np.tile(np.stack(halves), 2)
    areas = []
    for of in (np.arange(POINTS), groups):
        scores = detected(tokens, texts.vocabulary, members, of, 0)
        assert scores is not None
        areas.append(np.mean([auc_influence(*pair)[0] for pair in zip(scores, members, strict=True)]))
    assert areas[0] > 0.65 and areas[1] == pytest.approx(0.5, abs=0.06)


def test_too_few_of_a_side_give_no_detector() -> None:
    """Catches a fit to one class."""
    texts, members = texts_of(POINTS), np.zeros((1, POINTS), bool)
    members[0, 0] = True
    assert detected(texts.tokens, texts.vocabulary, members, texts.groups, 0) is None


def test_a_group_that_is_nearly_all_gives_no_detector_and_no_error() -> None:
    """Catches a fit to one class, where what is left beside one large group is of one side."""
    texts, members = texts_of(POINTS), np.random.default_rng(0).random((20, POINTS)) < 0.5
    groups = np.array([*np.zeros(POINTS - 2, int), 1, 2])
    found = [detected(texts.tokens, texts.vocabulary, row[None], groups, 0) for row in members]
    assert any(scores is None for scores in found)


def test_words_are_counted_and_what_frames_them_is_not() -> None:
    """Catches padding as the most frequent word, and long texts that weigh more."""
    bags = bags_of(np.array([[1, 5, 5, 4, 2, 0], [1, 3, 2, 0, 0, 0]]), 6).toarray()
    assert bags == pytest.approx(np.array([[0, 0, 0, 0, 1, 2], [0, 0, 0, 5**0.5, 0, 0]]) / 5**0.5)


def test_it_stands_beside_scores_of_texts_alone() -> None:
    """Catches a control of pictures, of canaries, and of what hands over no scores."""
    texts, members = texts_of(POINTS), dealt(1, 1)
    assert set(by_words(texts, members, GUESS, 0)) == {BAG_OF_WORDS}
    assert not by_words(texts, members, CanaryScores(GUESS.scores), 0)
    assert not by_words(object(), members, GUESS, 0) and not by_words(texts, members, object(), 0)
