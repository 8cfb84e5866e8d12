"""A store for rehearsals: reads what another has, writes into a folder of its own, makes one entry of many alike."""

from __future__ import annotations

import json
import os
import platform
import threading
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from telltale.data.seeds import generator
from telltale.data.workers import cores
from telltale.errors import InputError
from telltale.planning.ledger import TRAINED, Ledger
from telltale.planning.likeness import likeness
from telltale.store.digests import DIGESTS, ENTRY, digest_of
from telltale.store.store import Store, write_array, write_text
from telltale.training.rehearsal import Spent, now, rehearsing

KIND, FILE = "probe", "probe.json"  # of the store, and the file of an entry: what something took on this machine
ASKED = ("answers", "success")  # kinds of what a release said: of many alike, the first two are asked
NEEDED = (*TRAINED, *ASKED, "private_self_test", "features", "company")  # kinds that a rehearsal makes once itself
LEAST_ASKED = 2  # the first of them warms up
KEPT = "kept"  # what stands for all other kinds
SMALLEST = 0.05  # seconds of processor time below which nothing is kept: it is as soon measured


class Twin(NamedTuple):
    """An entry that was made, and stands for others that are alike: where it lies, and what it takes to make one.

    warms_up: it was the first of entries without a fit, so that one more is made to say what they take
    """

    folder: Path
    spent: Spent
    warms_up: bool = False


