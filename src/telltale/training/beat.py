"""When each step of a rehearsed fit ended, and what all of its steps would take."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from pytorch_lightning import Callback

from telltale.training.checkpoints import EpochCheckpoint
from telltale.training.rehearsal import NOTHING, Rehearsal, Spent, now


class Beat(Callback):
    """Notes when steps end, and tells its rehearsal what the whole fit would take.

    What each step, each epoch's end and each checkpoint takes is the median of those after the first, which warms up.

    epochs, steps   of the whole fit, and of each of its epochs
    checkpoints     that the whole fit writes
    """

    def __init__(self, rehearsal: Rehearsal, epochs: int, steps: float, checkpoints: int) -> None:
        self.rehearsal, self.epochs, self.steps, self.checkpoints = rehearsal, epochs, steps, checkpoints
        self.began, self.first = now(), None  # type: Spent, Spent | None
        self.ends: list[list[Spent]] = []
        self.saves: list[Spent] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, *_: Any) -> None:
        """Note when the first step began."""
        self.first = self.first or now()
        if batch_idx == 0:
            self.ends.append([])

    def on_train_batch_end(self, *_: Any) -> None:
        """Note when a step ended."""
        self.ends[-1].append(now())

    def end(self) -> None:
        """Tell the rehearsal, at the end of the fit."""
        ended, epochs = now(), [ends for ends in self.ends if ends]
        taken, count = ended.less(self.began), sum(map(len, epochs))
        if not epochs or self.first is None:
            self.rehearsal.note(taken, taken, count)
            return
        # from one epoch's last step to the next's first, without the checkpoint in it
        pauses = [after[0].less(before[-1]) for before, after in pairwise(epochs)]
        pauses = [pause.less(save) for pause, save in zip(pauses, self.saves or [NOTHING] * len(pauses), strict=False)]
        between = middle(pauses[1:] or pauses)
        steps = [_steps(ends) for ends in epochs]
        if paces := [pace for of_epoch in steps[1:] for pace in of_epoch] or steps[0]:
            step = middle(paces)
            between = between.less(step)
        else:  # epochs of one step: it is in the pause
            step, between = between if len(epochs) > 1 else epochs[0][0].less(self.first), NOTHING
        save = middle(self.saves[1:] or self.saves)
        after = ended.less(epochs[-1][-1]).less(
            self.saves[-1] if self.saves else NOTHING
        )  # an epoch's end, and the fit's
        expected = self.first.less(self.began).plus(step, self.epochs * self.steps).plus(between, self.epochs - 1)
        self.rehearsal.note(taken, expected.plus(after).plus(save, self.checkpoints), count)


def _steps(ends: list[Spent]) -> list[Spent]:
    return [after.less(before) for before, after in pairwise(ends)]


def middle(several: Iterable[Spent]) -> Spent:
    """Return the median on each clock; nothing of none."""
    columns = list(zip(*several, strict=True))
    return Spent(*map(median, columns)) if columns else NOTHING


class TimedCheckpoint(EpochCheckpoint):
    """The same, at each epoch's end; a beat hears what each takes."""

    def __init__(self, folder: Path, beat: Beat) -> None:
        super().__init__(folder, 1)
        self.beat = beat

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Write a checkpoint, and time it."""
        began = now()
        super().on_train_epoch_end(trainer, pl_module)
        self.beat.saves.append(now().less(began))


class TurnBeat(Beat):
    """The same of models that take turns: what is timed are epochs, of which all are alike.

    part: of an epoch's steps that are rehearsed
    """

    def __init__(self, rehearsal: Rehearsal, epochs: int, part: float) -> None:
        super().__init__(rehearsal, 1, epochs / part, 0)

    def on_train_start(self, *_: Any) -> None:
        """Note when the first epoch began."""
        self.first = now()
        self.ends.append([])

    def on_train_batch_end(self, *_: Any) -> None:
        """Wait for the end of the epoch: losses of all models come in at once."""

    def on_train_epoch_end(self, *_: Any) -> None:
        """Note when an epoch ended."""
        self.ends[-1].append(now())
