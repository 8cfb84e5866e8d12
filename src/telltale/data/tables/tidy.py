"""Words that are written in several ways and mean one thing: blanks at their end, accents as one sign or as two."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from telltale.data.tables.csv_files import WORDS_OF_NOTHING, Frame

Writing = Callable[[str], str]


def stripped(word: str) -> str:
    """Return a word without blanks around it, as lists of ids have it."""
    return word.strip()


def composed(word: str) -> str:
    """Return a word without blanks around it, and with each accent as part of its letter (NFC)."""
    return unicodedata.normalize("NFC", word).strip()


def tidied(frame: Frame, columns: Mapping[str | None, Writing]) -> Frame:
    """Return the same table with the words of these columns written in one way, told where that changed any."""
    table, changed = frame.table, []
    for name, written in columns.items():
        if name is None or pd.api.types.is_numeric_dtype(table[name].dtype):
            continue
        codes, found = pd.factorize(table[name].astype(object))
        words = [written(word) if isinstance(word, str) else word for word in found]
        if words != list(found):
            meant = [None if word in WORDS_OF_NOTHING else word for word in words]
            cells = [None if code < 0 else meant[code] for code in codes.tolist()]
            table = table.assign(**{name: pd.Series(cells, index=table.index, dtype=object)})
            changed.append(name)
    if not changed:
        return frame
    told = f"blanks around words, and letters with an accent, were made one way of writing in {', '.join(changed)}"
    return replace(frame, table=table, told=(*frame.told, told))
