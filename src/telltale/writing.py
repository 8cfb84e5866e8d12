"""Text files as this project writes them: UTF-8 whatever the locale, and names that have no UTF-8 form escaped."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")  # how Python keeps a byte of a file's name that is no UTF-8


def escaped(text: str) -> str:
    r"""Write what has no UTF-8 form as its escape: a byte of a file's name as \xe9, half of a pair as \ud83d.

    >>> escaped("caf\udce9")
    'caf\\xe9'
    """
    return SURROGATE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def counted(number: int, one: str, more: str = "") -> str:
    """Write a number of things with the word that fits it; more: the word of several, where it is not one with an s.

    >>> counted(1, "model"), counted(1200, "model"), counted(2, "class", "classes")
    ('1 model', '1,200 models', '2 classes')
    """
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def escaped_throughout(value: Any) -> Any:
    """Return mappings and lists with every text in them escaped, whatever else they hold as it is."""
    if isinstance(value, Mapping):
        return {escaped_throughout(key): escaped_throughout(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escaped_throughout(item) for item in value]
    return escaped(value) if isinstance(value, str) else value


def as_escapes(error: UnicodeError) -> tuple[str, int]:
    """Stand in for what a stream has no letters for: the handler of errors named "escaped"."""
    assert isinstance(error, UnicodeEncodeError)
    part = escaped(error.object[error.start : error.end])
    return part.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error("escaped", as_escapes)


def escape_rest(stream: object) -> None:
    """Have a stream, such as a terminal's, write escaped what it has no letters for, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="escaped")


def write_text(file: Path, text: str) -> None:
    """Write `text` to `file` as UTF-8; what has no such form is escaped."""
    file.write_text(escaped(text), encoding="utf-8")


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+|inf)(?:e[-+]?\d+)?"
NUMBER = re.compile(rf"{_NUMBER}(?: \[{_NUMBER}, {_NUMBER}\])?", re.IGNORECASE)  # with its interval, as tables have it
FORMULA = re.compile(
    "'*[=+\\-@\t\r\n＝＋－＠]"
)  # a spreadsheet computes what begins so; apostrophes are counted, see `cell`


def cell(value: object) -> str:
    """Write a value for a cell of a table that people open: None is empty, a number stays, a formula becomes a text.

    An apostrophe before it says so to a spreadsheet (OWASP, CSV injection). A text that begins with apostrophes and
    goes on like a formula has one more, too: taking one away gives the value back, always.

    >>> cell("=1+1"), cell(-1.5), cell("-0.1 [-0.2, 0.3]")
    ("'=1+1", '-1.5', '-0.1 [-0.2, 0.3]')
    """
    text = escaped("" if value is None else str(value))
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def write_table(file: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows of cells, the heading first, to a CSV file for people."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([cell(value) for value in row] for row in rows)
