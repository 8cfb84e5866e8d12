"""BLEU and ROUGE are those of sacrebleu and rouge-score, for all captions at once."""

from __future__ import annotations

import logging
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics import BLEU

from telltale.data.captions.metrics import all_pairs
from telltale.data.captions.metrics.all_pairs import rouge_l_of_pairs
from telltale.data.captions.metrics.bleu import bleu, brevity_penalty
from telltale.data.captions.metrics.rouge import Rouge, rouge_l, rouge_n
from telltale.data.captions.metrics.tokens import CaptionTokens

logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # it advises against what the paper's authors do
CAPTIONS = st.lists(st.sampled_from("abcde"), max_size=9)
PAIRS = st.lists(st.tuples(CAPTIONS, st.lists(CAPTIONS, min_size=1, max_size=4)), min_size=1, max_size=6)
RNG = np.random.default_rng(0)
LONG = [  # over the borders of 64 and 128 places
    ([*RNG.choice([*"abcdefgh"], length)], [[*RNG.choice([*"abcdefgh"], other)] for other in (63, 64, 65, 140)])
    for length in (62, 64, 66, 128, 131)
]


class Split(Tokenizer):
    """Words as they are, where rouge-score would drop all but letters and digits."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Split())
SACREBLEU = [BLEU(smooth_method="none", max_ngram_order=order, tokenize="none") for order in (1, 2, 3, 4)]


def tokens(*pairs: tuple[list[str], list[list[str]]]) -> CaptionTokens:
    return CaptionTokens.of(*zip(*pairs, strict=True))


def one(candidate: str, *references: str) -> CaptionTokens:
    return tokens((candidate.split(), [reference.split() for reference in references]))


def by_rouge_score(pairs: list, name: str) -> np.ndarray:
    """Mean over the references of precision, recall and F1: (3, n)."""
    scored = [
        [SCORER.score(" ".join(reference), " ".join(candidate))[name] for reference in references]
        for candidate, references in pairs
    ]
    return np.array([np.mean(scores, axis=0) for scores in scored]).T


@settings(deadline=None, max_examples=60)
@given(PAIRS)
@example(LONG)
def test_bleu_is_that_of_sacrebleu_sentence_by_sentence(pairs: list) -> None:
    """Catches unclipped counts, the wrong reference length, smoothing, and n-grams across the padding."""
    expected = [
        [
            scorer.sentence_score(" ".join(candidate), list(map(" ".join, references))).score / 100
            for scorer in SACREBLEU
        ]
        for candidate, references in pairs
    ]
    np.testing.assert_allclose(bleu(tokens(*pairs)), expected, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(PAIRS)
@example(LONG)
def test_rouge_is_the_mean_of_rouge_scores_over_the_references(pairs: list) -> None:
    """Catches the best reference instead of the mean, absent references counted, and a common substring as LCS."""
    captions = tokens(*pairs)
    ours = {"rouge1": rouge_n(captions, 1), "rouge2": rouge_n(captions, 2), "rougeL": rouge_l(captions)}
    for name, values in ours.items():
        np.testing.assert_allclose(np.array(values), by_rouge_score(pairs, name), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_counting_sets_forgets_how_often_an_ngram_is_there(pairs: list) -> None:
    """Catches repetitions that count in one of the two denominators."""
    ours = rouge_n(tokens(*pairs), 2, counting="sets")
    for place, (candidate, references) in enumerate(pairs):
        own, *others = ({(a, b) for a, b in pairwise(caption)} for caption in (candidate, *references))
        recalls = [len(own & other) / max(len(other), 1) for other in others]
        f1s = [2 * len(own & other) / max(len(own) + len(other), 1) for other in others]
        np.testing.assert_allclose([ours.recall[place], ours.f1[place]], [np.mean(recalls), np.mean(f1s)], atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_the_longest_common_subsequence_is_found_by_trying_all(first: list, second: list) -> None:
    """Catches a carry that is lost, against a definition without any recurrence."""
    kept = [{chosen for n in range(8) for chosen in combinations(caption, n)} for caption in (first, second)]
    longest = max(map(len, kept[0] & kept[1]))
    assert rouge_l(tokens((first, [second]))).precision[0] == pytest.approx(longest / max(len(first), 1))


def plain(caption: list[str], reference: list[str]) -> float:
    """ROUGE-L F1 by the table of lengths, cell by cell."""
    lengths = [[0] * (len(reference) + 1) for _ in range(len(caption) + 1)]
    for row, word in enumerate(caption):
        for column, other in enumerate(reference):
            longer = max(lengths[row][column + 1], lengths[row + 1][column])
            lengths[row + 1][column + 1] = lengths[row][column] + 1 if word == other else longer
    return 2 * lengths[-1][-1] / max(len(caption) + len(reference), 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(CAPTIONS, min_size=1, max_size=6), PAIRS, st.integers(1, 2000))
@example([caption for caption, _ in LONG], LONG, 1)
def test_rouge_l_of_all_pairs_is_that_of_each_pair(captions: list, pairs: list, block: int) -> None:
    """Catches captions of a block exchanged, words past the end of a shorter one that count, and a lost carry."""
    pictures = [references for _, references in pairs]
    expected = [[np.mean([plain(said, one) for one in references]) for references in pictures] for said in captions]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_pairs, "BLOCK_BYTES", block)
        np.testing.assert_allclose(rouge_l_of_pairs(captions, pictures), expected, atol=1e-12)


def test_nothing_is_compared_with_nothing() -> None:
    """Catches a crash where nobody has a caption, and a picture without one that is worth 0."""
    assert rouge_l_of_pairs([], [[["a"]]]).shape == (0, 1) and rouge_l_of_pairs([["a"]], []).shape == (1, 0)
    with pytest.raises(ValueError, match="no reference"):
        rouge_l_of_pairs([["a"]], [[]])


def test_values_worked_out_by_hand() -> None:
    """Catches the classic mistakes: Papineni's "the the the" and a short candidate without a penalty."""
    assert bleu(one("the the the the the the the", "the cat is on the mat"))[0, 0] == pytest.approx(2 / 7)
    np.testing.assert_allclose(bleu(one("the cat", "the cat sat")), [[np.exp(-0.5)] * 2 + [0, 0]])
    assert rouge_l(one("police kill the gunman", "police killed the gunman"))[2][0] == pytest.approx(3 / 4)
    np.testing.assert_allclose(brevity_penalty(one("a b c", "a b", "a b c d", "a")), [1.0])  # the shorter of two


