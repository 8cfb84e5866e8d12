"""Words that are written in several ways and mean one thing: blanks at their end, accents as one sign or as two."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from telltale.data.tables.csv_files import WORDS_OF_NOTHING, Frame
from telltale.writing import counted

CLASS = "None"  # which programs seldom write where nothing is known, and people where there is none of a thing
Writing = Callable[[str], str]


def stripped(word: str) -> str:
    """Return a word without blanks around it, as lists of ids have it."""
    return word.strip()


def composed(word: str) -> str:
    """Return a word without blanks around it, and with each accent as part of its letter (NFC)."""
    return unicodedata.normalize("NFC", word).strip()


def tidied(frame: Frame, columns: Mapping[str | None, Writing], label: str | None = None) -> Frame:
    """Return the same table with the words of these columns written in one way, told where that changed any.

    label: the column in which what says nothing is left to `with_named_classes`.
    """
    table, changed = frame.table, []
    for name, written in columns.items():
        if name is None or pd.api.types.is_numeric_dtype(table[name].dtype):
            continue
        codes, found = pd.factorize(table[name].astype(object))
        words = [written(word) if isinstance(word, str) else word for word in found]
        if words != list(found):
            nothing = ("",) if name == label else WORDS_OF_NOTHING
            meant = [None if word in nothing else word for word in words]
            cells = [None if code < 0 else meant[code] for code in codes.tolist()]
            table = table.assign(**{name: pd.Series(cells, index=table.index, dtype=object)})
            changed.append(name)
    if not changed:
        return frame
    told = f"blanks around words, and letters with an accent, were made one way of writing in {', '.join(changed)}"
    return replace(frame, table=table, told=(*frame.told, told))


def with_named_classes(frame: Frame, label: str | None) -> Frame:
    """Return a table whose column of labels says nothing where it is to mean that, told where a class is meant.

    Beside words None is a class; beside numbers, true and false it says nothing, as NA, null and ? do everywhere.
    """
    if label is None or label not in frame.table or pd.api.types.is_numeric_dtype(frame.table[label].dtype):
        return frame
    column = frame.table[label]
    nothing = column.isin(WORDS_OF_NOTHING)
    rest = column[~nothing & column.notna()].astype(str)
    if not nothing.any():
        return frame
    numbers = pd.to_numeric(rest, errors="coerce")
    if numbers.isna().any():
        numbers = pd.to_numeric(rest.str.replace(",", ".", regex=False), errors="coerce")  # decimal commas
    if numbers.notna().all():
        return replace(frame, table=frame.table.assign(**{label: numbers.reindex(column.index)}))
    is_class = (column == CLASS) & (not set(rest.str.lower()).issubset({"true", "false"}))
    table = frame.table.assign(**{label: column.where(is_class | ~nothing, None)})
    classes = set(column[is_class])
    told = [
        f"{label}={word} of {counted(count, 'record')} {'is a class' if word in classes else 'says nothing'}"
        for word, count in column[nothing].value_counts().items()
    ]
    return replace(frame, table=table, told=(*frame.told, *told))
