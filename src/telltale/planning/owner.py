"""An owner and its machines in a rehearsal: of models that are alike, one is trained, for a few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.records import Records
from telltale.data.seeds import generator
from telltale.data.workers import cores
from telltale.owner.caption_calls import Query
from telltale.owner.executor import Local, Ray
from telltale.owner.many import Chunk
from telltale.owner.owner import Owner, Run
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.owner.side_by_side import On, worth_workers
from telltale.owner.single import Single
from telltale.planning.store import RehearsalStore, Twin
from telltale.store.store import key_of
from telltale.training.fleet.fleet import WAYS
from telltale.training.fleet.sizing import TURNS
from telltale.training.rehearsal import Spent, rehearsing

LEAST_IN_TURN = 2  # models that a rehearsal has take turns, and one a core


@dataclass(frozen=True)
class RehearsalOwner(Owner):
    """An owner whose store is one for rehearsals; whose models they are is written down by their names."""

    store: RehearsalStore

    def _released(self, run: Run, pool: Records, folder: Path) -> Release:
        self.store.ledger.name = run.name
        self.store.ledger.claim("release", folder.name)
        return self._known(super()._released(run, pool, folder))

    def _untrained(self, recipe: Recipe, records: Records, seed: int) -> Release:
        self.store.ledger.name = "untrained control"
        return self._known(super()._untrained(recipe, records, seed))

    def _known(self, release: Release) -> Release:
        """Have releases of weights that are alike taken for alike."""
        known = self.store.known
        known.setdefault(release.key, f"{known[release.entry]} as released")
        return RehearsedRelease.of(release)


class RehearsedRelease(Release):
    """A release that answers in an order of its own: many have copies of the same weights, and would answer alike.

    What is kept of answers is found again by what they are; of other answers nothing would be found.
    """

    @classmethod
    def of(cls, release: Release) -> RehearsedRelease:
        """Return the release as one of a rehearsal, its counters and answers shared."""
        made = cls.__new__(cls)
        made.__dict__.update(release.__dict__)
        return made

    def _forward(self, records: Records, output: str, query: Query) -> np.ndarray:
        values = super()._forward(records, output, query)
        return values[generator(0, self.key).permutation(len(values))]


@dataclass(frozen=True)
class Rehearsing:
    """The machines of a rehearsal: this process; asked: those that a run would train on.

    startup: what it takes until a worker begins
    """

    asked: Local | Ray
    store: RehearsalStore
    startup: Spent

    @property
    def chunk(self) -> int | None:
        """Say how many models of a fleet are trained at once."""
        return self.asked.chunk

    @property
    def way(self) -> str:
        """Say which way of a fleet's step is wanted."""
        return self.asked.way

    def at_once(self, device: str) -> int:
        """Say how many jobs that want such a device run at the same time; a cluster is not joined for a plan."""
        return self.asked.at_once(device) if isinstance(self.asked, Local) else cores()

    def ahead(self, jobs: Sequence[Any], shared: Any) -> None:
        """Write down what would be trained side by side; it is rehearsed when it is asked for."""
        if not isinstance(self.asked, Local) or not (lacking := worth_workers(jobs, shared)):
            return
        keys = [_key(job, shared) for job in lacking]
        side_by_side = self.store.ledger.side_by_side
        if new := [key for key in keys if key not in side_by_side]:
            workers = min(cores(), len(new))
            side_by_side.update(dict.fromkeys(new, workers))
            self.store.ledger.add("workers", Spent(workers * self.startup.cpu, self.startup.clock))

    def run(self, jobs: Sequence[Any], shared: Any) -> list[str]:
        """Rehearse all jobs."""
        self.ahead(jobs, shared)
        results = []
        for job in jobs:
            if isinstance(job, Chunk):
                results.append(self._chunk(job, shared))
            else:
                self.store.ledger.name = job.name
                results.append(job(shared))
        return results

    def _chunk(self, chunk: Chunk, shared: Any) -> str:
        """Rehearse models that are trained together; of those that take turns, a few stand for all."""
        store, orders = self.store, chunk.orders
        together = chunk.way in WAYS
        first = store.folder("release", orders[0].document).name
        like = key_of({"like": store.known[first], "together": len(orders) if together else "in turn"})
        lacking = [order for order in orders if store.find("release", order.document) is None]
        if like not in store.twins:
            kept = store.kept(like)
            number = 1 if kept else len(lacking) if together else min(len(lacking), max(LEAST_IN_TURN, cores()))
            few = replace(chunk, orders=lacking[:number])
            store.ledger.name = lacking[0].name
            with store.ledger.frame() as frame, rehearsing(known=kept is not None) as rehearsal:
                few(shared)
            whole = frame.expected.less(rehearsal.taken).plus(rehearsal.expected)
            spent = kept or whole.times(1 / number)
            if chunk.way in TURNS:  # a worker a core, whatever else the machine does just now
                spent = Spent(spent.cpu, spent.cpu / min(cores(), len(orders)))
            if kept is None:
                store.keep(like, spent)
            store.twins[like] = Twin(store.folder("release", lacking[0].document), spent)
        twin = store.twins[like]
        for order in lacking:
            if not (folder := store.folder("release", order.document)).exists():
                store.copy("release", order.document, twin.folder)
            store.ledger.took("release", folder.name, twin.spent)
        return like


def rehearsing_owner(owner: Owner, store: RehearsalStore, startup: Spent) -> RehearsalOwner:
    """Return an owner that rehearses what another would do; startup: what it takes until a worker begins."""
    return RehearsalOwner(store, Rehearsing(owner.executor, store, startup), None)  # type: ignore[arg-type]


def _key(job: Any, shared: Any) -> str:
    if isinstance(job, On):
        return _key(job.job, shared[job.place])
    assert isinstance(job, Single)
    return key_of(job.document(shared))
