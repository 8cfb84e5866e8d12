"""A handful of persons with many records each: what is said rests on persons, as intervals do."""

from __future__ import annotations

import numpy as np
import pytest

import telltale
from telltale.evaluation.answer import CANNOT_TELL, LEAKS
from telltale.evaluation.few_records import permuted_p


def a_game(seed: int, persons: int, each: int = 20, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, membership and whose: so many persons a side, whose records have most of a score in common."""
    rng, whose = np.random.default_rng(seed), np.repeat(np.arange(2 * persons), each)
    members = whose < persons
    return rng.normal(size=2 * persons)[whose] + 0.5 * rng.normal(size=len(whose)) + shift * members, members, whose


@pytest.mark.parametrize("persons", [1, 3])
def test_what_persons_have_in_common_is_no_leak(persons: int) -> None:
    """Catches a sign test and a permutation of records: by these half of such games "leak"."""
    for seed in range(6):
        scores, members, whose = a_game(seed, persons)
        found = telltale.score(scores, members, groups=whose, random_split=True)
        assert found.verdict == CANNOT_TELL
        assert f"members of {persons} group" in found.sentence


def test_a_leak_of_a_few_persons_that_chance_does_not_give_is_told() -> None:
    scores, members, whose = a_game(0, 8, shift=9.0)
    found = telltale.score(scores, members, groups=whose, random_split=True)
    assert found.verdict == LEAKS and "members of 8 groups" in found.sentence
    assert f"AUC 1.000 [{0.025 ** (1 / 8):.2f}, 1.00]" in found.sentence


def test_a_detector_without_a_fault_is_a_difference_however_few_persons_there_are() -> None:
    """Catches members of another kind called alike, as an interval of five persons reaches below one half."""
    scores, members, whose = a_game(0, 5, 200, shift=9.0)
    features = np.stack([members + 0.1 * np.random.default_rng(1).normal(size=len(members))] * 2, axis=1)
    found = telltale.score(scores, members, groups=whose, features=features)
    assert found.verdict == CANNOT_TELL and "your members differ" in found.sentence


def test_roles_of_groups_are_permuted_as_wholes() -> None:
    """Three persons a side in order: 1 of the 20 ways to deal six out is as large."""
    whose = np.repeat(np.arange(6), [5, 1, 3, 2, 4, 6])
    ranked = -np.arange(len(whose), dtype=float)[None]
    members = (whose < 3)[None]
    assert permuted_p(ranked, members, whose) == pytest.approx(1 / 20, abs=0.01)
    assert permuted_p(ranked, members) < 0.001
    mixed = members.copy()
    mixed[0, 0] = False  # a person on both sides: records are permuted, as their roles were dealt
    assert permuted_p(ranked, mixed, whose) == permuted_p(ranked, mixed)
