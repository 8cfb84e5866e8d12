"""Text files: UTF-8 whatever the locale, and names that have no UTF-8 form."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from telltale.reporting.metrics_file import write_json
from telltale.writing import escape_rest, escaped, write_table, write_text


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
