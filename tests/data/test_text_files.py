"""Lists as people write them: stray quotation marks and commas, bytes of Windows-1252."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from telltale.data.captions import flickr8k, image_reports
from telltale.data.captions.read import ReadCaptions
from telltale.data.text_files import csv_rows, read_text
from telltale.errors import InputError

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",\n'), max_size=8)


def is_row(cells: Sequence[str]) -> bool:
    return len(cells) == 2 and cells[0].endswith(".png")


def parsed(text: str) -> list[tuple[str, ...] | str]:
    return [row.fault or row.cells for row in csv_rows(text.split("\n"), is_row)]


@given(st.lists(st.tuples(CELL.filter(lambda cell: not cell.strip().endswith(".png")), CELL), max_size=5))
def test_a_csv_file_without_a_fault_is_read_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    """Catches a cell cut at a comma, a quotation mark or a line's end that it may hold."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    assert parsed(stream.getvalue()) == [row for row in rows if any(row)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('1.png,a\n"2.png,b\n3.png,c\n', ["1.png", None, "3.png"]),  # never closed
        ('1.png,"a\n2.png,b\n3.png,c"\n4.png,d\n', [None, "2.png", "3.png", "4.png"]),  # closed two rows later
        ('"1.png,a\n2.png,"b, c"\n', [None, "2.png"]),  # another row's mark seems to close it
        ('1.png,"a\nb, c"\n2.png,d\n', ["1.png", "2.png"]),  # a cell of two lines
        ('1.png,6" tube\n2.png,b\n', ["1.png", "2.png"]),  # an inch is no quotation
        ('1.png,"a" b\n2.png,c\n', [None, "2.png"]),
        ('1.png,"a\n2.png,b"\n' * 2, [None, "2.png"] * 2),  # by chance
        ('1.png,"a\n2.png,b"\n' * 3, ["1.png"] * 3),  # by intention: lists
        ('1.png,"a\n2.png,b"\n' * 3 + "3.png\n", [None, "2.png"] * 3 + ["3.png"]),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_row_alone(text: str, rows: list[str | None]) -> None:
    """Catches later rows swallowed into one report, and their pictures gone without a word."""
    assert [None if isinstance(row, str) else row[0] for row in parsed(text)] == rows


@given(st.data())
def test_no_quotation_mark_more_costs_another_row(data: st.DataObject) -> None:
    """Catches any place for a stray mark from which it swallows rows, whether cells are quoted or not."""
    texts = data.draw(st.lists(st.sampled_from(["a", "b c", 'd "e" f', "g, h", "i\nj"]), min_size=3, max_size=5))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    rows = [(f"{number}.png", text) for number, text in enumerate(texts)]
    whole = [io.StringIO() for _ in rows]
    for one, row in zip(whole, rows, strict=True):
        csv.writer(one, quoting=quoting, lineterminator="\n").writerow(row)
    at = data.draw(st.integers(0, len(rows) - 1))
    line = whole[at].getvalue()
    place = data.draw(st.integers(0, len(line) - 1))
    broken = [one.getvalue() for one in whole]
    broken[at] = f'{line[:place]}"{line[place:]}'
    found = parsed("".join(broken))
    assert [row for row in rows if row in found and row != rows[at]] == [row for row in rows if row != rows[at]]


def test_bytes_of_windows_1252_are_read_as_such_and_told(tmp_path: Path) -> None:
    """Catches an accent that becomes a mark of its own, the same one for all."""
    file = tmp_path / "x.csv"
    file.write_bytes("image,report\n1.png,épanchement n° 1 – normal\n".encode("cp1252") + "2.png,é\n".encode())
    text = read_text(file)
    assert text.lines[1:3] == ("1.png,épanchement n° 1 – normal", "2.png,é")
    assert text.told == "1 lines of x.csv, the first of them line 2, are no UTF-8 and were read as Windows-1252"
    for codec in ("utf-8-sig", "utf-16", "utf-8"):
        file.write_text("é\ta\n", encoding=codec)
        assert (read_text(file).lines[0], read_text(file).told) == ("é\ta", "")
    file.write_bytes(b"\x81\n")
    assert read_text(file).told.endswith("; 1 bytes stand for nothing there")


