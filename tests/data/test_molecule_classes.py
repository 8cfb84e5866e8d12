"""Molecules with classes: B3DB, and any column of numbers of the user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telltale.data.molecules import b3db, moleculenet, smiles
from telltale.data.molecules.smiles_files import ReadMolecules
from telltale.errors import InputError

TABLE = (
    "smiles,name,active,logp,nothing\nCCO,ethanol,1,0.5,\nCC,ethane,0,1.5,\nCCC,propane,,2.5,\n"
    "CCN,x,1,3.5,\nOCC,twin,0,9,\n"
)


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "a.csv").write_text(TABLE)
    return str(tmp_path / "a.csv")


def test_embedded_b3db_is_7805_drugs_and_two_that_cannot_be_read() -> None:
    read = b3db.load()
    records = read.records
    assert (len(records), read.duplicates, len(read.invalid), read.lines) == (7805, 0, 2, 7807)
    assert records.labels is not None and records.classes == ("BBB-", "BBB+")
    assert np.bincount(records.labels).tolist() == [2849, 4956]
    sulphasalazine, label = records.smiles[0], records.classes[records.labels[0]]
    assert sulphasalazine.startswith("O=C(O)c1cc(N=Nc2ccc") and label == "BBB-"
    assert b3db.EMBEDDED.stat().st_size < 150_000


def test_without_a_label_molecules_have_no_classes(table: str) -> None:
    records = smiles.load(table).records
    assert records.labels is None and records.classes == () and len(records) == 4


def test_zero_and_one_are_the_classes_and_blanks_are_dropped(table: str) -> None:
    read = smiles.load(table, label="active")
    assert read.records.smiles.tolist() == ["CCO", "CC", "CCN"]
    assert read.records.labels is not None and read.records.labels.tolist() == [1, 0, 1]
    assert read.records.classes == ("active = 0", "active = 1")
    assert (read.unlabelled, read.duplicates, read.conflicts) == (1, 1, 1)
    assert [(bad.line, bad.reason) for bad in read.dropped] == [
        (6, "the same molecule as a.csv:2"),
        (4, "the molecule has no active"),
    ]


@pytest.mark.parametrize(
    ("cut", "labels", "classes"),
    [
        (None, [0, 0, 1, 1], ("logp <= 2", "logp > 2")),
        ("median", [0, 0, 1, 1], ("logp <= 2", "logp > 2")),
        (3, [0, 0, 0, 1], ("logp <= 3", "logp > 3")),
        (0.5, [0, 1, 1, 1], ("logp <= 0.5", "logp > 0.5")),
    ],
)
def test_other_numbers_are_cut_in_two(table: str, cut: float | str | None, labels: list, classes: tuple) -> None:
    records = smiles.load(table, label="logp", cut=cut).records
    assert records.labels is not None and records.labels.tolist() == labels
    assert records.classes == classes


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"label": "name"},
            "dataset.label=name: a.csv:2, column name, holds 'ethanol'; expected a number or a blank; ",
        ),
        ({"label": "name"}, "expected a column of numbers: active, logp"),
        ({"label": "mass"}, "dataset.label=mass: no such column in"),
        ({"label": "mass"}, "expected a column of numbers: active, logp"),
        ({"label": "nothing"}, "dataset.label=nothing: holds no value"),
        ({"label": "logp", "cut": 99}, "dataset.label=logp: all 4 molecules are of the class logp <= 99; give another"),
        ({"label": "logp", "cut": "half"}, "dataset.cut=half: expected a number, median or null"),
        ({"label": "logp", "cut": True}, "dataset.cut=True: expected a number, median or null"),
        ({"cut": 1}, "dataset.cut=1: cuts the column dataset.label in two, which is not set"),
    ],
)
def test_a_column_that_makes_no_classes_is_told(table: str, options: dict, told: str) -> None:
    with pytest.raises(InputError) as error:
        smiles.load(table, **options)
    assert told in str(error.value).replace(str(Path(table).parent) + "/", "")


def test_files_without_columns_have_no_label(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO\nCC\n")
    with pytest.raises(InputError, match=r"dataset\.label=y: a\.smi has no columns"):
        smiles.load(str(tmp_path), label="y")


def of_rows(folder: Path, form: str, cells: list[tuple[str, object]], **options: object) -> ReadMolecules:
    """Read molecules and labels from a file of either form; lines count from 2 in .csv, from 1 in .parquet."""
    file = folder / f"a.{form}"
    if form == "csv":
        file.write_text("\n".join(["smiles,y", *(f"{smiles},{'' if y is None else y}" for smiles, y in cells)]))
    else:
        table = {"smiles": [smiles for smiles, _ in cells], "y": [None if y is None else str(y) for _, y in cells]}
        pq.write_table(pa.table(table), file)
    return smiles.load(str(file), label="y", **options)  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize(("form", "first_line"), [("csv", 2), ("parquet", 1)])
TWENTY: list[tuple[str, object]] = [("C" * (at + 1), at % 2) for at in range(20)]


@BOTH
def test_the_first_line_with_a_value_counts(tmp_path: Path, form: str, first_line: int) -> None:
    """Catches a measured molecule that is dropped because a line without a value came first."""
    read = of_rows(tmp_path, form, [("CCO", None), ("OCC", 1), ("CCN", 0), ("CCO", 0), ("CCC", 1)])
    assert read.records.smiles.tolist() == ["CCO", "CCN", "CCC"]
    assert read.records.labels is not None and read.records.labels.tolist() == [1, 0, 1]
    assert (read.duplicates, read.conflicts, read.unlabelled) == (2, 1, 0)
    assert [bad.line for bad in read.dropped] == [first_line + 1, first_line + 3]
    (told,) = read.account()
    assert told.startswith("2 of 5 records equal an earlier one and were left out, 1 of them under another label")


@BOTH
@pytest.mark.parametrize("stray", [2, -1, 0.5, "inf", "1e400", "1_0", "high"])
def test_a_stray_label_makes_its_line_invalid(tmp_path: Path, form: str, first_line: int, stray: object) -> None:
    """Catches one slip that moves the cut to the median: every 1 would become class 0 without a word."""
    read = of_rows(tmp_path, form, [*TWENTY, ("CCO", stray), ("CCN", None)])
    assert read.records.classes == ("y = 0", "y = 1")
    assert read.records.labels is not None and read.records.labels.tolist() == [0, 1] * 10
    assert [bad.line for bad in read.invalid] == [first_line + 20] and str(stray) in read.invalid[0].reason
    assert read.account()[0].startswith("1 of 22 records could not be read")


def test_numbers_of_another_kind_are_cut_at_the_median_and_that_is_told(tmp_path: Path) -> None:
    """Catches counts taken for slips, a cut nobody is told of, and strays that hide behind a cut that was given."""
    counts = [*TWENTY, ("CCO", 2), ("CCN", 2), ("CCCN", 3)]
    read = of_rows(tmp_path, "csv", counts)
    assert read.records.classes == ("y <= 1", "y > 1") and not read.invalid
    assert read.account() == ["y is cut in two at its median, 1: 20 molecules have y <= 1, 3 more"]
    given = of_rows(tmp_path, "csv", [*TWENTY, ("CCO", 2)], cut=0.5)
    assert given.records.labels is not None and given.records.labels.tolist() == [*[0, 1] * 10, 1]


def test_too_many_strays_are_refused_with_the_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"max_invalid=0\.01: .*no valid SMILES or label \(y is 2, expected 0 or 1"):
        of_rows(tmp_path, "csv", [*TWENTY, ("CCO", 2)], max_invalid=0.01)
    with pytest.raises(InputError, match=r"dataset\.label=y: a\.csv:2, column y, holds '1_0'; expected a number"):
        of_rows(tmp_path, "csv", [("C", "1_0"), ("CC", 0), ("CCC", 1)])


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("name", [" y ", "a.b", "y [0]", "y, z", "é", "FieldRef.Name(y)"])
def test_a_column_of_any_name_is_found_in_either_form(tmp_path: Path, form: str, name: str) -> None:
    """Catches a name with a blank at its end that is found in a .csv file, and not in a .parquet file."""
    file = tmp_path / f"a.{form}"
    if form == "csv":
        file.write_text(f'smiles,"{name}"\nC,0\nCC,1\n')
    else:
        pq.write_table(pa.table({"smiles": ["C", "CC"], name: [0, 1]}), file)
    labels = smiles.load(str(file), label=name).records.labels
    assert labels is not None and labels.tolist() == [0, 1]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_name_that_two_columns_have_is_refused(tmp_path: Path, form: str) -> None:
    """Catches the one of two columns that happens to come first, or the reader's own words about it."""
    file = tmp_path / f"a.{form}"
    if form == "csv":
        file.write_text("smiles,y,y\nC,0,1\nCC,1,0\n")
    else:
        pq.write_table(pa.table([["C", "CC"], [0, 1], [1, 0]], names=["smiles", "y", "y"]), file)
    with pytest.raises(InputError, match=r"dataset\.label=y: names 2 columns of .*expected one"):
        smiles.load(str(file), label="y")


