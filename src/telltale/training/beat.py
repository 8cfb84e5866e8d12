"""When each step of a rehearsed fit ended, and what all of its steps would take."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback

from telltale.training.rehearsal import NOTHING, Rehearsal, Spent, now


class Beat(Callback):
    """Notes when steps end, and tells its rehearsal what the whole fit would take.

    epochs, steps   of the whole fit, and of each of its epochs
    checkpoints     that the whole fit writes; a rehearsed one writes one, at its end
    """

    def __init__(self, rehearsal: Rehearsal, epochs: int, steps: float, checkpoints: int) -> None:
        self.rehearsal, self.epochs, self.steps, self.checkpoints = rehearsal, epochs, steps, checkpoints
        self.began, self.first = now(), None  # type: Spent, Spent | None
        self.ends: list[list[Spent]] = []

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
        last, several = epochs[-1], len(epochs) > 1
        between = last[0].less(epochs[0][-1]) if several else NOTHING  # from one epoch's last step to the next's first
        if len(last) > 1:
            step = last[-1].less(last[0]).times(1 / (len(last) - 1))
            between = between.less(step)
        else:
            step, between = between if several else last[0].less(self.first), NOTHING
        after = ended.less(last[-1])  # an epoch's end and a checkpoint
        expected = self.first.less(self.began).plus(step, self.epochs * self.steps).plus(between, self.epochs - 1)
        expected = expected.plus(after).plus(after.less(between), max(0, self.checkpoints - 1))
        self.rehearsal.note(taken, expected, count)


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
