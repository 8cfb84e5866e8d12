"""Records, groups and classes on both sides of a given split are counted and told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import telltale
from telltale.auditing.labels import fitting
from telltale.auditing.sides import apart, keys_of, one_record_an_id
from telltale.data.given import Given
from telltale.errors import InputError
from telltale.game.answers import Answers


def given_of(inputs: object, member: list[int], **more: object) -> Given:
    """Return records that are members or not."""
    ids = np.array([f"r{row}" for row in range(len(member))])
    return Given(inputs, "yours", ids, member=np.array(member, bool), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "inputs",
    [
        np.array([[1.0, 2], [3, 4], [1, 2], [5, 6], [1, 2], [7, 8], [7, 8], [9, 0]]),
        pd.DataFrame({"a": [1, 3, 1, 5, 1, 7, 7, 9], "b": ["x", None, "x", "z", "x", "y", "y", None]}),
        ["CCO", "c1ccccc1", "OCC", "CN", "C(O)C", "CCN", "NCC", "CC"],
        pd.Series(["CCO", "c1ccccc1", "OCC", "CN", "C(O)C", "CCN", "NCC", "CC"]),
        np.array(["CCO", "c1ccccc1", "OCC", "CN", "C(O)C", "CCN", "NCC", "CC"]),
    ],
    ids=["array", "frame", "molecules", "series", "texts"],
)
def test_records_that_occur_more_than_once_leave_both_sides_and_are_counted(inputs: object) -> None:
    """Catches twins left out of one side alone, which thins it of all that is common, and twins of another spelling."""
    rows, said = apart(given_of(inputs, [1, 1, 0, 0, 1, 1, 1, 0]))
    assert rows.tolist() == [1, 3, 7]
    assert said == (
        "2 members and 1 held-out records equal a record of the other side and are not judged (r0, r2, r4)",
        "2 members and 0 held-out records equal a record of their own side and are not judged (r5, r6)",
    )


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_answers_that_follow_how_common_a_record_is_are_no_leak(share: float) -> None:
    """Catches a side that keeps the common records: a model without memory then looks as if it had one.

    Where members are the more, dropping what stands on both sides is not enough: k equal rows are all on the larger
    side by chance more often the larger k is.
    """
    rng = np.random.default_rng(0)
    x = (rng.random((3000, 14)) < 0.15).astype(float)
    member = rng.permutation(len(x)) < share * len(x)
    y = rng.integers(0, 2, len(x))
    unseen = np.full(2**14, True)
    unseen[keys := (x @ 2 ** np.arange(14)).astype(int)] = True
    unseen[keys[member]] = False

    def usual(of: np.ndarray, remembered: float = 0.0) -> np.ndarray:
        known = ~unseen[(of @ 2 ** np.arange(14)).astype(int)]
        sure = 0.95 - 0.05 * of.sum(1) + remembered * known
        return np.stack([sure, 1 - sure], 1)

    sides = (x[member], y[member]), (x[~member], y[~member])
    result = telltale.audit(usual, *sides, random_split=True, replicates=50)
    assert result.verdict != "leaks" and max(result.table["auc"]) < 0.6
    planted = telltale.audit(lambda of: usual(of, 0.04), *sides, random_split=True, replicates=50)
    assert planted.verdict == "leaks"


def test_groups_and_classes_on_one_side_or_both_are_told() -> None:
    """Catches a person on both sides, and a class that gives its members away, without a word."""
    inputs = np.arange(12.0).reshape(6, 2)
    more = {"labels": np.array([0, 0, 1, 0, 0, 2]), "classes": ("a", "b", "c"), "groups": np.array([0, 1, 2, 0, 3, 4])}
    _, said = apart(given_of(inputs, [1, 1, 1, 0, 0, 0], **more))
    assert said[0].startswith("1 of 5 groups (dataset.group) have members and held-out records")
    assert said[1].startswith("1 class has no held-out records (b)")
    assert said[2].startswith("1 class has no members (c)")


def test_nothing_is_said_where_all_is_well_and_nothing_left_is_an_error() -> None:
    """Catches a note of nothing, and an audit of no record."""
    assert apart(given_of(np.arange(4.0)[:, None], [1, 1, 0, 0]))[1] == ()
    with pytest.raises(InputError, match="each of the 2 held-out records of yours equals another record: none is left"):
        apart(given_of(np.array([[1.0], [2], [1], [2], [3]]), [1, 1, 0, 0, 1]))
    with pytest.raises(InputError, match=r"each of the 2 members .* none is left to judge; list each record once"):
        apart(given_of(np.array([[1.0], [1], [2]]), [1, 1, 0]))
    assert len(keys_of([np.zeros(2), np.zeros(3)])) == 2
    assert len(set(keys_of(pd.DataFrame({"a": [[1], [2], [1]]})).tolist())) == 2


def test_an_audit_from_python_tells_of_twins() -> None:
    """Catches what is told of the sides and never reaches the result."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    x[30:33] = x[:3]
    result = telltale.audit(lambda of: np.full((len(of), 2), 0.5), (x[:30], y[:30]), (x[30:], y[30:]), replicates=20)
    assert any("3 members and 3 held-out records equal a record" in note for note in result.outcome.notes)
    assert len(result.outcome.ids) == 54 - int(0.3 * 27)