def test_an_empty_caption_scores_nothing_and_breaks_nothing() -> None:
    """Catches the released code's mistake: an empty caption that ends in an exception or keeps half a sum."""
    captions = tokens(([], [["a"], ["b", "c"]]), (["a"], [[]]))
    assert not bleu(captions).any()
    assert not np.array([rouge_n(captions, 1), rouge_n(captions, 2, "sets"), rouge_l(captions)]).any()
    nothing = CaptionTokens.of([], [])
    assert bleu(nothing).shape == (0, 4) and rouge_l(nothing).f1.shape == (0,)


def test_a_value_does_not_depend_on_what_else_is_in_the_batch() -> None:
    """Catches padding that leaks from a longer neighbour."""
    pairs = [([*"abca"], [[*"aba"]]), (["x"] * 90, [["x"] * 70, ["y"] * 130])]
    together, alone = tokens(*pairs), tokens(pairs[0])
    assert bleu(together)[0].tolist() == bleu(alone)[0].tolist()
    assert [part[0] for part in rouge_n(together, 2)] == [part[0] for part in rouge_n(alone, 2)]
    assert isinstance(rouge_l(together), Rouge)


def test_what_cannot_be_compared_is_refused() -> None:
    """Catches a candidate without references, whose mean would be of nothing."""
    with pytest.raises(ValueError, match="no reference"):
        CaptionTokens.of([["a"]], [[]])
    with pytest.raises(ValueError, match="2 candidates, but references of 1"):
        CaptionTokens.of([["a"], ["b"]], [[["a"]]])
    with pytest.raises(ValueError, match="counting"):
        rouge_n(one("a", "a"), 1, counting="bags")
