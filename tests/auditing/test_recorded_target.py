"""Answers that were written down are found by the records' ids, whatever their order."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.targets.recorded import RecordedTarget

IDS = np.array(["c", "a"])


def test_answers_are_found_by_id_and_class(tmp_path: Path) -> None:
    """Catches answers of another record, or of another class, where a file has its own order."""
    file = tmp_path / "said.csv"
    file.write_text("ill,id,well\n0.9,a,0.1\n0.2,b,0.8\n0.3,c,0.7\n")
    asked = RecordedTarget(str(file)).ask(np.zeros((2, 1)), ("well", "ill"), IDS)
    assert asked.tolist() == [[0.7, 0.3], [0.1, 0.9]]
    np.savez(tmp_path / "said.npz", id=np.array(["a", "c"]), answers=np.array([1.5, 2.5]))
    values = RecordedTarget(str(tmp_path / "said.npz"), gives="values").ask(np.zeros((2, 1)), (), IDS)
    assert values.tolist() == [2.5, 1.5]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,1,2\na,0.1,0.9\nc,0.7,0.3\n", None),
        ("id,2.0,1.0\na,0.9,0.1\nc,0.3,0.7\n", "2.0 as 2"),
        ("id,p(2),p(1)\na,0.9,0.1\nc,0.3,0.7\n", r"p\(1\) as 1, p\(2\) as 2"),
        ("id,2,said,1\na,0.9,x,0.1\nc,0.3,y,0.7\n", "no class are left out: said"),
        ("id,1\na,0.1\nc,0.7\n", None),
        ("id,2\na,0.9\nc,0.3\n", None),
        ("id,sick\na,0.9\nc,0.3\n", "sick of said.csv is read as the probability of 2"),
    ],
)
def test_a_heading_says_which_class_a_column_is_of(tmp_path: Path, text: str, told: str | None) -> None:
    """Catches columns read in the order of the file where it is not that of the classes, and a guess untold."""
    (tmp_path / "said.csv").write_text(text)
    there = RecordedTarget(str(tmp_path / "said.csv"))
    assert np.allclose(there.ask(np.zeros((2, 1)), ("1", "2"), IDS), [[0.7, 0.3], [0.1, 0.9]])
    assert len(there.told) == (told is not None) and re.search(told or "", "".join(there.told))


def test_labels_and_named_arrays_are_read_by_name(tmp_path: Path) -> None:
    """Catches words that are refused where labels are asked for, and names in an .npz that nobody reads."""
    (tmp_path / "said.csv").write_text("id,said\na,dog\nc,cat\n")
    assert RecordedTarget(str(tmp_path / "said.csv"), gives="labels").ask(
        np.zeros((2, 1)), ("cat", "dog"), IDS
    ).tolist() == [0, 1]
    arrays = {"id": np.array(["c", "a"]), "answers": np.array([[0.2, 0.8], [0.9, 0.1]])}
    np.savez(tmp_path / "said.npz", **arrays, classes=np.array(["dog", "cat"]))
    asked = RecordedTarget(str(tmp_path / "said.npz")).ask(np.zeros((2, 1)), ("cat", "dog"), IDS)
    assert asked.tolist() == [[0.8, 0.2], [0.1, 0.9]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,p\na,0.5\n", "no answer for c of 2 records; ids there are like a"),
        ("name,p\na,0.5\n", "has the columns name, p"),
        ("id,p\na,0.5\na,0.5\nc,0.5\n", "1 id stands there more than once"),
        ("id,p\na,high\nc,low\n", "column p holds no numbers"),
        ("id,no,yes\na,0.5,0.9\nc,0.5,0.5\n", "answer for record a; expected probabilities"),
        (
            "id,p,q\na,0.5,0.5\nc,0.5,0.5\n",
            "has the columns p, q; expected one for each class, called as it is: no, yes",
        ),
    ],
)
def test_answers_that_will_not_do_are_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Catches a record that is left out in silence."""
    (tmp_path / "said.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        RecordedTarget(str(tmp_path / "said.csv")).ask(np.zeros((2, 1)), ("no", "yes"), IDS)
    with pytest.raises(InputError, match="no such file"):
        RecordedTarget(str(tmp_path / "none.csv"))
