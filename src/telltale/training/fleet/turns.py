"""Models of a fleet in turn, each for an epoch at a time while its weights lie in cache; a worker a core, none shared.

Each model's weights are those of a single run up to rounding, whatever models stand beside it and however many workers
there are; on CPUs only, where no step draws from a running generator.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import torch
from pytorch_lightning import Callback
from threadpoolctl import threadpool_limits
from torch import Tensor

from telltale.threads import one_thread
from telltale.training.batches import LabelledBatch, channels_innermost, trimmed
from telltale.training.beat import TurnBeat
from telltale.training.checkpoints import EpochCheckpoint, epoch_of, kept_checkpoint
from telltale.training.counter_random import keys_from, padded_words, salt_of
from telltale.training.fit import FitProgress, LiveCurve, LossCurve
from telltale.training.fleet.data import FleetData, batches_of, order_of
from telltale.training.fleet.linear import LinearFleet
from telltale.training.fleet.sizing import begun_of
from telltale.training.objective import Objective
from telltale.training.rehearsal import EPOCHS, left_out, rehearsed
from telltale.training.trainer import Curve

log = logging.getLogger("telltale")
FEW = 60  # steps of a model's epoch that a rehearsal takes at most
STEPS = 100  # between checkpoints of linear layers: to write one takes as long as ten of their steps


class Turns(Protocol):
    """Models that can be trained one after the other."""

    def room(self) -> Any:
        """Make what one worker computes in."""
        ...

    def epoch(self, model: int, epoch: int, room: Any, limit: int = 0) -> float:
        """Train one model for an epoch, of `limit` batches at most: the mean of its batches' losses."""
        ...

    def kept(self) -> dict[str, Any]:
        """Hand over what a fit goes on from."""
        ...

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Go on from what `kept` handed over."""
        ...

    def state_of(self, model: int) -> dict[str, Tensor]:
        """Return one model's parameters and buffers by the names of its objective."""
        ...