def test_parquet_columns_are_labels_too(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": ["CCO", "CC"], "y": [0.0, 1.0], "name": ["a", "b"]}), file)
    labels = smiles.load(str(file), label="y").records.labels
    assert labels is not None and labels.tolist() == [0, 1]
    with pytest.raises(InputError, match=r"dataset\.label=name: .*expected a column of numbers: y"):
        smiles.load(str(file), label="name")


def test_moleculenet_takes_its_first_column_or_any_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "bace.csv").write_text("mol,CID,Class,pIC50\nCCO,BACE_1,1,9.1\nCC,BACE_2,0,4\nCCC,BACE_3,0,5\n")
    first = moleculenet.load(str(tmp_path)).records
    other = moleculenet.load(str(tmp_path), label="pIC50", cut=4.5).records
    assert first.labels is not None and first.labels.tolist() == [1, 0, 0]
    assert other.labels is not None and other.labels.tolist() == [1, 0, 1]
    assert first.classes == ("Class = 0", "Class = 1")
    with pytest.raises(InputError, match=r"dataset\.label=CID: .*expected a column of numbers: Class, pIC50"):
        moleculenet.load(str(tmp_path), label="CID")


def test_moleculenet_tells_of_another_column_at_fault(tmp_path: Path) -> None:
    (tmp_path / "clintox.csv").write_text("smiles,FDA_APPROVED,CT_TOX\nCCO,1,bad\nCC,0,1\n")
    with pytest.raises(InputError, match=r"^dataset\.root=.*column CT_TOX, holds 'bad'"):
        moleculenet.load(str(tmp_path), "clintox")
