"""Texts of your own: a column of a .csv or .tsv, a field of a .jsonl, the lines or paragraphs of a .txt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.folders import why_no_file
from telltale.data.given import groups_of
from telltale.data.loaded import Loaded
from telltale.data.texts.decoding import decoded
from telltale.data.texts.documents import Documents, Preparation, as_objects
from telltale.data.texts.prepared import of_files, prepared
from telltale.data.texts.records import TextRecords
from telltale.data.texts.tabular import Column, Place, cells_of, rows_of_csv, rows_of_jsonl, rows_of_text
from telltale.errors import InputError
from telltale.writing import escaped

EXPECTED = "a .jsonl, .csv, .tsv or .txt file, gzipped or not"
TABLES = {".csv": ",", ".tsv": "\t"}
OBJECTS = (".jsonl", ".ndjson")
UNITS = ("line", "paragraph")
MOST_CLASSES = 0.5  # of the documents: more classes than that are no classes


def load(
    file: str | None = None,
    column: str | None = None,
    label: str | None = None,
    group: str | None = None,
    id: str | None = None,
    unit: str = "line",
    shown: bool = True,
    undecodable: str = "refuse",
    largest: float = LARGEST,
    vocabulary: int = 1024,
    context: int | None = 32,
    near_equal: float | None = 0.8,
    public: float = 0.2,
    tokenizer: str | None = None,
    cache: str | None = None,
    most_per_group: int | None = None,
) -> Loaded[TextRecords]:
    """Return the documents of a file.

    column: that holds them; None = `text`; label: column of the class; group: column of the author, whose documents
    stay in one pool; id: column by which reports name one; unit: of a .txt, line | paragraph; shown: False = reports
    print the length of a text, not its words, and of a row that is none where it is; undecodable: see `decoded`;
    vocabulary … most_per_group: see `Preparation`. Raises InputError for a file that cannot be read, a column that is
    not there, and documents of one class only.
    """
    how = Preparation(vocabulary, context, near_equal, public, tokenizer, cache, most_per_group)
    choice("dataset.unit", unit, UNITS)
    if file is None:
        raise InputError("dataset.file", "null", f"expected {EXPECTED}")
    path = Path(file).expanduser()
    if (fault := why_no_file(path)) is not None:
        raise InputError("dataset.file", file, f"{fault}; expected {EXPECTED}")
    ending = _ending(path)
    if ending not in (*TABLES, *OBJECTS, ".txt"):
        raise InputError("dataset.file", file, f"expected {EXPECTED}")
    columns = [Column("dataset.column", column or "text")]
    columns += [Column("dataset.label", label)] if label is not None else []
    columns += [Column(f"dataset.{field}", name, False) for field, name in (("group", group), ("id", id)) if name]
    options = (ending, columns, label, group, id, unit, shown, undecodable)
    return prepared(
        f"{path.name} {options} {of_files([path])}",
        lambda: _documents(path, _places(path, ending, unit, undecodable, largest), columns, label, group, id, shown),
        how,
        one_class="dataset.label" if label is not None else None,
        value=label,
    )


def _ending(path: Path) -> str:
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


def _places(path: Path, ending: str, unit: str, undecodable: str, largest: float) -> tuple[Sequence[Place], str]:
    """Return the rows of the file, and what is to be told of its letters."""
    text = decoded(path, undecodable, largest)
    if ending in TABLES:
        return list(rows_of_csv(text.lines, TABLES[ending])), text.told
    return list(rows_of_jsonl(text.lines) if ending in OBJECTS else rows_of_text(text.lines, unit)), text.told


def _documents(
    path: Path,
    held: tuple[Sequence[Place], str],
    columns: Sequence[Column],
    label: str | None,
    group: str | None,
    id: str | None,
    shown: bool,
) -> Documents:
    places, told = held
    rows, lines, invalid = cells_of(path, places, columns)
    if not rows:
        first = f"; the first: line {invalid[0].line} {invalid[0].reason}" if invalid else ""
        raise InputError("dataset.file", path, f"holds no document{first}")
    by_name = dict(zip([column.field for column in columns], zip(*rows, strict=True), strict=True))
    texts, labels, classes = by_name["dataset.column"], None, tuple[str, ...]()
    if label is not None:
        words = [word.strip() for word in by_name["dataset.label"]]
        classes = tuple(sorted(set(words)))
        if len(classes) > max(2, MOST_CLASSES * len(words)):
            expected = f"a column of classes: {len(classes):,} different words in {len(words):,} documents"
            raise InputError("dataset.label", label, expected)
        position = {word: at for at, word in enumerate(classes)}
        labels = np.array([position[word] for word in words], np.int64)
    said = [told]
    groups = None
    if group is not None:
        names = [whose.strip() for whose in by_name["dataset.group"]]
        groups = groups_of([whose.casefold() or None for whose in names])
        if (alike := len(set(names)) - len({whose.casefold() for whose in names})) > 0:
            said.append(f"spellings of {group} (dataset.group) that differ in case alone are one: {alike:,} fewer")
        if nobodys := int((groups < 0).sum()):
            said.append(f"{nobodys:,} of {len(rows):,} documents have no {group} (dataset.group): each is by itself")
    names = [f"line {line}" for line in lines]
    if id is not None:
        given = [name.strip() for name in by_name["dataset.id"]]
        names = [name or line for name, line in zip(given, names, strict=True)]
        if without := given.count(""):
            said.append(f"{without:,} of {len(rows):,} documents have no {id} (dataset.id) and are named by their line")
        if shared := len(names) - sum(number == 1 for number in Counter(names).values()):
            said.append(f"{shared:,} documents share their {id} (dataset.id) with others")
    return Documents(
        source=path.name,
        texts=as_objects([text.strip() for text in texts]),
        labels=labels,
        classes=tuple(escaped(name) for name in classes),
        groups=groups,
        shown=None if shown else as_objects([f"text of {len(text.strip()):,} characters" for text in texts]),
        ids=np.array([escaped(name) for name in names]),
        invalid=tuple(invalid if shown else [replace(bad, text="") for bad in invalid]),
        told=tuple(filter(None, said)),
    )
