"""First of several: each of the others can refute it, and the rank says what the seeds leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.papers.claims import Verdict
from telltale.papers.judging import judge
from telltale.papers.rank import rank
from telltale.papers.results import Measured, Results
from telltale.papers.seeds import Mean
from tests.papers.test_claims import claim

OTHERS = ["gcn", "gat", "sage"]
JITTER = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])


def world(values: Mapping[str, float], jitter: Sequence[float] = JITTER) -> Results:
    """Make up five seeds in which every experiment but the first moves on its own."""
    return {
        (name, seed): {"target/auc": Measured(value + float(np.roll(jitter, place)[seed]))}
        for place, (name, value) in enumerate(values.items())
        for seed in range(len(jitter))
    }


def first(**more: Any) -> Any:
    return claim(first_of=OTHERS, **more)


@pytest.mark.parametrize(
    ("gin", "verdict", "cell"),
    [
        (0.9, Verdict.HOLDS, (1, 1, 1)),
        (0.5, Verdict.FAILS, (4, 4, 4)),
        (0.7, Verdict.FAILS, (2, 2, 2)),  # one above, two below
        (0.801, Verdict.UNKNOWN, (1, 1, 2)),  # as high as the highest
    ],
)
def test_first_of_several_holds_over_each_and_fails_under_any(
    gin: float, verdict: Verdict, cell: tuple[float, float, float]
) -> None:
    """Catches "most of all" that is told from the mean of the others."""
    tested = judge(first(), world({"gin": gin, "gcn": 0.6, "gat": 0.8, "sage": 0.6}))
    assert tested.verdict is verdict and (tested.value, tested.low, tested.high) == cell
    assert set(tested.rows) == {f"over {name}" for name in OTHERS}


def test_equal_means_share_their_ranks_and_one_seed_has_no_interval() -> None:
    """Catches a tie that is told as a lead, and an interval out of a single run."""
    assert rank([Mean(0.0, 0.1, 4), Mean(0.0, 0.1, 4)]) == (2.0, 1.0, 3.0)
    assert np.isnan(rank([Mean(0.1), Mean(-0.1)])[1:]).all() and rank([Mean(0.1), Mean(-0.1)])[0] == 2.0


def test_an_encoder_that_never_ran_leaves_the_rank_open() -> None:
    """Catches the first of three told as the first of four."""
    tested = judge(first(), world({"gin": 0.9, "gcn": 0.6, "gat": 0.8}))
    assert tested.verdict is Verdict.UNKNOWN and "sage" in tested.reason and np.isnan(tested.value)


def test_a_rank_has_no_bound_beside_it() -> None:
    with pytest.raises(InputError, match="alone: a rank"):
        first(above=0.5)
