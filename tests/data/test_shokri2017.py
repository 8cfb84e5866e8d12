"""Purchase-100, Texas-100 and Location-30 in the layouts they are passed around in."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
