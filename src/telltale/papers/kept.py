"""Figures of a run that outlive its folder: a small CSV file a run, for a repository to keep.

    what,value,low,high,note
    commit,5f1c…,,,            at which it was made; note `changed`: files were not as that commit has them
    code,9a03…,,,              digest of the code that made it
    device,NVIDIA H100,,,      the GPU that its fits may have used; no such row: none, or kept before 0.12.0
    override,attack=tmi,,,     a word of its command line, one a row, in their order
    figures,2,,,               how many there are below, so that a file cut short is known as one
    asked,blind/auc_*,,,       what was asked of it that is no figure below: a pattern, or a figure that it has not
    target/auc,0.6,0.5,0.7,""

A run has its own file: pieces that several machines made are joined by copying, and nobody has to wait for a lock.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.errors import InputError
from telltale.papers.asked import answering, is_pattern
from telltale.papers.results import Measured, Run
from telltale.reporting.metrics_file import write_whole
from telltale.writing import FORMULA, cell

COLUMNS = ["what", "value", "low", "high", "note"]
FACTS = ("commit", "code", "device", "override", "figures", "asked")  # a figure's name has a slash
UNKNOWN = "unknown"  # of a commit: code that is in no repository
CHANGED = "changed"
UNASKED = "owner/*"  # kept of every run: few figures, without which nobody knows what a model was worth


@dataclass(frozen=True)
class Maker:
    """The code that made a run.

    code     its digest
    commit   at which it was
    changed  whether files were not as that commit has them
    """

    code: str
    commit: str = UNKNOWN
    changed: bool = False

    def __str__(self) -> str:
        """Name the commit as people do.

        >>> str(Maker("9a03", "5f1c0ffee5f1c0ffee", changed=True))
        '5f1c0ff with uncommitted changes'
        """
        return f"{self.commit[:7]}{' with uncommitted changes' if self.changed else ''}"


@dataclass(frozen=True)
class KeptRun:
    """One finished run.

    overrides  words of its command line
    asked      what was asked of it, see `asked_of`
    figures    those that answer it, in the run's order
    device     the GPU that its fits may have used, "" for none
    """

    overrides: tuple[str, ...]
    maker: Maker
    asked: frozenset[str]
    figures: Run
    device: str = ""

    @classmethod
    def of(cls, run: Run, overrides: Sequence[str], maker: Maker, asked: Sequence[str], device: str = "") -> KeptRun:
        """Keep of a run what is asked of it, and how well its models do their own task."""
        figures = answering(run, [*asked, UNASKED])
        said = frozenset(name for name in asked if is_pattern(name) or name not in figures)
        return cls(tuple(overrides), maker, said, figures, device)

    def unlike(self, overrides: Sequence[str], asked: Iterable[str]) -> str:
        """Say why it cannot stand for a run of these words, of which this is asked; "" where it can."""
        if self.overrides != tuple(overrides):
            then = [word for word in self.overrides if word not in overrides]
            now = [word for word in overrides if word not in self.overrides]
            if not then and not now:
                return "its words stood in another order"
            return f"it was made with {_words(then)}, and conf/paper says {_words(now)} by now"
        lacking = [name for name in asked if name not in self.asked and (is_pattern(name) or name not in self.figures)]
        return f"it does not have {lacking[0]}, which conf/paper asks for by now" if lacking else ""


def write_kept(file: Path, run: KeptRun) -> Path:
    """Write a run's file, whole or not at all: the same bytes for the same run. Returns the file."""
    facts = [
        ("commit", run.maker.commit, "", "", CHANGED if run.maker.changed else ""),
        ("code", run.maker.code, "", "", ""),
        *([("device", run.device, "", "", "")] if run.device else []),
        *(("override", word, "", "", "") for word in run.overrides),
        ("figures", len(run.figures), "", "", ""),
        *(("asked", name, "", "", "") for name in sorted(run.asked)),
    ]
    figures = [
        (name, *map(_number, (figure.value, figure.low, figure.high)), figure.note)
        for name, figure in run.figures.items()
    ]
    rows = [",".join(_quoted(cell(value)) for value in row) for row in (COLUMNS, *facts, *figures)]
    return write_whole(file, "\n".join(rows) + "\n")


def read_kept(file: Path) -> KeptRun:
    """Read a run's file. InputError where it is not one that `write_kept` wrote, with the first line that shows it."""
    try:
        lines = csv.reader(io.StringIO(file.read_bytes().decode("utf-8"), newline=""), strict=True)
        return _of_rows(lines)
    except (OSError, ValueError, csv.Error) as error:
        place = f"line {lines.line_num}: " if isinstance(error, _DamageError | csv.Error) else ""
        expected = f"a file of a run's figures, but {place}{error}; restore it, or delete it and the run is made again"
        raise InputError("--measured", file, expected) from error


class _DamageError(ValueError):
    """A line that no file of this kind has."""


def _of_rows(lines: Iterable[list[str]]) -> KeptRun:
    facts: dict[str, list[str]] = {fact: [] for fact in FACTS}
    figures: dict[str, Measured] = {}
    changed = False
    for place, row in enumerate(lines):
        if len(row) != len(COLUMNS) or (place == 0 and row != COLUMNS):
            raise _DamageError(f"its columns are {','.join(row)[:60]!r}, not {','.join(COLUMNS)!r}")
        what, value, low, high, note = map(_plain, row)
        if place == 0:
            continue
        if what in facts:
            facts[what].append(value)
            changed |= (what, note) == ("commit", CHANGED)
        elif "/" in what:
            figures[what] = Measured(_read_number(value), _read_number(low), _read_number(high), note)
        else:
            raise _DamageError(f"{what[:60]!r} is neither a figure nor one of {', '.join(FACTS)}")
    if any(len(facts[fact]) != 1 for fact in ("commit", "code", "figures")):
        raise ValueError("it does not have commit, code and figures once each")
    if facts["figures"] != [str(len(figures))]:
        raise ValueError(f"it has {len(figures)} figures, and says {facts['figures'][0]}")
    maker = Maker(facts["code"][0], facts["commit"][0], changed)
    device = "".join(facts["device"][:1])
    return KeptRun(tuple(facts["override"]), maker, frozenset(facts["asked"]), figures, device)


def _words(words: Sequence[str]) -> str:
    return " ".join(words) or "nothing in its place"


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))  # the shortest text that is read back as just this number


def _read_number(text: str) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError as error:
        raise _DamageError(f"{text[:60]!r} is no number") from error


def _plain(text: str) -> str:
    """Take back what `cell` puts before a formula."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def _quoted(text: str) -> str:
    r"""Quote a cell after RFC 4180; Python 3.11's `csv` leaves a lone \r bare where lines end in \n."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
