"""What a torture test found: how many faults it brought about, and what became of the run each time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    test        what was done, in a few words
    faults      how many times
    survived    healed, finished on the next try, or refused in one clear line: as it should be
    wrong       not as it should be: hung, lost, not finished on the next try, processes left behind
    silent      other results without a word: the worst
    tracebacks  a traceback where a line belongs
    note        how many of what, or what to look at
    """

    test: str
    faults: int
    survived: int
    wrong: int = 0
    silent: int = 0
    tracebacks: int = 0
    note: str = ""

    @property
    def is_well(self) -> bool:
        """Tell whether every fault was survived."""
        return self.survived == self.faults and not (self.wrong or self.silent or self.tracebacks)
