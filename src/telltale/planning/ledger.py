"""What a rehearsal writes down: models by kind and where they come from, and what each part would take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from telltale.training.rehearsal import NOTHING, Spent, now

WHOSE = (  # what names of models begin or end with, in order
    (r"\(VAE\)|^public VAE|, .* \(VAE\)", "defences'"),
    (r"^target\b", "victims"),
    (r"^shadow\b|^stand-in\b", "shadows"),
    (r"\bcontrol\b|^benign\b", "controls'"),
    (r"^judge\b", "the judge's"),
)
PRETRAINING = "(pre-training)"
TRAINED = ("release", "extractor")  # kinds of the store that are models


def whose(name: str) -> str:
    """Say whose model this is, by the name it goes by: `target 3 (pre-training)` is one of the victims'."""
    for pattern, meaning in WHOSE:
        if re.search(pattern, name):
            return f"{meaning}, pre-trained" if PRETRAINING in name else meaning
    return "variants'"


@dataclass
class Entry:
    """Something that the store has or will have.

    kind, key   its place in the store
    owner       whose model
    there       it is there, and is not made again
    spent       what it takes to make it
    workers     processes that make such entries side by side
    size        bytes
    job         number of the job of a sweep that makes it
    """

    kind: str
    key: str
    owner: str
    there: bool = False
    spent: Spent = NOTHING
    workers: int = 1
    size: int = 0
    job: int = 0


@dataclass
class Frame:
    """A part of the flow that is timed: what was spent in it, what of that in frames within, what is to be added."""

    began: Spent = field(default_factory=now)
    within: Spent = NOTHING
    added: Spent = NOTHING
    own: Spent = NOTHING

    @property
    def expected(self) -> Spent:
        """Return what it would take: what was spent in it alone, and what was added."""
        return self.own.plus(self.added)


@dataclass
class Ledger:
    """Entries by kind and key, and what else each job takes, by part of the flow.

    name   of the model that is being made
    job    of a sweep, which is being rehearsed
    """

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    parts: dict[str, Spent] = field(default_factory=dict)
    name: str = ""
    job: int = 0
    side_by_side: dict[str, int] = field(default_factory=dict)
    used: dict[tuple[str, str], None] = field(default_factory=dict)
    _open: list[Frame] = field(default_factory=list)
    _claimed: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def frame(self) -> Iterator[Frame]:
        """Time what stands inside: it is no part of what it stands in."""
        frame = Frame()
        self._open.append(frame)
        try:
            yield frame
        finally:
            self._open.pop()
            elapsed = now().less(frame.began)
            frame.own = elapsed.less(frame.within)
            if self._open:
                self._open[-1].within = self._open[-1].within.plus(elapsed)

    @contextmanager
    def part(self, name: str) -> Iterator[Frame]:
        """Time a part of the flow."""
        with self.frame() as frame:
            yield frame
        self.add(name, frame.expected)

    def add(self, name: str, spent: Spent) -> None:
        """Add to what a part of the flow takes."""
        self.parts[name] = self.parts.get(name, NOTHING).plus(spent)

    def charge(self, spent: Spent) -> None:
        """Add what was left out to the part that we are in."""
        if self._open:
            self._open[-1].added = self._open[-1].added.plus(spent)

    def note(self, kind: str, key: str, there: bool, size: int = 0) -> None:
        """Write an entry down: one that is there, or one that was made just now."""
        self.used[kind, key] = None
        if (kind, key) not in self.entries:
            workers = self.side_by_side.get(key, 1)
            self.entries[kind, key] = Entry(kind, key, whose(self.name), there, NOTHING, workers, size, self.job)

    def took(self, kind: str, key: str, spent: Spent) -> None:
        """Write down what it takes to make an entry that was noted."""
        self.entries[kind, key].spent = spent

    def made(self) -> list[Entry]:
        """Return the entries that this job makes."""
        used = [self.entries[place] for place in self.used]
        return [entry for entry in used if not entry.there and entry.job == self.job]

    def trained(self) -> list[tuple[str, str]]:
        """Return what this job has used of models, kind and key."""
        return [place for place in self.used if place[0] in TRAINED]

    def claim(self, kind: str, key: str) -> None:
        """Say whose an entry is; the first to say so has it, as others go on from it."""
        if (kind, key) not in self._claimed:
            self._claimed.add((kind, key))
            self.entries[kind, key].owner = whose(self.name)
