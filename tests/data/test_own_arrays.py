"""Arrays of your own: who was a member, gaps in a table, what will not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from telltale.data.given import names_of
from telltale.data.own_arrays import load
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
