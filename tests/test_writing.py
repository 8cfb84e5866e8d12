"""Text files: UTF-8 whatever the locale, and names that have no UTF-8 form."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.reporting.metrics_file import write_json
from telltale.writing import cell, escape_rest, escaped, write_table, write_text
from tests.rules.house import ROOT


@given(st.text(st.characters() | st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), max_size=20))
def test_any_name_that_a_file_can_have_becomes_utf8(text: str) -> None:
    """Catches half of a pair, or a byte of Latin-1, that no file can be written with."""
    assert escaped(text).encode("utf-8").decode("utf-8") == escaped(text)
    assert escaped(escaped(text)) == escaped(text)


def test_what_has_a_utf8_form_is_left_as_it_is() -> None:
    """Catches names in other scripts that are escaped, too."""
    assert escaped("кот 🐶 café") == "кот 🐶 café"
    assert escaped("caf\udce9 \ud83d") == "caf\\xe9 \\ud83d"


def test_a_terminal_without_the_letters_shows_their_escapes() -> None:
    """Catches a summary that is lost on its way to a terminal of a C locale."""
    stream = io.TextIOWrapper(buffer := io.BytesIO(), "ascii")
    escape_rest(stream)
    stream.write("caf\udce9 · é")
    stream.flush()
    assert buffer.getvalue() == rb"caf\xe9 \xb7 \xe9"


def test_each_kind_of_file_writes_such_a_name(tmp_path: Path) -> None:
    """Catches a trained run that is lost as its last file cannot be written."""
    name = Path("caf\udce9")
    write_text(tmp_path / "x.txt", f"{name} кот")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "caf\\xe9 кот"
    write_table(tmp_path / "x.csv", [["file", "line"], [name, None]])
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["file", "line"], ["caf\\xe9", ""]]
    write_json(tmp_path / "x.json", {str(name): [name, str(name)]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"caf\\xe9": ["caf\\xe9"] * 2}


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "-1.5x", "＝1"]
)
def test_a_formula_in_a_table_is_a_text(text: str) -> None:
    """Catches a class name, caption or bad line that a spreadsheet computes."""
    assert cell(text) == f"'{text}" and cell(f"'{text}") == f"''{text}"


@pytest.mark.parametrize(
    "value", [-1.5, -3, "-1e-05", "+2", float("-inf"), "-0.1 [-0.2, 0.3]", "", "C=O", "it's", "'tis"]
)
def test_numbers_and_other_texts_stay_as_they_are(value: object) -> None:
    """Catches a figure that becomes a text because it is below 0."""
    assert cell(value) == str(value)


@given(st.text(st.sampled_from("'=+-@\t\r1.5e [,]x"), max_size=8))
def test_taking_one_apostrophe_away_gives_every_text_back(text: str) -> None:
    """Catches two texts that become one in a table."""
    written = cell(text)
    assert not re.match(r"[=+@\t\r-](?!\d|\.\d|$)", written)
    assert (written[1:] if re.match(r"''*[=+@\t\r-]", written) else written) == text


def test_no_table_is_written_past_the_cells() -> None:
    """Catches a new CSV file whose cells nobody looks at; those named hold numbers of ours alone."""
    numbers = {"src/telltale/training/fit.py", "scripts/make_embedded_census.py", "scripts/bench/own_tables.py"}
    # what a user's own file holds, less its broken rows, in memory; a compressed table that a script reads again
    for_programs = {"src/telltale/data/tables/csv_files.py", "scripts/released/clone.py"}
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    writers = {name for name, text in texts.items() if re.search(r"csv\.(Dict)?[Ww]riter\(|\.to_csv\(", text)}
    assert {
        name for name in writers if not re.search(r"^from telltale.writing import .*\bcell\b", texts[name], re.M)
    } == {
        *numbers,
        *for_programs,
        "src/telltale/writing.py",
    }