@dataclass(frozen=True)
class RehearsalStore(Store):
    """Serves what `below` has, by links, and makes the first of all entries that are alike; the others copy it.

    A fit that is made is cut short; what it would take is kept in `below`, for each machine. Nothing else is written
    there.
    """

    below: Store = field(kw_only=True)
    ledger: Ledger = field(kw_only=True)
    known: dict[str, str] = field(default_factory=dict, compare=False)  # key of an entry or a release -> its likeness
    twins: dict[str, Twin] = field(default_factory=dict, compare=False)
    paces: dict[str, tuple[Spent, int]] = field(default_factory=dict, compare=False)  # of fits, see Rehearsal
    _begun: dict[str, str] = field(default_factory=dict, compare=False)  # key of a finished entry -> what it began as
    _asked: dict[str, list[tuple[Path, Spent]]] = field(default_factory=dict, compare=False)
    _asking: dict[str, Spent] = field(default_factory=dict, compare=False)  # key -> when its computation began
    _read: set[Path] = field(default_factory=set, compare=False)
    _linking: threading.Lock = field(default_factory=threading.Lock, compare=False)  # several threads score
    _hidden: set[str] = field(default_factory=set, compare=False)  # kinds whose entries made here are not found

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Have results that this rehearsal kept computed again; the models and their answers stay."""
        self._hidden.add(KEPT)
        try:
            yield
        finally:
            self._hidden.discard(KEPT)

    def begin(self, job: int, parts: Ledger) -> Ledger:
        """Begin a job of a sweep; parts: a ledger of what it has done before its store was known."""
        ledger = self.ledger
        ledger.job, ledger.parts, ledger.used, ledger._open = job, parts.parts, {}, parts._open
        return ledger

    def folder(self, kind: str, document: Mapping[str, Any]) -> Path:
        """Return where the entry lies, here or below, or would lie."""
        final = super().folder(kind, document)
        if (begun := document.get("finishes")) and kind == "release":  # the network stays, and answers as fast
            self._begun[final.name] = self._begun.get(begun) or self.known.get(begun, "")
        known = ChainMap(self._begun, self.known) if kind in ASKED else self.known
        self.known.setdefault(final.name, likeness(kind, document, known))
        return final

    def _place(self, kind: str, key: str) -> Path:
        """Return where an entry lies; one that lies below is linked to first."""
        own = super()._place(kind, key)
        with self._linking:
            if own not in self._read and not own.exists():
                self._read.add(own)
                there = self.below.sound(self.below._place(kind, key))
                if there is not None:  # one that is damaged was set aside, as a run would have done
                    own.parent.mkdir(exist_ok=True)
                    own.symlink_to(there.resolve(), target_is_directory=True)
        return own

    def _served(self, folder: Path) -> Path:
        if folder.exists():
            self.ledger.note(folder.parent.name, folder.name, there=folder.is_symlink())
        return super()._served(folder)

    def entries(self, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield the entries of a kind, those below among them."""
        for folder, _ in self.below.entries(kind):
            self._place(kind, folder.name)
        yield from super().entries(kind)

    def end(self) -> None:
        """Leave everything as it is: what is linked to is not ours."""

    def find(self, kind: str, document: Mapping[str, Any]) -> Path | None:
        """Return the entry's folder; of many answers alike, the first ones are computed and the others made up.

        Results that were kept are found again as a run would find them, but while `forgetting`.
        """
        folder = super().find(kind, document)
        if folder is not None and self._hidden and kind not in NEEDED and not folder.is_symlink():
            return None
        if folder is not None or kind not in ASKED:
            return folder
        key = self.folder(kind, document).name
        asked = self._asked.setdefault(self.known[key], [])
        if len(asked) < LEAST_ASKED:
            self._asking[key] = now()
            return None
        like, spent = asked[-1]
        self.ledger.charge(spent)
        return self.add(kind, document, lambda entry: _made_up(like, entry, key))

    def add(self, kind: str, document: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
        """Write an entry, and down what it takes on disk and, of an answer, in time."""
        final = super().add(kind, document, write)
        self.ledger.note(kind, final.name, there=False, size=_size(final))
        if (began := self._asking.pop(final.name, None)) is not None:
            self._asked[self.known[final.name]].append((final, now().less(began)))
        return final

    def find_or_make(
        self, kind: str, document: Mapping[str, Any], make: Callable[[Path, Path], None]
    ) -> tuple[Path, bool]:
        """Return the entry's folder, and whether it was there: found, copied from one that is alike, or rehearsed."""
        final = self.folder(kind, document)
        if self.sound(final) is not None:
            return final, True
        like = self.known[final.name]
        twin = self.twins.get(like)
        if twin is None or twin.warms_up:
            kept = self.kept(like)
            with self.ledger.frame() as frame, rehearsing(kept is not None, self.paces) as rehearsal:
                Store.find_or_make(self, kind, document, make)
            spent = kept or frame.expected.less(rehearsal.taken).plus(rehearsal.expected)
            if kept is None and rehearsal.steps:
                self.keep(like, spent)
            self.twins[like] = Twin(final, spent, warms_up=twin is None and not (kept or rehearsal.steps))
        else:
            self.copy(kind, document, twin.folder)
        self.ledger.took(kind, final.name, self.twins[like].spent)
        return final, False

    def copy(self, kind: str, document: Mapping[str, Any], twin: Path) -> None:
        """Make an entry whose files are those of another."""
        final = self.folder(kind, document)
        final.mkdir(parents=True)
        for file in twin.iterdir():
            if file.name not in (ENTRY, DIGESTS):
                os.link(file, final / file.name)
        write_text(final / ENTRY, json.dumps(document, indent=1, sort_keys=True, default=str))
        lines = [line for line in (twin / DIGESTS).read_text("utf-8").splitlines() if not line.endswith(f"  {ENTRY}")]
        write_text(final / DIGESTS, "\n".join([*lines, f"{digest_of(final / ENTRY)}  {ENTRY}"]) + "\n")
        self.ledger.note(kind, final.name, there=False, size=_size(final))

    def kept(self, like: str) -> Spent | None:
        """Return what such an entry took on this machine, where that was measured before."""
        document = self.read(like)
        return None if document is None else Spent(document["cpu_seconds"], document["seconds"])

    def keep(self, like: str, spent: Spent) -> None:
        """Keep what such an entry takes on this machine."""
        if spent.cpu >= SMALLEST:
            self.write(like, {"cpu_seconds": spent.cpu, "seconds": spent.clock})

    def read(self, like: str) -> dict[str, Any] | None:
        """Return what was measured on this machine under a name."""
        folder = self.below.find(KIND, {"like": like, "machine": machine()})
        return None if folder is None else json.loads((folder / FILE).read_text("utf-8"))

    def write(self, like: str, document: Mapping[str, Any]) -> None:
        """Keep what was measured on this machine."""
        text = json.dumps(document, indent=1)
        with suppress(InputError):  # a store that cannot be written: the next plan measures again
            self.below.find_or_make(
                KIND, {"like": like, "machine": machine()}, lambda entry, _: write_text(entry / FILE, text)
            )


@cache
def machine() -> dict[str, Any]:
    """Say what kind of machine this is: what was measured on another is not used."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"processor": _processor(), "cores": cores(), "gpu": gpu, "torch": str(torch.__version__)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _made_up(like: Path, entry: Path, key: str) -> None:
    """Fill an entry with another's answers, in another order: as different as those of another model."""
    for file in like.iterdir():
        if file.suffix == ".npy":
            values = np.load(file, allow_pickle=False)
            write_array(entry / file.name, values[generator(0, key).permutation(len(values))])
        elif file.name not in (ENTRY, DIGESTS):
            os.link(file, entry / file.name)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
