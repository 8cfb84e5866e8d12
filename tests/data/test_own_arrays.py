"""Arrays of your own: who was a member, gaps in a table, what will not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from telltale.data.given import names_of
from telltale.data.own_arrays import load, scaled
from telltale.errors import InputError

X = np.array([[0.0, 5], [1, 6], [np.nan, 7], [3, 8]])
Y = np.array([0, 1, 0, 1])


def kept(folder: Path, **arrays: Any) -> str:
    """Write arrays."""
    np.savez(folder / "mine.npz", **arrays)
    return str(folder / "mine.npz")


def test_a_gap_in_a_table_is_flagged_and_the_model_gets_it_as_it_is(tmp_path: Path) -> None:
    """Catches a missing number that is refused, or filled before the owner's model sees it."""
    read = load(kept(tmp_path, x=X, y=Y, in_train=np.array(["yes", "no", "yes", "no"])), members="in_train")
    assert np.isnan(read.given.inputs[2, 0]) and np.isfinite(read.given.features).all()
    assert [column.name for column in read.records.columns] == ["x0", "x0 (missing)", "x1"]
    assert read.given.member.tolist() == [True, False, True, False]
    assert load(kept(tmp_path, x=X[:2], y=Y[:2], id=np.array(["a", "b"]))).records.ids.tolist() == ["a", "b"]


def test_the_range_of_small_whole_numbers_is_not_theirs(tmp_path: Path) -> None:
    """Catches features out of [0, 1] where a range of int8 wraps, true and false that have no range, and an inf."""
    for x in (np.array([[-100, 0], [100, 1], [0, 2]], np.int8), np.array([[True, False], [False, True], [True, True]])):
        features = load(kept(tmp_path, x=x, y=Y[:3])).records.features
        assert features.min() == 0 and features.max() == 1
    assert scaled(np.array([[-100], [100], [0]], np.int8))[:, 0].tolist() == [0, 1, 0.5]
    read = load(kept(tmp_path, x=np.array([[0, 1], [np.inf, 2], [4, 3]]), y=Y[:3]))
    assert any("missing values" in line and "x0" in line for line in read.told)


@pytest.mark.parametrize(
    ("arrays", "options", "said"),
    [
        ({"y": Y}, {}, "holds y; expected an .npz file with x"),
        ({"x": X, "y": Y[:3]}, {}, r"y is \(3,\); expected \(4,\)"),
        ({"x": X, "y": Y, "member": np.array([1, 0, 2, 1])}, {}, "is 2 at 2; expected 1 and 0"),
        ({"x": X, "y": Y, "member": np.ones(4)}, {}, "all of 4 records are members"),
        ({"x": np.array([["a"], ["b"]])}, {}, "expected numbers, records first"),
        ({"x": X, "y": Y, "z": Y}, {"members": "w"}, r"no such file; expected an array of the file \(z\), or a file"),
        ({"x": X, "y": Y}, {"kind": "real"}, "dataset.kind=real: one of auto, classes, values"),
        ({"x": X, "y": Y, "member": np.array([1, 0, np.nan, 1])}, {}, "is nan at 2; expected 1 and 0"),
        ({"x": X, "y": Y + 1j}, {}, "y is complex128; expected numbers or text"),
        ({"x": X, "y": np.float64(3)}, {}, r"y is \(\); expected \(4,\)"),
        ({"x": np.zeros((4, 0)), "y": Y}, {}, r"x is float64 \(4, 0\); expected numbers"),
        ({"x": np.float64(3), "y": Y}, {}, "y is|x is"),
        ({"x": np.full((2, 3, 3), np.inf), "y": Y[:2]}, {}, "picture 0 of x holds what is no finite number"),
    ],
)
def test_arrays_that_will_not_do_are_told_in_one_line(
    tmp_path: Path, arrays: dict[str, Any], options: dict[str, str], said: str
) -> None:
    """Catches a traceback of numpy's, and membership by any number that is not 0."""
    with pytest.raises(InputError, match=said):
        load(kept(tmp_path, **arrays), **options)


def test_records_from_a_data_frame_are_called_by_its_index() -> None:
    """Catches records of pandas users named by their place."""
    first, second = pd.DataFrame({"x": [1, 2]}, index=["ann", "bob"]), pd.DataFrame({"x": [3]}, index=["cid"])
    assert names_of(first, second).tolist() == ["ann", "bob", "cid"]
    assert names_of(first, first).tolist()[2:] == ["other 0", "other 1"]
    assert names_of(pd.DataFrame({"x": [1]}), second).tolist() == ["member 0", "other 0"]
