"""Tables of people: every row found once, every bad one listed, and features that can be read back."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.data.tables import adult, census
from telltale.data.tables.cells import as_written, lay_out, read_cells, read_columns, to_features, to_values
from telltale.data.tables.records import Column, ReadTable, TableRecords, distinct
from telltale.errors import InputError

COLUMNS = (
    Column("age", "numeric", 0, 0, low=0, high=90, whole=True),
    Column("sex", "binary", 0, 0, ("Female", "Male")),
    Column("work", "categorical", 0, 0, ("?", "Private", "State gov")),
    Column("share", "numeric", 0, 0, low=-1, high=3),
)
values = st.tuples(
    st.integers(0, 90).map(float),
    st.integers(0, 1).map(float),
    st.integers(0, 2).map(float),
    st.floats(-1, 3, allow_nan=False),
)
blanks = st.sampled_from(["", " ", "  "])
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(values, max_size=20))
def test_features_are_read_back_as_what_they_were(rows: list[tuple[float, ...]]) -> None:
    """Catches a one-hot block that is off by one, and a range used on one way only."""
    table, placed = np.array(rows).reshape(-1, 4), lay_out(COLUMNS)
    features = to_features(table, placed)
    assert features.shape == (len(rows), 6) and features.dtype == np.float32
    assert not len(rows) or (features.min() >= 0 and features.max() <= 1)
    np.testing.assert_array_equal(features[:, 2:5].sum(1), 1)
    back = to_values(features, placed)
    np.testing.assert_array_equal(back[:, :3], table[:, :3])
    np.testing.assert_allclose(back[:, 3], table[:, 3], atol=1e-6)


def test_a_generator_s_output_is_read_as_the_nearest_row() -> None:
    placed = lay_out(COLUMNS)
    table = as_written(
        to_values(np.array([[1.7, 0.49, 0.1, 0.2, 0.3, -5], [0.504, 0.5, 9, 0, 8, 0.5]]), placed), placed
    )
    assert table.to_dict("list") == {
        "age": [90, 45],
        "sex": ["Female", "Male"],
        "work": ["State gov", "?"],
        "share": [-1, 1],
    }


@relaxed
@given(st.lists(st.tuples(values, blanks, st.sampled_from(["good", "short", "level", "number"])), max_size=15), blanks)
def test_every_good_row_is_found_and_every_bad_one_listed(tmp_path: Path, rows: list, blank: str) -> None:
    lines, good, bad = ["| a comment", ""], [], []
    for value, space, state in rows:
        cells = [f"{value[0]:g}", COLUMNS[1].levels[int(value[1])], COLUMNS[2].levels[int(value[2])], repr(value[3])]
        if state == "good":
            good.append(value)
        else:
            bad.append(len(lines) + 1)
            cells = (
                cells[1:]
                if state == "short"
                else [cells[0], "Neither", *cells[2:]]
                if state == "level"
                else ["91", *cells[1:]]
            )
        lines.append(blank + f",{space}".join(cells))
    file = tmp_path / "x.data"
    file.write_text("\r\n".join(lines))
    read = read_cells([file], COLUMNS)
    np.testing.assert_array_equal(read.values, np.array(good).reshape(-1, 4))
    assert [row.line for row in read.invalid] == bad


def test_the_first_of_equal_rows_is_kept_whatever_its_label() -> None:
    columns = lay_out(COLUMNS[:1])
    records = TableRecords(np.array([[0], [1], [0]], np.float32), np.array([0, 1, 1]), "a", ("x", "y"), columns)
    read = distinct(records)
    assert (len(read.records), read.duplicates, read.lines) == (2, 1, 3)
    assert read.records.labels.tolist() == [0, 1]
    assert len(set(records.fingerprints())) == 3  # the digest holds the label too
    assert records.take(np.array([2])).fingerprints()[0] == records.fingerprints()[2]


def test_features_that_the_columns_do_not_cover_are_refused() -> None:
    with pytest.raises(ValueError, match="columns end at 1"):
        TableRecords(np.zeros((1, 2), np.float32), np.zeros(1, np.int64), "a", ("x",), lay_out(COLUMNS[:1]))


def test_embedded_census_is_twenty_thousand_distinct_people_with_the_real_shares() -> None:
    read = census.load()
    records = read.records
    assert (len(records), read.duplicates, read.lines, read.invalid) == (20_000, 0, 20_000, ())
    assert records.shape == (508,) and records.classes == ("- 50000", "50000+")
    assert 0.075 < records.labels.mean() < 0.085
    assert {column.name for column in records.columns} == {c.name for c in read_columns(census.COLUMNS)} - {
        "income",
        "instance_weight",
    }
    assert census.EMBEDDED.stat().st_size < 400_000


def test_the_embedded_people_are_read_back_as_they_are_written() -> None:
    """Catches a column read under another's name."""
    records = census.load().records
    table = as_written(to_values(records.features, records.columns), records.columns)
    first = table.iloc[0]
    assert (first["age"], first["education"], first["year"]) == (73, "High school graduate", "95")
    assert (table["age"].max(), table["weeks_worked_in_year"].max()) == (90, 52)
    assert set(table["sex"]) == {"Female", "Male"}


def test_any_column_with_levels_can_be_the_class() -> None:
    by_sex = census.load(label="sex").records
    assert by_sex.classes == ("Female", "Male") and "income" in [column.name for column in by_sex.columns]
    with pytest.raises(InputError, match=r"dataset\.label=age: expected one of class_of_worker, .*income"):
        census.load(label="age")


def test_the_sampling_weight_is_a_feature_only_on_demand() -> None:
    assert census.load(weight=True).records.shape == (509,)


