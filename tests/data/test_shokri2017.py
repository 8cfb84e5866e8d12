"""Purchase-100, Texas-100 and Location-30 in the layouts they are passed around in."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.data.tables.records import ReadTable
from telltale.data.tables.shokri2017 import load_location30, load_purchase100, load_texas100
from telltale.errors import InputError

FEATURES = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 0, 0]], np.int8)
LABELS = np.array([13, 1, 30, 2])  # as written, from 1
TEXT = '"13",0,1,1\n"1",1,0,0\n30,0,0,0\n"2",1,0,0\n'  # the last is the second once more


def pack(path: Path, **files: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            plain = path.with_name("plain")
            plain.write_text(text)
            tar.add(plain, arcname=name)
        plain.unlink()
    return path


def plant(folder: Path, layout: str) -> str:
    if layout == "text":
        (folder / "bangkok").write_text(TEXT)
    elif layout == "tgz":
        pack(folder / "dataset_location.tgz", bangkok=TEXT)
    elif layout == "tgz of another name inside":
        return str(pack(folder / "mine.tgz", something=TEXT))
    elif layout == "npz from 0":
        np.savez(folder / "location30.npz", features=FEATURES, labels=LABELS - 1)
    elif layout == "npz from 1":
        np.savez(folder / "location30.npz", features=FEATURES.astype(float), labels=LABELS[:, None].astype(float))
    elif layout == "npz of X and Y":
        np.savez(folder / "data.npz", X=FEATURES.astype(float), Y=LABELS - 1)
    elif layout == "npz one-hot":
        np.savez(folder / "location.npz", features=FEATURES, labels=np.eye(30)[LABELS - 1])
    (folder / "location_predictions.npz").write_bytes(b"another file, of no concern")
    return str(folder)


LAYOUTS = ["text", "tgz", "tgz of another name inside", "npz from 0", "npz from 1", "npz of X and Y", "npz one-hot"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_records(tmp_path: Path, layout: str) -> None:
    read = load_location30(plant(tmp_path, layout))
    assert (len(read.records), read.duplicates, read.lines, read.invalid) == (3, 1, 4, ())
    assert read.records.labels.tolist() == [12, 0, 29] and read.records.classes[12] == "class 13"
    np.testing.assert_array_equal(read.records.features, FEATURES[:3])
    assert [column.kind for column in read.records.columns] == ["binary"] * 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 100), st.lists(st.integers(0, 1), min_size=4, max_size=4)), min_size=2))
def test_purchases_come_back_as_they_were_written(tmp_path: Path, rows: list[tuple[int, list[int]]]) -> None:
    rows = [(1, [0, 0, 0, 0]), (100, [0, 0, 0, 1]), *rows]
    (tmp_path / "dataset_purchase").write_text("".join(f"{label},{','.join(map(str, x))}\n" for label, x in rows))
    records = load_purchase100(str(tmp_path)).records
    first: dict[tuple[int, ...], int] = {}
    for label, x in rows:
        first.setdefault(tuple(x), label)
    assert [tuple(row) for row in records.features.astype(int).tolist()] == list(first)
    assert (records.labels + 1).tolist() == list(first.values())


@pytest.mark.parametrize("layout", ["folder", "tgz"])
def test_texas_has_features_and_labels_in_files_of_their_own(tmp_path: Path, layout: str) -> None:
    features, labels = "0,1\n1,1\n", "7\n100\n"
    if layout == "tgz":
        pack(tmp_path / "dataset_texas.tgz", **{"texas/100/labels": labels, "texas/100/feats": features})
    else:
        (tmp_path / "texas" / "100").mkdir(parents=True)
        (tmp_path / "texas" / "100" / "feats").write_text(features)
        (tmp_path / "texas" / "100" / "labels").write_text(labels)
    records = load_texas100(str(tmp_path)).records
    assert records.labels.tolist() == [6, 99] and records.features.tolist() == [[0, 1], [1, 1]]


def listed(read: ReadTable) -> list[tuple[str, int | None, str]]:
    return [(bad.file.name, bad.line, bad.reason) for bad in (*read.invalid, *read.dropped)]


@pytest.mark.parametrize("form", ["text", "tgz"])
def test_a_row_with_an_empty_cell_is_listed_and_no_person_of_zeros(tmp_path: Path, form: str) -> None:
    """Catches empty cells read as 0: a person nobody has ever been, in the data without a word."""
    text = '"13",0,1,1\n"1",,1,0\r\n\n30,,,\n,1,1,1\n7,NA,0,0\n2,1,0,0\n3,1,0,0\n2,1,0,0\n'
    if form == "tgz":
        root = pack(tmp_path / "dataset_location.tgz", bangkok=text)
    else:
        root = tmp_path / "bangkok"
        root.write_text(text, newline="")
    read = load_location30(str(root))
    assert read.records.features.tolist() == [[0, 1, 1], [1, 0, 0]] and read.records.labels.tolist() == [12, 1]
    assert listed(read) == [
        ("bangkok", 2, "feature 0 is empty"),
        ("bangkok", 4, "feature 0 is empty"),
        ("bangkok", 5, "the label is empty"),
        ("bangkok", 6, "feature 0 is empty"),
        ("bangkok", 8, "the same row as bangkok:7, under another label"),
        ("bangkok", 9, "the same row as bangkok:7"),
    ]
    assert read.lines == 8 and read.account() == [
        "4 of 8 records could not be read; listed in invalid_records.csv",
        "2 of 8 records equal an earlier one and were left out, 1 of them under another label: the first counts; "
        "listed in invalid_records.csv",
    ]


def test_an_empty_line_among_labels_moves_no_later_label(tmp_path: Path) -> None:
    """Catches labels that slip by one row: every later person would get the next one's class."""
    (tmp_path / "feats").write_text("0,1\n1,1\n1,0\n,1\n")
    (tmp_path / "labels").write_text("7\n\n100\n3\n")
    read = load_texas100(str(tmp_path))
    assert read.records.labels.tolist() == [6, 99] and read.records.features.tolist() == [[0, 1], [1, 0]]
    assert listed(read) == [("feats", 2, "the label is empty"), ("feats", 4, "feature 0 is empty")]


