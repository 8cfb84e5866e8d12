"""A rehearsal of fits: a few steps of each, and what all of them would take. No weights of one are a result.

How many steps are taken is fixed; the clock only feeds the estimate.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import torch

EPOCHS, STEPS = 3, 12  # of a rehearsed fit, steps an epoch; the first steps and the first end of an epoch warm up
SHORT = 12  # epochs that are rehearsed at most, where they have fewer steps
ROUNDS = 2  # of any other loop


class Spent(NamedTuple):
    """Seconds of processor time, over all threads and processes that ended, and by the clock."""

    cpu: float = 0.0
    clock: float = 0.0

    def plus(self, other: Spent, times: float = 1.0) -> Spent:
        """Add another, so many times."""
        return Spent(self.cpu + times * other.cpu, self.clock + times * other.clock)

    def less(self, other: Spent) -> Spent:
        """Take another off; nothing is below 0."""
        return Spent(max(0.0, self.cpu - other.cpu), max(0.0, self.clock - other.clock))

    def times(self, factor: float) -> Spent:
        """Return so many times as much."""
        return Spent(factor * self.cpu, factor * self.clock)


NOTHING = Spent()


def now() -> Spent:
    """Read both clocks."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    children = os.times()
    return Spent(time.process_time() + children.children_user + children.children_system, time.perf_counter())


@dataclass
class Rehearsal:
    """What fits inside it took, and what they would have taken.

    known   their cost is known already, so no step is taken
    paces   what whole fits take, and of how many rehearsed steps that is known, by what decides it: of fits that are
            alike in that, one is rehearsed
    """

    known: bool = False
    paces: dict[str, tuple[Spent, int]] = field(default_factory=dict)
    taken: Spent = NOTHING
    expected: Spent = NOTHING
    steps: int = 0

    def note(self, taken: Spent, expected: Spent, steps: int) -> None:
        """Add a fit of so many steps."""
        self.taken, self.expected, self.steps = self.taken.plus(taken), self.expected.plus(expected), self.steps + steps


_REHEARSAL: ContextVar[Rehearsal | None] = ContextVar("rehearsal", default=None)


@contextmanager
def rehearsing(known: bool = False, paces: dict[str, tuple[Spent, int]] | None = None) -> Iterator[Rehearsal]:
    """Have every fit inside rehearsed; paces: of fits elsewhere."""
    rehearsal = Rehearsal(known, {} if paces is None else paces)
    token = _REHEARSAL.set(rehearsal)
    try:
        yield rehearsal
    finally:
        _REHEARSAL.reset(token)


def rehearsed() -> Rehearsal | None:
    """Return the rehearsal that we are in, None where training is meant."""
    return _REHEARSAL.get()


def rehearsed_epochs(epochs: int, steps: int) -> int:
    """Say how many epochs of so many steps are rehearsed: of short ones more, since one says little.

    >>> rehearsed_epochs(100, 50), rehearsed_epochs(100, 4), rehearsed_epochs(100, 1), rehearsed_epochs(2, 1)
    (3, 9, 12, 2)
    """
    return min(epochs, max(EPOCHS, min(SHORT, EPOCHS * STEPS // max(1, steps))))


def left_out(partial: Path) -> bool:
    """Say whether a fit is to take no step, since its cost is known; its curve is then empty."""
    rehearsal = rehearsed()
    if rehearsal is None or not rehearsal.known:
        return False
    (partial / "curve.csv").touch()
    return True


def pace_of(objective: Any, loader: Any, options: Any) -> str | None:
    """Name all that decides what a fit takes; None where that is more than this can tell.

    Two fits of one name differ in rates and weights alone: they train the same layers on the same records, by the same
    options and code. Fleets, private fits and those that choose their epoch have no name.
    """
    fingerprints = getattr(loader.dataset, "fingerprints", None)
    if fingerprints is None or not hasattr(objective, "loss_code") or objective.private or objective.validates:
        return None
    code = [repr(code) for code in objective.loss_code]
    trained = [weight.requires_grad for weight in objective.parameters()]
    parts = (str(objective), _options_of(objective), trained, repr(code), repr(options), len(fingerprints))
    digest = blake2b("\n".join(map(str, parts)).encode(), digest_size=16)
    digest.update(fingerprints.tobytes())
    return digest.hexdigest()


def _options_of(objective: Any) -> list[Any]:
    """Return what each module keeps of its options, which its `repr` need not show: how often messages are passed."""
    kept = [
        (place, name, value)
        for place, module in objective.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, str | int | tuple) and (place, name) != ("", "current_epoch")
    ]
    return sorted(kept, key=lambda option: option[:2])


def repeated(pace: str | None, partial: Path) -> bool:
    """Say whether a fit is to take no step, since one like it was rehearsed; its curve is then empty."""
    rehearsal = rehearsed()
    if rehearsal is None or pace not in rehearsal.paces:
        return False
    expected, steps = rehearsal.paces[pace]
    rehearsal.note(NOTHING, expected, steps)
    (partial / "curve.csv").touch()
    return True


@contextmanager
def remembered(pace: str | None) -> Iterator[None]:
    """Keep what the fit inside would take, for others like it."""
    rehearsal = rehearsed()
    before = (rehearsal.expected, rehearsal.steps) if rehearsal else (NOTHING, 0)
    yield
    if rehearsal and pace is not None:
        rehearsal.paces[pace] = rehearsal.expected.less(before[0]), rehearsal.steps - before[1]


def rounds(number: int) -> Iterator[int]:
    """Yield 0 … number − 1; in a rehearsal the first two, of which the second stands for those left out."""
    rehearsal = rehearsed()
    if rehearsal is None:
        yield from range(number)
        return
    if rehearsal.known:
        return
    taken, last = NOTHING, NOTHING
    for place in range(min(ROUNDS, number)):
        began = now()
        yield place
        last = now().less(began)
        taken = taken.plus(last)
    rehearsal.note(taken, taken.plus(last, max(0, number - ROUNDS)), min(ROUNDS, number))
