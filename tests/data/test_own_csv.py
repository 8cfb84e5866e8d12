"""Tables of your own: what is inferred, what is no row, and mistakes told in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from telltale.data.digests import digests_of, earliest, earliest_input
from telltale.data.given import classes_of
from telltale.data.tables.csv_files import read_frame
from telltale.data.tables.own_csv import load
from telltale.errors import InputError

PATIENTS = """name,age,ward,weight,sick,in_training
ann,30,north,60.5,yes,1
bob,41,south,,no,0
cid,NA,north,80.0,no,1
dee,55,,71.25,yes,0
"""


def written(folder: Path, text: str, name: str = "patients.csv") -> Path:
    """Write a table."""
    (folder / name).write_bytes(text.encode())
    return folder / name


def test_kinds_of_columns_are_inferred_and_missing_values_kept(tmp_path: Path) -> None:
    """Catches a missing value taken for a number, and a column named for what it is not."""
    read = load(str(written(tmp_path, PATIENTS)), label="sick", members="in_training", id="name")
    given = read.given
    assert given is not None and given.classes == ("no", "yes") and given.labels.tolist() == [1, 0, 0, 1]
    assert given.member.tolist() == [True, False, True, False] and given.ids.tolist() == ["ann", "bob", "cid", "dee"]
    assert list(given.inputs.columns) == ["age", "ward", "weight"]
    kinds = {column.name: (column.kind, column.levels) for column in read.records.columns}
    assert kinds["ward"] == ("categorical", ("(missing)", "north", "south"))
    assert kinds["age (missing)"] == ("binary", ("there", "(missing)"))
    ages = read.records.features[:, :2]
    assert ages.tolist() == [[0, 0], [pytest.approx(11 / 25), 0], [pytest.approx(11 / 25), 1], [1, 0]]
    assert any("3 numeric" in line or "2 numeric (age, weight)" in line for line in read.account())
    assert any("in age, ward, weight" in line for line in read.account())


@pytest.mark.parametrize(
    ("rows", "lines", "listed"),
    [
        (["1,2", "3,4,5", "", "6", "7,8"], [2, 6], [(3, "3 cells"), (5, "1 cell, ")]),
        (['1,"a,b"', "2,c,d", '3,"e\nf"', "4,g"], [2, 4, 6], [(3, "3 cells")]),
        (['1,5" pipe', '2,"open', "3,c", "4,d"], [2, 4, 5], [(3, "not closed")]),
    ],
)
def test_rows_of_another_width_are_listed_with_their_line(
    tmp_path: Path, rows: list[str], lines: list[int], listed: list[tuple[int, str]]
) -> None:
    """Catches one bad row that is fatal, that shifts the line of others, or swallows them."""
    for end in ("\n", "\r\n"):
        frame = read_frame(written(tmp_path, end.join(["x,y", *rows])))
        assert frame.lines.tolist() == lines
        assert len(frame.table) == len(lines) and frame.table["x"].tolist()[-1] == int(rows[-1][0])
        for bad, (line, reason) in zip(frame.invalid, listed, strict=True):
            assert bad.line == line and reason in bad.reason


def test_tables_of_other_programs_are_read(tmp_path: Path) -> None:
    """Catches a European table of one column, a mark in front of the heading, and cells in Windows-1252."""
    frame = read_frame(written(tmp_path, "a;b\n1,5;x\n2,5;y\n"))
    assert frame.table["a"].tolist() == [1.5, 2.5]
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,Z\xfcrich\r\n")
    frame = read_frame(tmp_path / "marked.csv")
    assert frame.table["b"].tolist() == ["Zürich"] and list(frame.table.columns) == ["a", "b"]
    assert "Windows-1252" in frame.told[0]


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        ({"label": "ill"}, PATIENTS, "dataset.label=ill: no such column; there are name, age, ward"),
        ({"members": "train.txt"}, PATIENTS, "no such column or file of ids"),
        ({"members": "ward"}, PATIENTS, "is north at 0; expected 1 and 0"),
        ({"members": "in_training"}, PATIENTS.replace(",0\n", ",1\n"), "all of 4 records are members"),
        ({}, "a,b\n", "holds no rows"),
        ({}, "", "holds no rows"),
        ({}, "a,b\n1,2,3\n4,5,6\n", "no row has as many cells as the heading, 2; the first has 3"),
        ({}, "a,a\n1,2\n", "several columns are named 'a'"),
        ({"label": "sick", "kind": "values"}, PATIENTS, "the label is no number"),
        ({"drop": ["age", "shoe"]}, PATIENTS, "dataset.drop=shoe: no such column"),
    ],
)
def test_a_table_that_will_not_do_is_told_in_one_line(
    tmp_path: Path, options: dict[str, object], text: str, said: str
) -> None:
    """Catches a traceback, and a message that does not name what is there."""
    with pytest.raises(InputError, match=said) as error:
        load(str(written(tmp_path, text)), **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_members_are_listed_by_id_or_row_number(tmp_path: Path) -> None:
    """Catches a heading taken for an id, and ids that are not there and go unsaid."""
    table = written(tmp_path, PATIENTS)
    for text, name in (
        ("cid\nann\n", "in.txt"),
        ("name\nann\ncid\n", "in.csv"),
        ("id,member\nann,1\nbob,0\ncid,1", "in.csv"),
    ):
        given = load(str(table), members=str(written(tmp_path, text, name)), id="name").given
        assert given is not None and given.member.tolist() == [True, False, True, False]
    np.save(tmp_path / "rows.npy", np.array([0, 2]))
    assert load(str(table), members=str(tmp_path / "rows.npy"), id="name").given.member.tolist() == [
        True,
        False,
        True,
        False,
    ]
    with pytest.raises(InputError, match=r"eve and 1 more of 3 are not in patients\.csv; ids there are like ann"):
        load(str(table), members=str(written(tmp_path, "ann\neve\nfay\n", "in.txt")), id="name")


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("in.npy", np.array([1, 0, 1, 0])),
        ("in.npz", np.array([1.0, 0, 1, 0])),
        ("in.txt", "1\n0\n1\n0\n"),
        ("in.csv", "member\n1\n0\n1\n0\n"),
        ("in.csv", "patient;set\nann;train\nbob;test\ncid;train\n"),
        ("in.csv", '"name","in"\n"cid",yes\n"ann",yes\n'),
    ],
)
def test_a_list_that_says_it_of_each_record_is_no_list_of_row_numbers(tmp_path: Path, name: str, holds: Any) -> None:
    """Catches 1 and 0 of each record read as rows 0 and 1, in silence."""
    table = str(written(tmp_path, PATIENTS))
    listed(tmp_path / name, holds)
    for named in ("name", None) if "cid" not in str(holds) else ("name",):
        given = load(table, members=str(tmp_path / name), id=named).given
        assert given is not None and given.member.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("name", "holds", "said"),
    [
        ("in.npy", np.array([1, 0, 1]), "holds 3 true and false; expected 4 of patients.csv"),
        ("in.npy", np.array([0.5, 1]), "an array of float64, not of ids"),
        ("in.npy", np.array([1j, 2]), "an array of complex128"),
        ("in.npy", np.array(3), r"of shape \(\), not \(n,\)"),
        ("in.npy", np.array([0, 2, 0]), "lists 0 more than once"),
        ("in.txt", "an\ncid\n", "an of 2 are not in patients.csv"),
        ("in.csv", "ann\nbob\nann\n", "lists ann more than once"),
        ("in.csv", "name,age\nann,30\ncid,\n", "columns are name, age: none is called member"),
        ("in.csv", "ann,1\ncid,0\n", "columns are ann, 1: none is called member"),
        ("in.csv", "name,member,split\nann,1,test\n", "member and split could each say it"),
        ("in.csv", "ward,age,member\nann,1,1\n", "expected one of ids, called id"),
        ("in.csv", "id,member\nann,1\nbob\n", "line 3 has 1 cell, the first 2"),
        ("in.csv", "id,member\nann,1\nbob,0\nann,0\n", "lists ann more than once"),
        ("in.csv", 'id,member\n"ann,1\nbob,0\ncid",0\n', "line 2: a quotation mark is not closed"),
    ],
)
def test_a_list_of_members_that_will_not_do_is_told(tmp_path: Path, name: str, holds: Any, said: str) -> None:
    """Catches a misspelt first id taken for a heading, rows dropped in silence, and all that are listed as members."""
    listed(tmp_path / name, holds)
    with pytest.raises(InputError, match=said) as error:
        load(str(written(tmp_path, PATIENTS)), members=str(tmp_path / name), id="name")
    assert "\n" not in str(error.value)


def test_an_id_of_several_records_says_nothing_of_one(tmp_path: Path) -> None:
    """Catches two records made members by one line."""
    table = str(written(tmp_path, PATIENTS))
    with pytest.raises(InputError, match="north is the id of more than one record"):
        load(table, members=str(written(tmp_path, "north\n", "in.txt")), id="ward")


def listed(path: Path, holds: Any) -> None:
    """Write a list of members."""
    if isinstance(holds, str):
        path.write_text(holds)
    else:
        (np.save if path.suffix == ".npy" else np.savez)(path, holds)


def test_a_label_is_a_class_or_a_value_as_asked() -> None:
    """Catches real values cut into classes, and whole numbers that nobody can take for values."""
    assert classes_of(np.array([1.0, 2.0]))[1] == ("1", "2")
    assert classes_of(np.array([1, 2]), "values")[0].dtype == np.float64
    assert classes_of(np.array([0.5, 2.0]), "classes")[1] == ("0.5", "2.0")
    with pytest.raises(InputError, match="one of auto, classes, values"):
        classes_of(np.array([1]), "real")


def test_twins_are_found_without_a_digest_of_every_row() -> None:
    """Catches a sum shared by rows that differ, and a twin that is passed over."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (500, 7)).astype(np.float32)
    rows[:3, 0] = [0.0, -0.0, np.nan]
    assert np.array_equal(earliest_input(rows), earliest(digests_of(rows)))
    assert len(np.unique(earliest_input(rows))) < 150