@pytest.mark.parametrize("labels", ["number", "digits", "one-hot"])
def test_a_gap_in_an_npz_is_listed_with_its_row(tmp_path: Path, labels: str) -> None:
    """Catches NaN that becomes a class or a feature, and a row of no class that becomes the first."""
    features = np.array([[0, 1], [np.nan, 1], [1, 1], [1, 0]])
    forms = {
        "number": np.array([7, 1, np.nan, 3]),
        "digits": np.array(["7", "1", "", "3"]),
        "one-hot": np.eye(31)[[7, 1, 0, 3]][:, 1:],
    }
    np.savez(tmp_path / "location30.npz", features=features, labels=forms[labels])
    read = load_location30(str(tmp_path))
    assert read.records.labels.tolist() == [6, 2] and read.records.features.tolist() == [[0, 1], [1, 0]]
    lack = "its labels are not one 1 among 30" if labels == "one-hot" else "the label is missing"
    assert listed(read) == [("location30.npz", 2, "feature 0 is missing"), ("location30.npz", 3, lack)]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["food", "1", "2", "3"], "labels are words ('food'); expected whole numbers"),
        ([b"1", b"two", b"2", b"3"], "labels are words ('two'); expected whole numbers"),
        ([1, 0.5, 1.5, 2], "holds the label 0.5; expected whole numbers"),
        ([1, 2, np.inf, 2], "holds the label inf; expected whole numbers"),
        ([np.nan] * 4, "none of 4 rows can be used; first: the label is missing"),
    ],
)
def test_labels_that_are_no_whole_numbers_are_told_by_one(tmp_path: Path, labels: list, told: str) -> None:
    """Catches the reader's own words, and fractions cut to a class."""
    np.savez(tmp_path / "location30.npz", features=FEATURES, labels=np.array(labels))
    with pytest.raises(InputError) as error:
        load_location30(str(tmp_path))
    assert told in str(error.value) and str(error.value).startswith(f"dataset.root={tmp_path}")


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    """Catches what lies beside a data set read by a link of a stranger's."""
    (tmp_path / "real").write_text(TEXT)
    (root := tmp_path / "root").mkdir()
    (root / "bangkok").symlink_to(tmp_path / "real")
    with pytest.raises(InputError, match="bangkok is a link to"):
        load_location30(str(root))


def test_an_npz_of_pickles_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "location30.npz", features=FEATURES, labels=np.array([{}] * 4, dtype=object))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Object arrays cannot be loaded"):
        load_location30(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,0,2\n2,0,1\n", "has features of 0 and 1; found others"),
        ("1,0,1\n31,0,1\n", "holds labels from 0 to 30; expected 30 classes"),
        ("1,0,1\n2,0\n", "cannot be read"),
        ("1,0,1\n2,0,x\n", "cannot be read"),
        ("", "cannot be read"),
        ("3,0,1\n3,1,1\n", "all 2 records are of the class class 3"),
    ],
)
def test_bad_tables_are_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bangkok").write_text(text)
    with pytest.raises(InputError) as error:
        load_location30(str(tmp_path))
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("load", [load_purchase100, load_texas100, load_location30])
def test_an_empty_folder_is_told_what_may_lie_there(load, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for root in (None, str(tmp_path)):
        with pytest.raises(InputError, match=r"^dataset\.root=.*(100|30)\.npz, data\.npz, dataset_\w+\.tgz or"):
            load(root)