def test_labels_are_what_the_answers_are() -> None:
    """Catches whole-numbered values judged by the place of a class, and an error far from its cause."""
    ages = given_of(np.zeros((3, 1)), [1, 0, 0], labels=np.array([0, 2, 1]), classes=("10", "20", "30.5"))
    assert fitting(ages, "values").labels.tolist() == [10, 30.5, 20] and fitting(ages, "values").real
    assert fitting(ages, "probabilities") is ages
    with pytest.raises(InputError, match=r"the labels are classes \('ill'\); expected a label of numbers"):
        fitting(given_of(np.zeros((1, 1)), [1], labels=np.array([0]), classes=("ill",)), "values")
    with pytest.raises(InputError, match=r"the labels are real values; target\.gives=values"):
        fitting(given_of(np.zeros((1, 1)), [1], labels=np.array([0.5])), "labels")


def test_a_class_without_held_out_records_ends_no_audit() -> None:
    """Catches an attack by class that divides by nothing, and a figure that is none."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 2)), np.arange(90) % 3
    held = np.flatnonzero((np.arange(90) >= 45) & (y != 2))
    said = lambda of: np.full((len(of), 3), 1 / 3)  # noqa: E731
    result = telltale.audit(said, (x[:45], y[:45]), (x[held], y[held]), replicates=20)
    assert any("1 class has no held-out records (2)" in note for note in result.outcome.notes)
    assert np.isfinite(result.table["auc"]).all()


def test_an_id_on_both_sides_is_not_judged() -> None:
    """Catches a record named a member and a non-member of one model, in one table of exposure."""
    scores, member = np.arange(40.0), np.arange(40) % 2 == 0
    ids = [*(f"p{row // 2}" for row in range(4)), "q", "r", "q", *(f"p{row}" for row in range(7, 40))]
    result = telltale.score(scores, member, ids=ids, replicates=20)
    notes = " ".join(result.outcome.notes)
    assert (
        "2 members and 2 non-members have an id that stands on the other side, too, and are not judged (p0, p1)"
        in notes
    )
    assert "2 members and 0 non-members have an id that occurs more than once and are not judged (q)" in notes
    assert result.outcome.ids is not None and result.outcome.ids.tolist() == ["r", *(f"p{row}" for row in range(7, 40))]
    assert result.outcome.membership.shape == (1, 34)
    with pytest.raises(InputError, match="none is left to judge: 20 members and 20 non-members have an id"):
        telltale.score(scores, member, ids=np.arange(40) // 2)


def test_rows_of_an_id_on_one_side_are_one_draw() -> None:
    """Catches an interval that shrinks where a record is listed twice; rows without an id are by themselves."""
    member = np.repeat([[True, False] * 20, [True, True, False, False] * 10], 2, axis=1)
    ids = np.repeat([*(f"p{row}" for row in range(39)), ""], 2).astype("<U9")
    answers, notes = one_record_an_id(Answers("scores", np.zeros((2, 80)), member, ids=ids))
    assert answers.groups is not None and len(np.unique(answers.groups)) == 41 and answers.points == 80
    assert notes == ("39 ids (p0, p1, p2, …) stand for several rows each, which are one draw",)
    ids[2:] = [f"row {row}" for row in range(2, 80)]
    member[1, 1] = False  # of the second model alone
    kept, (told,) = one_record_an_id(Answers("scores", np.zeros((2, 80)), member, ids=ids))
    assert kept.points == 78 and kept.groups is None and told.startswith("2 members and 0 non-members of model 0 have")
