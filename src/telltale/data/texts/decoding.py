"""Files of texts that people have: in UTF-8, or refused with the line that is not."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

from telltale.checks import choice
from telltale.data.compressed import LARGEST, no_memory, require_size
from telltale.data.text_files import Text, code_of, text_of
from telltale.errors import InputError

UNDECODABLE = ("refuse", "replace")
GZIPPED = b"\x1f\x8b"


def decoded(file: Path, undecodable: str, largest: float = LARGEST) -> Text:
    """Return the lines of a text file, gzipped or not, and what is to be told of its letters.

    undecodable: refuse = InputError names the first line that is not UTF-8; replace = such lines are read as
    Windows-1252, and told. A file that says it is UTF-16 or UTF-32, or has such zeros between its letters, is held to
    that. largest: GiB that it may unpack to.
    """
    choice("dataset.undecodable", undecodable, UNDECODABLE)
    try:
        require_size(file, largest)
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix.lower() == ".gz" else data
    except MemoryError:
        raise no_memory(file) from None
    except (OSError, EOFError) as error:
        raise InputError("dataset.file", file, f"cannot be read ({error})") from None
    if data.startswith(GZIPPED):
        raise InputError("dataset.file", file, f"text; this is gzipped: name it {file.name}.gz")
    if undecodable == "refuse":
        code = code_of(data).upper()
        data = data.removeprefix(codecs.BOM_UTF8)
        try:
            data.decode(code)
        except UnicodeDecodeError as error:
            before = data[: error.start].decode(code, "ignore").replace("\r\n", "\n").replace("\r", "\n")
            line = 1 + before.count("\n")
            expected = f"line {line:,} is not {code}; dataset.undecodable=replace reads such lines all the same"
            raise InputError("dataset.file", file, expected) from None
    return text_of(data, file.name)