PERSON = (
    "73, Not in universe, 0, 0, High school graduate, 0, Not in universe, Widowed, Not in universe or children, "
    "Not in universe, White, All other, Female, Not in universe, Not in universe, Not in labor force, 0, 0, 0, "
    "Nonfiler, Not in universe, Not in universe, Other Rel 18+ ever marr not in subfamily, "
    "Other relative of householder, {weight}, ?, ?, ?, Not in universe under 1 year old, ?, 0, Not in universe, "
    "United-States, United-States, United-States, Native- Born in the United States, 0, Not in universe, 2, 0, 95, "
    "{income}\n"
)
POOR, RICH = (PERSON.format(weight=1700.09, income=income) for income in ("- 50000.", "50000+."))


@pytest.mark.parametrize("names", list(zip(*census.NAMES.values(), strict=True)))
def test_census_of_the_user(tmp_path: Path, names: tuple[str, str]) -> None:
    pack = gzip.compress if names[0].endswith(".gz") else bytes
    young = RICH.replace("73,", "20,", 1)
    (tmp_path / names[0]).write_bytes(pack((POOR + young + "x, y\n").encode()))
    (tmp_path / names[1]).write_bytes(pack(PERSON.format(weight=50, income="50000+.").encode()))
    read = census.load(root=str(tmp_path))
    assert (len(read.records), read.duplicates, read.lines) == (2, 1, 4)  # the weight tells no two people apart
    assert read.records.labels.tolist() == [0, 1]
    assert [(bad.line, bad.reason) for bad in read.invalid] == [(3, "expected 42 cells")]
    assert len(census.load(root=str(tmp_path), weight=True).records) == 3


def test_a_file_that_is_not_there_is_told_and_no_link_is_followed_out(tmp_path: Path) -> None:
    """Catches half of the people taken for all of them, and a file from elsewhere that is read by a link."""
    assert adult_of(tmp_path).told == ()
    (tmp_path / "adult.test").unlink()
    assert adult.load(str(tmp_path)).told == ("adult.test of Adult not there: 1 of 2 files were read",)
    (tmp_path / "census-income.test").write_text(POOR + RICH)
    told = ("census-income.data of Census-Income not there: 1 of 2 files were read",)
    assert census.load(root=str(tmp_path)).told == told
    root = tmp_path / "root"
    root.mkdir()
    for name, load in (("adult.data", adult.load), ("census-income.test", lambda folder: census.load(root=folder))):
        (root / name).symlink_to(tmp_path / name)
        with pytest.raises(InputError, match=f"{name} is a link to .*, outside of it"):
            load(str(root))


def test_rows_of_one_class_or_none_are_told(tmp_path: Path) -> None:
    file = tmp_path / "census-income.data"
    file.write_text(POOR)
    with pytest.raises(InputError, match=r"dataset\.label=income: all 1 rows are of the class - 50000"):
        census.load(root=str(tmp_path))
    file.write_text("1, 2\n")
    with pytest.raises(InputError, match="none of 1 rows can be used; first: expected 42 cells"):
        census.load(root=str(tmp_path))


ADULT = (
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, "
    "United-States, <=50K\n",
    "50, ?, 83311, HS-grad, 9, Divorced, ?, Husband, Black, Female, 0, 0, 13, Hong, >50K\n",
)


def adult_of(folder: Path) -> ReadTable:
    (folder / "adult.data").write_text("".join(ADULT) + "\n")
    test = "".join(line.replace("39,", "40,").replace("50,", "51,").rstrip("\n") + ".\n" for line in ADULT)
    unknown = ADULT[0].replace("State-gov", "Space-gov")
    (folder / "adult.test").write_text("|1x3 Cross validator\n" + test + unknown + ADULT[1])
    return adult.load(str(folder))


def test_adult_of_the_user_with_the_dots_of_its_test_file(tmp_path: Path) -> None:
    read = adult_of(tmp_path)
    assert (len(read.records), read.duplicates, read.lines) == (4, 1, 6)
    assert read.records.labels.tolist() == [0, 1, 0, 1] and read.records.classes == ("<=50K", ">50K")
    assert [(bad.line, bad.reason) for bad in read.invalid] == [(4, "workclass is 'Space-gov'")]
    table = as_written(to_values(read.records.features, read.records.columns), read.records.columns)
    assert table["age"].tolist() == [39, 50, 40, 51] and table["native_country"][1] == "Hong"


def test_unusable_rows_can_be_written_for_the_user(tmp_path: Path) -> None:
    adult_of(tmp_path).write_invalid(tmp_path / "invalid.csv")
    with (tmp_path / "invalid.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["file", "line", "reason", "text"],
            [str(tmp_path / "adult.test"), "4", "workclass is 'Space-gov'", ""],
            [str(tmp_path / "adult.test"), "5", "the same row as adult.data:2", ""],
        ]


@pytest.mark.parametrize("load", [adult.load, census.load])
def test_a_folder_without_tables_is_told(load, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for root in (str(tmp_path), str(tmp_path / "nowhere")):
        with pytest.raises(InputError, match=r"^dataset\.root=.*expected a folder with (adult|census-income)\.data"):
            load(root=root)
    if load is census.load:
        with pytest.raises(InputError, match=r"dataset\.downloads=null"):
            load(full=True)


@pytest.mark.parametrize("file", [census.COLUMNS, adult.COLUMNS])
def test_the_columns_of_a_set_are_sound(file: Path) -> None:
    columns = read_columns(file)
    assert len({column.name for column in columns}) == len(columns)
    for column in columns:
        assert (column.kind == "numeric") == (not column.levels)
        assert column.kind != "binary" or len(column.levels) == 2
        assert column.low < column.high and len(set(column.levels)) == len(column.levels)