def test_a_column_that_counts_or_names_rows_is_no_feature(tmp_path: Path) -> None:
    """Catches a detector that knows members by their place in the file, and a model that is not given its column."""
    rows = "".join(f"{at},case {at:03},{at % 7},{at * 2}\n" for at in range(30))
    read = load(str(written(tmp_path, ",case,age,odd\n" + rows)), members=None)
    assert list(read.given.inputs.columns) == ["Unnamed: 0", "case", "age", "odd"]
    assert read.given.features.shape == (30, 2)
    assert any("column Unnamed: 0 names every row" in line for line in read.account())


def test_words_written_in_two_ways_are_one_class_and_infinity_is_told(tmp_path: Path) -> None:
    """Catches "c" and "c " as two classes, a name with an accent as two, and inf that is a gap in silence."""
    labels = ["c", "c ", "Jos\u00e9", "Jose\u0301", "NA "]
    rows = "".join(f"p{at} ,{'inf' if at == 3 else at},{at % 3},{labels[at % 5]}\n" for at in range(40))
    read = load(str(written(tmp_path, "name,a,b,sick\n" + rows)), label="sick", id="name")
    assert read.given is not None and read.given.classes == ("Jos\u00e9", "c") and len(read.invalid) == 8
    assert read.given.ids[1] == "p1"
    assert any("one way of writing in sick, name" in line for line in read.told)
    assert "infinite values, which count as missing, in a" in read.told


