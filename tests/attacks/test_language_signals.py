"""What log-probabilities say, against definitions written out token by token."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.attacks.membership.language_signals import (
    lowest_mean,
    mean_log_prob,
    standardised,
    total_zlib_ratio,
    zlib_lengths,
    zlib_ratio,
)

TOKENS = st.lists(st.floats(-20, 0), min_size=1, max_size=12)


def rows_of(texts: list[list[float]]) -> np.ndarray:
    width = max(map(len, texts)) + 1
    return np.array([text + [math.nan] * (width - len(text)) for text in texts])


@given(st.lists(TOKENS, min_size=1, max_size=4), st.sampled_from([1.0, 10.0, 20.0, 50.0, 100.0]))
def test_the_lowest_mean_is_that_of_the_sorted_tokens(texts: list[list[float]], k: float) -> None:
    """Catches a share of the row with what lies beyond the end, the highest tokens, and a share that is none."""
    expected = [np.mean(sorted(text)[: max(1, int(k / 100 * len(text)))]) for text in texts]
    assert lowest_mean(rows_of(texts), k) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("k", [7, 29, 57, 58])
def test_a_share_of_a_hundred_tokens_is_so_many(k: int) -> None:
    """Catches 0.29 times 100, which is a little below 29 in binary."""
    assert lowest_mean(-np.arange(100.0)[None], k) == pytest.approx(np.array([-np.arange(100 - k, 100).mean()]))


@given(st.lists(TOKENS, min_size=1, max_size=4))
def test_all_of_the_tokens_are_the_mean_and_zlib_divides_it_or_the_sum(texts: list[list[float]]) -> None:
    """Catches what lies beyond the end counted as a token."""
    rows, lengths = rows_of(texts), np.arange(10, 10 + len(texts))
    assert mean_log_prob(rows) == pytest.approx(np.array([np.mean(text) for text in texts]))
    assert lowest_mean(rows, 100) == pytest.approx(mean_log_prob(rows))
    assert zlib_ratio(rows, lengths) == pytest.approx(np.array([np.mean(text) for text in texts]) / lengths)
    assert total_zlib_ratio(rows, lengths) == pytest.approx(np.array([sum(text) for text in texts]) / lengths)


def test_a_compressed_length_is_in_bytes_of_utf8() -> None:
    """Catches lengths of characters, and of what was not compressed."""
    texts = ["a" * 500, "кот и пёс", ""]
    assert zlib_lengths(texts).tolist() == [len(zlib.compress(text.encode())) for text in texts]
    assert zlib_lengths(texts)[0] < 20


def test_a_token_is_standardised_by_the_moments_of_log_p_under_p() -> None:
    """Catches a mean over the vocabulary that is not weighted by p, and a variance in the place of a deviation."""
    p = np.array([0.5, 0.3, 0.15, 0.05])
    mean = sum(q * math.log(q) for q in p)
    deviation = math.sqrt(sum(q * (math.log(q) - mean) ** 2 for q in p))
    found = standardised(np.log(p)[:, None], np.tile([mean, deviation], (4, 1, 1)))
    assert found[:, 0] == pytest.approx((np.log(p) - mean) / deviation)
    assert found[:, 0] @ p == pytest.approx(0) and found[:, 0] ** 2 @ p == pytest.approx(1)


def test_a_model_that_is_certain_gives_a_finite_score() -> None:
    """Catches 0 / 0 where one token has all the probability."""
    assert standardised(np.array([[-1e-9]]), np.zeros((1, 1, 2))) == pytest.approx(np.array([[-1e-3]]))
