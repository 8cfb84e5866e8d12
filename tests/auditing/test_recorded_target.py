"""Answers that were written down are found by the records' ids, whatever their order."""

from __future__ import annotations

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
    ("text", "said"),
    [
        ("id,p\na,0.5\n", "no answer for c of 2 records; ids there are like a"),
        ("name,p\na,0.5\n", "has the columns name, p"),
        ("id,p\na,0.5\na,0.5\nc,0.5\n", "1 ids stand there more than once"),
        ("id,p\na,high\nc,low\n", "column p holds no numbers"),
        ("id,p,q\na,0.5,0.9\nc,0.5,0.5\n", "answer for record a; expected probabilities"),
    ],
)
def test_answers_that_will_not_do_are_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Catches a record that is left out in silence."""
    (tmp_path / "said.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        RecordedTarget(str(tmp_path / "said.csv")).ask(np.zeros((2, 1)), ("no", "yes"), IDS)
    with pytest.raises(InputError, match="no such file"):
        RecordedTarget(str(tmp_path / "none.csv"))
