"""When two commands mean the same jobs."""

from __future__ import annotations

import pytest

from telltale.sweeps.grid import Numbering, difference, same_jobs, words_of


def test_only_what_makes_a_job_counts() -> None:
    """Catches a grid refused for where it lies, how much it says or in which order its words stand, and a secret."""
    typed = ["seed=1", "+a.b=2", "sweep.name=x", "paths.outputs=y", "verbose=true", "model.api_key=abcdefgh"]
    assert words_of(typed) == ("+a.b=2", "model.api_key=***", "seed=1")
    assert words_of(["seed=1", "pools={members: 1}", "pools.members=2"]) == (
        *("seed=1", "pools={members: 1}", "pools.members=2"),
    )


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([["a=1", "seed=0"], ["a=1", "seed=2"]], "seed was 0,1 and is 0,2"),
        ([["a=2", "seed=0"], ["a=2", "seed=1"]], "a was 1 and is 2"),
        ([["seed=0"], ["seed=1"]], "a was 1 and is left out"),
        ([["a=1", "b=3", "seed=0"], ["a=1", "b=3", "seed=1"]], "b was left out and is 3"),
        ([["a=1", "seed=0"], ["a=1", "seed=1"], ["a=1", "seed=1"]], "there were 2 jobs and are 3"),
    ],
)
def test_the_first_difference_is_named(now: list[list[str]], told: str) -> None:
    """Catches a refusal that leaves it to the user to find out."""
    was = [["a=1", "seed=0"], ["a=1", "seed=1"]]
    assert same_jobs(was, list(reversed(was))) and not same_jobs(was, now)
    assert difference(was, now) == told


def test_other_pairs_of_the_same_values_are_a_difference() -> None:
    """Catches jobs told apart by the values of each word alone."""
    assert difference([["a=1", "b=1"], ["a=2", "b=2"]], [["a=1", "b=2"], ["a=2", "b=1"]]) == "the job a=1 b=1 is gone"


def test_jobs_keep_their_numbers_in_another_order() -> None:
    """Catches results of one job under the number of another, and two equal jobs under one number."""
    numbering = Numbering([("seed=0",), ("seed=1",), ("seed=0",)])
    assert [numbering.of([word]) for word in ("seed=1", "seed=0", "seed=0")] == [1, 0, 2]