def test_cells_of_parquet_that_are_lists_are_levels(tmp_path: Path) -> None:
    """Catches a traceback at a column that has no order and no hash."""
    frame = pd.DataFrame({"x": range(0, 60, 2), "tags": [["a"], ["b"], None] * 10})
    frame.to_parquet(tmp_path / "t.parquet")
    assert load(str(tmp_path / "t.parquet")).given.features.shape == (30, 4)


@pytest.mark.parametrize("heading", ["row,note,y", "row;note;y"])
def test_two_quotation_marks_are_no_pair_where_rows_lie_between(tmp_path: Path, heading: str) -> None:
    """Catches rows that vanish between 5 inches and 6 inches, and a text of several lines that is cut."""
    lines = [heading, *(f"{row},tape {row},{'ab'[row % 2]}" for row in range(40)), '40,"first\nthen, then\nlast",a']
    lines[11], lines[31] = '10,"5 tape,a', '30,6 tape",b'
    text = "\n".join(lines).replace(",", ";") if ";" in heading else "\n".join(lines)
    frame = read_frame(written(tmp_path, text))
    assert [bad.line for bad in frame.invalid] == [12]
    assert frame.table["row"].tolist() == [*range(10), *range(11, 41)]
    assert ("semicolons between cells, and points" in "".join(frame.told)) == (";" in heading)


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Catches 007 that becomes 7, and is then somebody else or nobody."""
    table = written(tmp_path, "id,x,y\n007,1,a\n7,2,b\n08,3,a\n")
    given = load(str(table), label="y", id="id", members=str(written(tmp_path, "007\n08\n", "in.txt"))).given
    assert given is not None and given.ids.tolist() == ["007", "7", "08"]
    assert given.member.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("labels", "classes", "lost", "told"),
    [
        (["None", "mild", "severe", "None"], ("None", "mild", "severe"), 0, "y=None of 2 records is a class"),
        (["EU", "NA", "US ", ""], ("EU", "US"), 2, "y=NA of 1 record says nothing"),
        (["1", "0", "NA", "1"], ("0", "1"), 1, ""),
        (["1,5", "0,25", "NA", "2,5"], (), 1, ""),
        (["True", "False", "null", "True"], ("False", "True"), 1, ""),
        (["a", "nan", "b", "a"], ("a", "b"), 1, ""),
    ],
)
def test_a_class_called_none_is_no_missing_label(
    tmp_path: Path, labels: list[str], classes: tuple[str, ...], lost: int, told: str
) -> None:
    """Catches a class that is dropped in silence, and missing numbers that become a class."""
    rows = "".join(f"{row};{label}\n" for row, label in enumerate(labels))
    read = load(str(written(tmp_path, f"x;y\n{rows}")), label="y")
    assert read.given is not None and read.given.classes == classes
    assert len(read.invalid) == lost and len(read.given.labels) == len(labels) - lost
    assert told in read.told or not told
