"""Shadow models trained by the user's own code, each on a random half of the challenge table.

The attacker holds the table and knows which half a shadow had; of the target it knows the answers alone. Halves come in
complementary pairs, so that each point is in exactly half of the shadows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from telltale.checks import whole_number
from telltale.data.given import Given, taken
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.progress import track
from telltale.store.store import Store
from telltale.targets.function import FunctionTarget, called, named
from telltale.targets.shadows import Copies, Shadows, Table
from telltale.targets.users_code import code_digest, digest_of

TRAIN, KIND, FILE = "target.train", "shadow_answers", "answers.npz"
EXPECTED = "expected fit(records, seed) -> predict, records being (inputs, labels)"
CORES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Training:
    """The user's training code, and how many models it trains.

    train      file.py:function, or the function itself, which is then called in this process
    models     even: halves come in pairs
    processes  how many are trained side by side, each in a process of its own; 1 = here, one after the other
    """

    train: Any
    models: int = 16
    processes: int = 1

    def __post_init__(self) -> None:
        require_pairs(self.models)
        whole_number("target.processes", self.processes)
        if not callable(self.train):
            function_of(self.train)

    @property
    def name(self) -> str:
        """Name the function."""
        return str(getattr(self.train, "__qualname__", self.train))

    def shadows(self, table: Table, gives: str, batch_size: int, store: Store | None) -> Shadows:
        """Train all models and return what they answer; what the store has is not trained again."""
        work, orders = self._ordered(table, gives, batch_size, store)
        membership = np.stack([members for members, _ in orders])
        answers, population = zip(*self._each(work, orders), strict=True)
        number, size = len(membership[0]), int(membership[0].sum())
        told = f"{self.models} shadow models trained by {self.name}, each on a random half of the {number:,} ({size:,})"
        named = [(TRAIN, f"{self.name}, model {model}") for model in range(self.models)]
        return Shadows.of(answers, population, membership, told, named)

    def lacking(self, table: Table, gives: str, batch_size: int, store: Store | None) -> int:
        """Count the models that the store has not."""
        work, orders = self._ordered(table, gives, batch_size, store)
        return sum(work.found(*order) is None for order in orders)

    def _ordered(
        self, table: Table, gives: str, batch_size: int, store: Store | None
    ) -> tuple[Work, list[tuple[np.ndarray, int]]]:
        membership = halves(table.challenge, self.models, table.seed)
        seeds = [derive(table.seed, "shadow", model) for model in range(self.models)]
        challenge = replace(table.challenge, member=None)
        work = Work(self.train, challenge, table.held, gives, batch_size, store, table.copies)
        return work, list(zip(membership, seeds, strict=True))

    def _each(self, work: Work, orders: Sequence[tuple[np.ndarray, int]]) -> list[tuple[np.ndarray, np.ndarray]]:
        title, processes = f"shadow models trained by {self.name}", min(self.processes, len(orders))
        if processes > 1 and work.store is not None and not callable(self.train):
            missing = [order for order in orders if work.found(*order) is None]
            for _ in track(side_by_side(work.detached(), missing, processes), title, len(missing)):
                pass
            title = "answers of shadow models read"
        return [work.answers(*order) for order in track(orders, title)]


@dataclass(frozen=True, eq=False)
class Work:
    """All that training one shadow model takes but its half and its seed; fields as in `Training` and `Table`."""

    train: Any
    challenge: Given
    held: Given
    gives: str
    batch_size: int
    store: Store | None
    copies: Copies | None = None

    def detached(self) -> Work:
        """Return the same for another process: paths in full, records without their pictures of ours."""
        path, _, name = str(self.train).rpartition(":")
        place = f"{Path(path).expanduser().resolve()}:{name}"
        challenge, held = (replace(part, records=None, features=None) for part in (self.challenge, self.held))
        assert self.store is not None
        return replace(self, train=place, challenge=challenge, held=held, store=self.store.detached())

    def document(self, members: np.ndarray, seed: int) -> dict[str, Any]:
        """Describe all that makes the answers of a model."""
        table = self.challenge
        return {
            "code": code_digest(self.train),
            "records": digest_of(table.inputs, table.labels, np.array(table.classes)),
            "asked": digest_of(self.held.inputs),
            "members": digest_of(members),
            "seed": seed,
            "gives": self.gives,
            **({} if self.copies is None else {"copies": repr(self.copies)}),
        }

    def found(self, members: np.ndarray, seed: int) -> Path | None:
        """Return the entry of a model's answers; None where there is none."""
        return None if self.store is None else self.store.find(KIND, self.document(members, seed))

    def answers(self, members: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what a model says of the challenge and of the population, trained unless the store has it."""
        if self.store is None:
            return self._trained(members, seed)

        def make(entry: Path, _: Path) -> None:
            said, of_held = self._trained(members, seed)
            np.savez(entry / FILE, allow_pickle=False, answers=said, population=of_held)

        entry, _ = self.store.find_or_make(KIND, self.document(members, seed), make)
        with np.load(entry / FILE, allow_pickle=False) as file:
            return file["answers"], file["population"]

    def _trained(self, members: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        table, rows = self.challenge, np.flatnonzero(members)
        fit = self.train if callable(self.train) else function_of(self.train)
        name = str(getattr(fit, "__qualname__", self.train))
        labels = None if table.labels is None else table.labels[rows]
        predict = called(TRAIN, name, fit, (taken(table.inputs, rows), labels), seed)
        if not callable(predict):
            raise InputError(TRAIN, name, f"returned a {type(predict).__name__}; {EXPECTED}")
        asked = FunctionTarget(predict, self.gives, self.batch_size)
        asked.by_place = True  # as the labels it was trained on are
        try:
            said = asked.ask(table.inputs, table.classes, table.ids)
            held = asked.ask(self.held.inputs, table.classes, self.held.ids) if len(self.held) else said[:0]
            said = asked.with_copies(said, table.inputs, table.ids, self.copies)
        except InputError as error:
            raise InputError(TRAIN, name, f"of the model that it trained: {error}") from error
        return said, held


def require_pairs(models: int) -> None:
    """Refuse, by InputError, too few shadow models, and an odd number: halves come in pairs."""
    whole_number("target.shadow_models", models, 4)
    if models % 2:
        raise InputError("target.shadow_models", models, "an even number: halves come in pairs")


def function_of(place: Any) -> Any:
    """Return the training function that `file.py:name` names."""
    fit = named(TRAIN, place)
    if not callable(fit):
        raise InputError(TRAIN, place, f"is a {type(fit).__name__}; {EXPECTED}")
    return fit


def halves(table: Given, models: int, seed: int) -> np.ndarray:
    """Draw halves of a table in complementary pairs, (models, points) bool: model 2i + 1 has what 2i has not.

    Records of one group are in together. Without groups each half has half of every class, to within one record.
    """
    membership = np.zeros((models, len(table)), bool)
    units = np.arange(len(table)) if table.groups is None else np.unique(table.groups, return_inverse=True)[1]
    strata = table.labels if table.classes and table.groups is None and table.labels is not None else None
    for pair in range(models // 2):
        rng = generator(seed, "halves", pair)
        order = rng.permutation(units.max() + 1)
        if strata is not None:
            order = order[np.argsort(strata[order], kind="stable")]
        inside = np.zeros(len(order), bool)
        inside[order[int(rng.integers(2)) :: 2]] = True
        membership[2 * pair] = inside[units]
        membership[2 * pair + 1] = ~inside[units]
    return membership


_WORK: list[Work] = []  # of a process that trains, handed over once


def side_by_side(work: Work, orders: Sequence[tuple[np.ndarray, int]], processes: int) -> Iterator[int]:
    """Train shadow models in processes of their own, into the store; yields as they end. The first error is raised."""
    if not orders:
        return
    with _cores(max(1, (os.cpu_count() or 1) // processes)):
        options: dict[str, Any] = {"mp_context": get_context("spawn"), "initializer": _begin, "initargs": (work,)}
        pool = ProcessPoolExecutor(min(processes, len(orders)), **options)
        try:
            running = [pool.submit(_train, *order) for order in orders]
            for ended in as_completed(running):
                yield ended.result()
        except BrokenProcessPool as error:
            expected = "a process that trained ended by itself, perhaps for want of memory; fewer side by side?"
            raise InputError("target.processes", processes, f"{expected} What was trained is kept") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Work) -> None:
    _WORK[:] = [work]


def _train(members: np.ndarray, seed: int) -> int:
    _WORK[0].answers(members, seed)
    return seed


@contextmanager
def _cores(number: int) -> Iterator[None]:
    """Have processes that start now compute on so many cores each; libraries read it once, when they are loaded."""
    before = {name: os.environ.get(name) for name in CORES}
    os.environ.update({name: str(number) for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
