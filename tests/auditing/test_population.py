"""The held-out records that an attacker knows: whole groups, and nothing that is judged tells of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import telltale
from telltale.auditing.population import set_apart
from telltale.auditing.released import ask
from telltale.data.given import Given, groups_of
from telltale.evaluation.no_model import looks_like_a_member
from telltale.targets.function import FunctionTarget


def given_of(member: np.ndarray, groups: np.ndarray | None) -> Given:
    """Return records of which only these are of interest."""
    rows = np.arange(len(member))
    return Given(rows.astype(float)[:, None], "yours", rows.astype(str), None, (), member, groups)


def drawn(
    member: np.ndarray, groups: np.ndarray | None, share: float = 0.3, seed: int = 0
) -> tuple[set[int], set[int]]:
    """Return the rows known to the attacker, and those that are left out beside."""
    known = set_apart(given_of(member, groups), share, np.random.default_rng(seed))
    return set(known.held.tolist()), set(known.aside.tolist())


def test_small_groups_leave_a_population_and_records_to_judge() -> None:
    """Catches groups of five of which none is whole by chance: no attack against a population could be played."""
    member, groups = np.arange(600) < 300, np.arange(600) // 5
    held, aside = drawn(member, groups)
    assert len(held) == 90 and not aside
    assert not {groups[row] for row in held} & {groups[row] for row in range(600) if row not in held}


@pytest.mark.parametrize(
    ("sizes", "population"), [([50, 50], {50}), ([90, 10], {10}), ([100], {0}), ([40, 30, 30], {30}), ([], {0})]
)
def test_few_large_groups_leave_both_where_they_can(sizes: list[int], population: set[int]) -> None:
    """Catches a population of nobody beside groups that could be one, and one that leaves nobody to judge."""
    groups = np.concatenate([[1000] * 50, np.repeat(np.arange(len(sizes)), sizes)]).astype(int)
    member = groups == 1000
    for seed in range(3):
        assert {len(drawn(member, groups, seed=seed)[0])} == population if sizes else not (~member).any()


def test_groups_on_both_sides_say_that_there_is_no_population() -> None:
    """Catches three hospitals, each with members, and not a word of why half of the attacks are missing."""
    known = set_apart(given_of(np.arange(300) % 2 == 0, np.arange(300) % 3), 0.3, np.random.default_rng(0))
    assert not len(known.held) and not len(known.aside)
    assert "no population: of the groups of 150 held-out records none can be spared" in known.notes[0]


def test_how_large_a_group_is_says_nothing_of_the_side_of_what_is_judged() -> None:
    """Catches small groups that leave the held-out side alone: a record of one would then look like a member."""
    sizes = np.repeat([1, 1, 1, 4], 400)
    groups, single = np.repeat(np.arange(len(sizes)), sizes), np.repeat(sizes, sizes) == 1
    more = []
    for seed in range(10):
        member = np.random.default_rng(seed).random(len(groups)) < 0.5
        held, aside = drawn(member, groups, seed=seed)
        judged = np.isin(np.arange(len(groups)), list(held | aside), invert=True)
        more.append(single[judged & member].mean() - single[judged & ~member].mean())
    assert held and aside and abs(np.mean(more)) < 0.03  # .07 where only the population leaves


def test_without_groups_a_share_is_drawn_as_ever() -> None:
    """Catches a change of what every earlier audit drew."""
    member = np.arange(40) < 20
    expected = set(np.random.default_rng(3).permutation(np.arange(20, 40))[:6].tolist())
    assert drawn(member, None, seed=3)[0] == expected == drawn(member, np.arange(40), seed=3)[0]
    assert drawn(member, None, share=0.0) == (set(), set()) == drawn(member, np.arange(40), share=0.0)


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "a", ""],
        ["a", np.nan, "a", None],
        pd.Series(["a", None, "a", pd.NA]),
        np.array(["a", "nan", "a", "None"]),
    ],
    ids=["list", "nan", "series", "texts"],
)
def test_records_without_a_group_are_each_by_itself(values: object) -> None:
    """Catches all that say nothing drawn as one, which makes intervals as wide as the whole."""
    assert groups_of(values).tolist() == [0, -1, 0, -2]
    assert groups_of([2.5, np.nan, 2.5, np.nan]).tolist() == [0, -1, 0, -2]
    assert groups_of(np.array([7, -1, 7])).tolist() == [1, 0, 1]


def test_records_without_a_group_are_counted_and_change_no_interval() -> None:
    """Catches scores whose groups are mostly blank: one group, and noise that "leaks" or spreads without end."""
    rng = np.random.default_rng(0)
    scores, member = rng.normal(size=300), np.arange(300) % 2
    plain = telltale.score(scores, member, replicates=100)
    blank = telltale.score(scores, member, groups=[None] * 298 + ["a", "a"], replicates=100)
    assert "298 of 300 records have no group and are each by itself" in blank.outcome.notes
    assert abs((blank.auc.high - blank.auc.low) / (plain.auc.high - plain.auc.low) - 1) < 0.2


def test_no_detector_is_learned_of_one_group_and_the_answer_says_so() -> None:
    """Catches a traceback of folds that cannot be cut, and a leak between two hospitals that nobody compared."""
    rng = np.random.default_rng(0)
    x, member = rng.normal(size=(60, 3)), np.arange(60) < 30
    assert looks_like_a_member(x, member, member.astype(int), 0) is None
    assert looks_like_a_member(x, member, np.arange(60) % 3, 0) is not None
    y = np.arange(60) % 2
    sure = np.where(member, 0.9, 0.5)

    def predict(of: np.ndarray) -> np.ndarray:
        right = np.array([sure[np.flatnonzero((x == row).all(1))[0]] for row in of])
        place = np.array([y[np.flatnonzero((x == row).all(1))[0]] for row in of])
        return np.where(place[:, None] == np.arange(2), right[:, None], 1 - right[:, None])

    result = telltale.audit(predict, (x[:30], y[:30]), (x[30:], y[30:]), groups=(["a"] * 30, ["b"] * 30), replicates=50)
    assert result.verdict == "cannot tell" and "could not be checked: members are 1 group" in result.sentence
    assert any("could not be checked" in note for note in result.outcome.notes)


def test_what_is_asked_tells_nobody_who_was_in() -> None:
    """Catches members asked first, a population that is a batch of its own, and a frame's index that counts members."""
    batches: list[pd.DataFrame] = []

    def call(frame: pd.DataFrame) -> np.ndarray:
        batches.append(frame)
        return np.full(len(frame), 0.5)

    frame = pd.DataFrame({"a": np.arange(400.0)}, index=[f"member {row}" for row in range(400)])
    given = Given(frame, "yours", np.arange(400).astype(str), np.arange(400) / 7, (), np.arange(400) < 200)
    ask(FunctionTarget(call, "values", batch_size=40, population=0.5), given, 0)
    assert all(batch.index.tolist() == list(range(40)) for batch in batches)
    shares = [(batch["a"] < 200).mean() for batch in batches]
    assert len(batches) == 10 and min(shares) > 0.2 and max(shares) < 0.8
