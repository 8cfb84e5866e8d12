"""Records of any kind become plain numbers that say nothing of the order in which they were handed over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import telltale
from telltale.data.plain_numbers import numbers_of, texts_of
from telltale.data.tables.inferred import MOST_LEVELS, featurised
from telltale.errors import InputError


def test_numbers_of_a_frame_say_nothing_of_the_order_of_its_rows() -> None:
    """Catches words numbered as they appear, members first: a detector then knows them all."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"ward": rng.choice(list("dbca"), 60), "age": rng.integers(20, 90, 60)})
    there, _ = numbers_of(frame)
    back, _ = numbers_of(frame[::-1].reset_index(drop=True))
    assert there is not None and back is not None and np.array_equal(there, back[::-1])


def test_rare_levels_are_kept_by_their_names_not_by_where_they_stand() -> None:
    """Catches the first of many words with a level of their own, and the later ones put together."""
    words = np.repeat([f"w{at:03d}" for at in range(3 * MOST_LEVELS)], 2)
    frame = pd.DataFrame({"word": words})
    levels = [featurised(of).columns[0].levels for of in (frame, frame[::-1].reset_index(drop=True))]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("of", ["all", "nearly all"])
def test_words_that_name_rows_are_left_out_and_told(of: str) -> None:
    """Catches names as features: whoever has one of its own is told by it."""
    names = [f"p{row}" for row in range(100)]
    names[1] = names[0] if of == "nearly all" else names[1]
    features, told = numbers_of(pd.DataFrame({"name": names, "age": np.arange(100) % 7}))
    assert features is not None and features.shape == (100, 1)
    assert any(note.startswith("column name names") for note in told)
    assert numbers_of(pd.DataFrame({"name": names, "again": names}))[0] is None


def test_missing_numbers_are_filled_beside_a_flag_and_told() -> None:
    """Catches a traceback of a detector that takes no NaN, of a frame as of an array."""
    x = np.array([[1.0, 5], [np.nan, 6], [3, 7], [np.inf, 8], [2, 9]])
    features, told = numbers_of(x)
    assert (
        features is not None
        and features[:, 0].tolist() == [1, 2, 3, 2, 2]
        and features[:, 2].tolist() == [0, 1, 0, 1, 0]
    )
    assert told == ("missing or infinite values in 1 of 2 columns, kept beside a flag",)
    of_frame, told = numbers_of(pd.DataFrame(x, columns=[0, 1]))
    assert of_frame is not None and np.isfinite(of_frame).all() and any("missing values" in note for note in told)


def test_series_texts_times_and_lists_are_records_too() -> None:
    """Catches what people hold in one column, and a review taken for a molecule: "I" is iodine."""
    texts, said = numbers_of(pd.Series(["I liked it", "not at all", "I liked it not"]))
    assert texts is not None and texts.shape == (3, 512) and "counts of their words" in said[0]
    assert numbers_of(pd.Series([1.0, np.nan, 3.0]))[0].shape == (3, 2)  # type: ignore[union-attr]
    times = pd.DataFrame({"at": pd.to_datetime(["2020-01-01", None, "2020-01-03"]), "b": [1, 2, 2]})
    assert np.isfinite(numbers_of(times)[0]).all()  # type: ignore[arg-type]
    assert numbers_of([[1, 2], [3, 4]])[0].tolist() == [[1, 2], [3, 4]]  # type: ignore[union-attr]
    assert numbers_of([np.zeros(2), np.zeros(3)]) == (None, ()) and numbers_of([{"a": 1}]) == (None, ())
    reviews = pd.DataFrame({"text": [f"seen {row} times" for row in range(30)]})
    assert numbers_of(reviews)[0].shape == (30, 512)  # type: ignore[union-attr]
    assert texts_of(np.array(["CCO", "CN"])) == ["CCO", "CN"] and texts_of(np.zeros(3)) is None


@pytest.mark.parametrize("missing", [False, True])
def test_a_series_and_a_frame_with_gaps_are_audited(missing: bool) -> None:
    """Catches a traceback far from its cause where records are texts, or numbers of which some are missing."""
    rng = np.random.default_rng(0)
    y, half = np.arange(80) % 2, 40
    ages: list[object] = rng.integers(0, 10**9, 80).astype(float).tolist()
    if missing:
        ages[3] = ages[50] = None
    x = pd.DataFrame({"age": ages}) if missing else pd.Series([f"seen {age:.0f} times" for age in ages])
    sides = (x[:half], y[:half]), (x[half:], y[half:])
    result = telltale.audit(lambda of: np.full((len(of), 2), 0.5), *sides, replicates=20)
    assert result.verdict == "cannot tell" and "no_model" in result.table.index
    assert any(("missing values" if missing else "their words") in note for note in result.outcome.notes)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (pd.DataFrame({"a": [2.0, 3.0]}), "others=b: the same columns as members"),
        (np.zeros((2, 2)), "others=ndarray: records of the same type as members: DataFrame"),
        ([1, 2], "others=list: records of the same type as members: DataFrame"),
    ],
)
def test_records_of_both_sides_are_of_one_kind(others: object, said: str) -> None:
    """Catches a column of one side alone, empty on the other: whoever has it is told by it; and a traceback."""
    members = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0]})
    with pytest.raises(InputError, match=said):
        telltale.audit(lambda of: np.full(len(of), 0.5), (members, [0, 1]), (others, [0, 1]))