def reports(folder: Path, text: str | bytes, count: int = 4) -> ReadCaptions:
    for number in range(1, count + 1):
        Image.fromarray(np.full((4, 4), 10 * number, np.uint8)).save(folder / f"{number}.png")
    (folder / "reports.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return image_reports.load(str(folder), size=2)


def test_a_comma_outside_of_quotation_marks_does_not_end_a_report_in_silence(tmp_path: Path) -> None:
    """Catches a diagnosis cut before what is asked for; empty cells at the end are none."""
    read = reports(tmp_path, "image,report\n1.png,acute edema\n2.png,clear, acute edema\n3.png,no change,,\n")
    assert read.records.names == ("1.png", "3.png") and read.lines == 3
    (bad,) = read.invalid
    assert (bad.line, bad.text) == (3, "2.png,clear, acute edema") and "comma outside of quotation marks" in bad.reason


def test_a_list_of_reports_says_what_it_changed(tmp_path: Path) -> None:
    """Catches a second column that overwrites the first, and captions that are merged without a count."""
    rows = "image,report,report\n1.png,No \xe9dema,\n2.png,clear,x\n2.png,Clear ,x\n\n3.png,,x\n"
    read = reports(tmp_path, rows.encode("latin-1"))
    assert read.records.references == (("no édema",), ("clear",))
    assert read.account() == [
        "1 of 3 records could not be read; listed in invalid_records.csv",
        "1 lines of reports.csv, the first of them line 2, are no UTF-8 and were read as Windows-1252",
        "of the columns of reports.csv named report the first was read",
        "1 caption says the same as another of the picture, which counts once",
    ]
    assert [(bad.line, bad.reason) for bad in read.invalid] == [(6, "has no image or no report")]


def test_equal_pictures_with_other_captions_are_told(tmp_path: Path) -> None:
    """Catches a patient's report that goes without a word, as another has the same picture."""
    Image.fromarray(np.full((4, 4), 10, np.uint8)).save(tmp_path / "again.png")
    read = reports(tmp_path, "image,report\n1.png,clear\nagain.png,edema\n2.png,clear\n")
    assert (read.duplicates, read.conflicts) == (1, 1)
    assert "1 of them with other captions: the first counts" in read.account()[0]
    assert read.dropped[0].reason.endswith("1.png, with other captions")


def test_a_listed_picture_that_leads_outside_is_not_read_unless_allowed(tmp_path: Path) -> None:
    """Catches a list of a stranger whose links show what lies beside the data set."""
    (root := tmp_path / "set").mkdir()
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(tmp_path / "secret.png")
    (root / "4.png").symlink_to(tmp_path / "secret.png")
    rows = "image,report\n1.png,clear\n4.png,edema\n"
    read = reports(root, rows, 1)
    assert read.records.names == ("1.png",)
    assert read.invalid[0].reason.startswith("is a link that leads outside dataset.root; dataset.follow_links=true")
    assert image_reports.load(str(root), size=2, follow_links=True).records.names == ("1.png", "4.png")
    (root / "reports.csv").rename(tmp_path / "reports.csv")
    (root / "reports.csv").symlink_to(tmp_path / "reports.csv")
    with pytest.raises(InputError, match=r"reports\.csv is a link to .*, outside of it"):
        image_reports.load(str(root))


def test_captions_of_flickr_in_windows_1252_are_told(tmp_path: Path) -> None:
    """Catches the other reader of text that people wrote."""
    (tmp_path / "Images").mkdir()
    Image.fromarray(np.full((4, 4), 10, np.uint8)).save(tmp_path / "Images" / "1.jpg")
    (tmp_path / "captions.txt").write_bytes("image,caption\n1.jpg,a café\n".encode("cp1252"))
    read = flickr8k.load(str(tmp_path), size=2)
    assert read.records.references == (("a café",),) and "captions.txt, the first of them line 2" in read.told[0]


def test_a_picture_under_two_patients_is_told_and_nobody_is_called_na(tmp_path: Path) -> None:
    """Catches one picture on both sides of a split by patient, and all whose patient is not known made one person."""
    rows = "1.png,a,P1\n2.png,b,NA\n3.png,c,nan\n4.png,d, P1 \n./1.png,e,P1\n1.png,f,P2\n1.png,g,\n"
    reports(tmp_path, "image,report,patient\n" + rows)
    read = image_reports.load(str(tmp_path), group="patient", size=2)
    assert read.records.concepts[0] == read.records.concepts[3] and len(set(read.records.concepts.tolist())) == 3
    assert read.told[:2] == (
        "1 picture is listed under several of patient: the first counts (1.png)",
        "2 pictures have no patient: a group of their own each",
    )


def test_reports_that_are_missing_and_pictures_that_are_left_out_are_told(tmp_path: Path) -> None:
    """Catches "nan" as a report, patients who are nobody, and the further pictures of an examination."""
    for number in range(1, 4):
        Image.fromarray(np.full((4, 4), 10 * number, np.uint8)).save(tmp_path / f"{number}.png")
    rows = [
        {"image": ["1.png", "2.png"], "report": "clear", "patient": ""},
        {"image": "2.png", "report": "NaN", "patient": "b"},
        {"image": "3.png", "report": "none seen", "patient": "c"},
    ]
    (tmp_path / "reports.json").write_text(json.dumps(rows), encoding="utf-8")
    read = image_reports.load(str(tmp_path), "reports.json", group="patient", size=2)
    assert read.records.names == ("1.png", "3.png") and [bad.line for bad in read.invalid] == [2]
    assert read.told == (
        "left out: 1 further picture of examinations, of which the first is read",
        "1 picture has no patient: a group of its own",
    )