class ModuleFleet:
    """Models of any layers, each a module with an optimiser of its own."""

    def __init__(self, objectives: Sequence[Objective], data: FleetData) -> None:
        self.objectives, self.data, self.words = objectives, data, padded_words(data.fingerprints)
        self.inputs = channels_innermost(data.inputs)
        self.optimizers = [
            objective.optimizer_over([parameter for parameter in objective.parameters() if parameter.requires_grad])
            for objective in objectives
        ]
        self.begun: dict[int, Any] = {}  # what training does not change of a model's records

    def room(self) -> None:
        """Make nothing: layers make their own room."""

    def epoch(self, model: int, epoch: int, room: None, limit: int = 0) -> float:
        """Train one model for an epoch, in its own order: the mean of its batches' losses."""
        objective, optimizer, table = self.objectives[model], self.optimizers[model], self.data.tables[model]
        objective.train()
        objective.at_epoch(epoch)
        for group in optimizer.param_groups:
            group["lr"] = objective.learning_rate * objective.rate_at(epoch)
        seed, losses = self.data.seeds[model], []
        order = order_of(seed, epoch, len(table))
        rows = table[order]
        keys = torch.from_numpy(keys_from(self.words[rows], salt_of(seed, epoch)))
        number = batches_of(len(rows), objective.batch_size)
        parts = (tensor.tensor_split(number) for tensor in (torch.from_numpy(rows), torch.from_numpy(order), keys))
        if model not in self.begun:
            self.begun[model] = begun_of(objective, self.inputs[torch.from_numpy(table)])
        begun = self.begun[model]
        for places, places_begun, own in list(zip(*parts, strict=True))[: limit or None]:
            optimizer.zero_grad()
            inputs = self.inputs[places] if begun is None else begun[places_begun]
            loss = objective(LabelledBatch(inputs, trimmed(self.data.labels[places]), own))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    def kept(self) -> dict[str, Any]:
        """Hand over what a fit goes on from."""
        states = [objective.state_dict() for objective in self.objectives]
        return {"objectives": states, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Go on from what `kept` handed over."""
        for objective, state in zip(self.objectives, kept["objectives"], strict=True):
            objective.load_state_dict(state)
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)

    def state_of(self, model: int) -> dict[str, Tensor]:
        """Return one model's parameters and buffers by the names of its objective."""
        return {name: tensor.detach().clone() for name, tensor in self.objectives[model].state_dict().items()}


def turns_of(objectives: Sequence[Objective], data: FleetData, way: str) -> Turns:
    """Make a fleet of a way of `TURNS`."""
    linear = way.removeprefix("linear_")
    return ModuleFleet(objectives, data) if linear == way else LinearFleet(objectives, data, linear)


def fit_in_turn(
    fleet: Turns,
    objectives: Sequence[Objective],
    data: FleetData,
    partial: Path,
    name: str,
    on_epoch: Curve | None = None,
    limit: int = 0,
) -> None:
    """Train a fleet in place, as `fit` does: progress, checkpoints and curve in `partial`, resume, interruption.

    limit: batches of an epoch, 0 = all. Ctrl-C raises KeyboardInterrupt, which says what is kept.
    """
    if left_out(partial):
        return
    first, rehearsal = objectives[0], rehearsed()
    batches = batches_of(data.tables.shape[1], first.batch_size)
    times = min(4, first.epochs * batches // STEPS) if isinstance(fleet, LinearFleet) else 4
    callbacks: list[Any] = [LossCurve(partial / "curve.csv", name), FitProgress(name)]
    callbacks += [LiveCurve(on_epoch, name)] if on_epoch else []
    epochs = first.epochs
    if rehearsal:
        whole = min(limit or batches, batches)
        epochs, limit, times = min(EPOCHS, epochs), min(FEW, whole), 0
        callbacks.append(beat := TurnBeat(rehearsal, first.epochs, limit / whole))
    trainer = _Trainer(fleet, len(objectives), epochs, callbacks)
    checkpoint = kept_checkpoint(partial, name)
    if checkpoint:
        log.info(f"{name}: going on from epoch {epoch_of(checkpoint)} of {first.epochs}")
        trainer.load(checkpoint)
    try:
        trainer.fit(EpochCheckpoint(partial, first.epochs, times) if times else None, limit)
    except (KeyboardInterrupt, SystemExit) as error:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        kept = "nothing of it is kept yet; the same command begins it again"
        if (checkpoint := partial / EpochCheckpoint.FILE).exists():
            kept = f"epoch {epoch_of(checkpoint)} of {first.epochs} is kept; the same command goes on from there"
        raise KeyboardInterrupt(f"while training {name}; {kept}") from error
    if rehearsal:
        beat.end()


class _Trainer:
    """What callbacks look at, of a fit whose models take turns."""

    is_global_zero = True

    def __init__(self, fleet: Turns, models: int, epochs: int, callbacks: Sequence[Callback]) -> None:
        self.fleet, self.models, self.max_epochs, self.callbacks = fleet, models, epochs, list(callbacks)
        self.current_epoch, self.trained = 0, self

    def fit(self, checkpoint: EpochCheckpoint | None, limit: int) -> None:
        """Train to the last epoch; the store follows it at once, so nothing is written then."""
        self._call("on_train_start")
        try:
            with one_thread() as cores, threadpool_limits(1, "blas"):
                workers = min(cores, self.models)
                torch.set_num_threads(max(1, cores // workers) if isinstance(self.fleet, ModuleFleet) else 1)
                with _Workers(self.fleet, workers) as at_work:
                    for epoch in range(self.current_epoch, self.max_epochs):
                        self.current_epoch = epoch
                        loss = sum(at_work.epoch(range(self.models), epoch, limit))
                        self._call("on_train_batch_end", {"loss": torch.tensor(loss)})
                        self._call("on_train_epoch_end")
                        if checkpoint and epoch + 1 < self.max_epochs:
                            checkpoint.on_train_epoch_end(self, self)  # type: ignore[arg-type]
        except BaseException as error:
            self._call("on_exception", error)
            raise
        self._call("on_train_end")
        self._call("teardown", "fit")

    def save_checkpoint(self, file: Path) -> None:
        """Write all that a fit goes on from."""
        states = [callback.state_dict() for callback in self.callbacks]
        torch.save({"epoch": self.current_epoch, "callbacks": states, **self.fleet.kept()}, file)

    def load(self, file: Path) -> None:
        """Go on from a checkpoint."""
        kept = torch.load(file, weights_only=True)
        self.fleet.take_up(kept)
        for callback, state in zip(self.callbacks, kept["callbacks"], strict=False):  # a listener, the last, keeps none
            callback.load_state_dict(state)
        self.current_epoch = kept["epoch"] + 1

    def _call(self, hook: str, *given: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, self, *given)


class _Workers:
    """Threads that train models for an epoch, each in a room of its own."""

    def __init__(self, fleet: Turns, number: int) -> None:
        self.fleet, self.rooms = fleet, queue.SimpleQueue()  # type: tuple[Turns, queue.SimpleQueue[Any]]
        for _ in range(number):
            self.rooms.put(fleet.room())
        # OpenMP counts for each thread by itself
        self.threads = ThreadPoolExecutor(number, "fleet", torch.set_num_threads, (torch.get_num_threads(),))

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)

    def epoch(self, models: Sequence[int], epoch: int, limit: int) -> list[float]:
        """Train every model for an epoch: their mean losses."""

        def train(model: int) -> float:
            room = self.rooms.get()
            try:
                return self.fleet.epoch(model, epoch, room, limit)
            finally:
                self.rooms.put(room)

        return list(self.threads.map(train, models))
