"""What a reader hands over: distinct records, and an account of everything that did not become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from telltale.data.given import Given
from telltale.data.records import Records
from telltale.writing import escaped, write_table

LISTED = "listed in invalid_records.csv"
HEADING = ("file", "line", "reason", "text")

R = TypeVar("R", bound=Records, covariant=True)


@dataclass(frozen=True)
class InvalidRecord:
    """A place where there should have been a record of its own and is none.

    file    where
    reason  why, in words
    line    from 1, header included (parquet: row); None = the whole file
    text    what stands there, "" where that is no text
    """

    file: Path
    reason: str
    line: int | None = None
    text: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Loaded(Generic[R]):
    """What every reader of a data set returns. Of records with equal input the first is kept, whatever their labels.

    records     the distinct ones
    lines       records seen: kept, dropped and invalid
    duplicates  records dropped because an equal one came before
    conflicts   how many of these have another label than the one that was kept
    invalid     places where there should have been a record and was none that can be used
    dropped     the duplicates, where a reader lists them, and what else is no record of its own
    told        what else was left out, merged or changed: one sentence each, without a full stop
    merged      the same of records that are equal for models of ours, and each for itself to their owner
    given       every record as its owner has it, of data of one's own; None elsewhere
    """

    differing: ClassVar[str] = "under another label"  # what a duplicate in conflict is

    records: R
    lines: int
    duplicates: int = 0
    conflicts: int = 0
    invalid: tuple[InvalidRecord, ...] = ()
    dropped: tuple[InvalidRecord, ...] = ()
    told: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    given: Given | None = None

    def with_given(self, given: Given) -> Self:
        """Return the same with what the owner says of each record."""
        return replace(self, given=given)

    def account(self, listed: bool = True, as_given: bool = False) -> list[str]:
        """Say what did not become a record of its own, and what was changed: one line each, none where all is well.

        listed: `write_invalid` is called, too; as_given: of `given`, where equal records stay as they are.
        """
        where = f"; {LISTED}" if listed else ""
        said = []
        if self.invalid:
            said.append(f"{len(self.invalid):,} of {self.lines:,} records could not be read{where}")
        if self.duplicates and not as_given:
            conflicts = f", {self.conflicts:,} of them {self.differing}: the first counts" if self.conflicts else ""
            fate = f"equal an earlier one and were left out{conflicts}{where if self.dropped else ''}"
            said.append(f"{self.duplicates:,} of {self.lines:,} records {fate}")
        merged = () if as_given else self.merged
        return [escaped(line) for line in (*said, *self.told, *merged)]

    def write_invalid(self, path: Path) -> None:
        """Write what is no record of its own to a CSV file for the user: file, line, reason, text."""
        places = (*self.invalid, *self.dropped)
        write_table(Path(path), [HEADING, *((bad.file, bad.line, bad.reason, bad.text) for bad in places)])
