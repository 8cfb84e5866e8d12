"""One fit, by Lightning or by its loop alone: progress, checkpoints at epoch ends, resume, clean interruption."""

from __future__ import annotations

import csv
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from telltale.data.seeds import derive
from telltale.training import tasks
from telltale.training.beat import Beat, TimedCheckpoint
from telltale.training.best_epoch import BestEpoch
from telltale.training.checkpoints import EpochCheckpoint, epoch_of, kept_checkpoint
from telltale.training.fitted import Fitted
from telltale.training.plain import PlainTrainer, is_plain
from telltale.training.processes import total_over_processes, world_size
from telltale.training.rehearsal import (
    STEPS,
    left_out,
    pace_of,
    rehearsed,
    rehearsed_epochs,
    remembered,
    repeated,
)
from telltale.training.seeding import seeded
from telltale.training.trainer import Curve, TrainerOptions

log = logging.getLogger("telltale")


def fit(
    objective: Any,
    loader: DataLoader,
    seed: int,
    options: TrainerOptions,
    partial: Path,
    name: str,
    on_epoch: Curve | None = None,
    checkpoints: int = 20,
) -> None:
    """Train `objective`, an objective or a fleet, in place; `partial` keeps checkpoints and the loss curve.

    The fit goes on from a checkpoint in `partial`, with the result of an uninterrupted run. Ctrl-C raises
    KeyboardInterrupt, which says what is kept. An objective that `validates` ends with the weights of its
    best epoch. on_epoch(values, epoch): receives the curve as it grows; checkpoints: about how many are written.
    Where the processes are tasks of a Slurm step, the others are called with the same arguments.
    """
    pace = pace_of(objective, loader, options) if rehearsed() else None
    if left_out(partial) or repeated(pace, partial):
        return
    if rehearsed():  # the global batch is the same, so one process takes the processor time of all
        options = replace(options, strategy="auto", devices=1)
    distributed = options.strategy == "ddp" and options.devices > 1
    arguments = objective, loader, seed, options, partial.resolve(), name, None, checkpoints
    with tasks.together(arguments) if distributed else nullcontext(), remembered(pace):
        _fit(objective, loader, seed, options, partial, name, on_epoch, checkpoints)


def _fit(
    objective: Any,
    loader: DataLoader,
    seed: int,
    options: TrainerOptions,
    partial: Path,
    name: str,
    on_epoch: Curve | None,
    checkpoints: int,
) -> None:
    rehearsal, epochs = rehearsed(), objective.epochs
    distributed = options.strategy == "ddp" and options.devices > 1
    writing = EpochCheckpoint(partial, epochs, checkpoints)
    callbacks: list[Callback] = [StepSeed(seed), LossCurve(partial / "curve.csv", name)]
    if not distributed:  # a bar and a live curve belong to this process, not to workers
        callbacks += [FitProgress(name), *([LiveCurve(on_epoch, name)] if on_epoch else [])]
    if objective.private:
        loader = objective.private.sampled(objective, loader)
    if objective.validates:
        loader = objective.hold_out(loader)
        callbacks.append(BestEpoch())
    if rehearsal:
        sampler: Any = loader.sampler
        steps = min(options.fast_dev_run or len(sampler), len(sampler))
        beat = Beat(rehearsal, epochs, steps, writing.number)
        options, epochs = replace(options, fast_dev_run=min(STEPS, steps)), rehearsed_epochs(epochs, steps)
        callbacks += [beat, TimedCheckpoint(partial, beat)]
    else:
        callbacks.append(writing)
    checkpoint = kept_checkpoint(partial, name)
    if checkpoint:
        log.info(f"{name}: going on from epoch {epoch_of(checkpoint)} of {objective.epochs}")
    trainer: Any = None
    try:
        with seeded(seed):
            if is_plain(options):
                PlainTrainer(epochs, options.fast_dev_run, callbacks).fit(objective, loader, checkpoint)
            else:
                trainer = _lightning(epochs, options, partial, callbacks, objective.in_phases)
                with _own_port():
                    trainer.fit(Fitted(objective), loader, ckpt_path=checkpoint, weights_only=True)
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning turns Ctrl-C into SystemExit, leaves the signal ignored and its worker processes running
        if trainer is not None:
            _end_workers(trainer)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        kept = "nothing of it is kept yet; the same command begins it again"
        if (checkpoint := partial / EpochCheckpoint.FILE).exists():
            kept = f"epoch {epoch_of(checkpoint)} of {objective.epochs} is kept; the same command goes on from there"
        raise KeyboardInterrupt(f"while training {name}; {kept}") from error
    objective.cpu()
    if rehearsal:
        beat.end()
    if distributed:
        log.info(f"trained {name} on {options.devices} processes")


def _lightning(
    epochs: int, options: TrainerOptions, partial: Path, callbacks: list[Callback], in_phases: bool
) -> Trainer:
    return Trainer(
        accelerator="gpu" if options.device_type == "cuda" else "cpu",
        **tasks.processes(options.strategy, options.devices, in_phases),
        precision=options.precision,  # type: ignore[arg-type]
        max_epochs=epochs,
        limit_train_batches=options.fast_dev_run or 1.0,
        profiler=options.profiler,
        default_root_dir=partial,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


class StepSeed(Callback):
    """Seeds torch's generator at each step, so that what draws from it (dropout) is the same after a resume.

    Each process drops out other rows: with dropout, and only then, weights depend on the number of processes.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Forget everything drawn before; Lightning leaves on_train_epoch_start out where it resumes."""
        seed = derive(self.seed, f"process {trainer.global_rank}", trainer.global_step)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes 0.4 ms where a GPU could be, but is not
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.manual_seed(seed)


class EpochLoss(Callback):
    """Averages the training loss over each epoch, all processes and models, and hands it to `record`."""

    def __init__(self, name: str) -> None:
        self.name, self.losses = name, []  # type: tuple[str, list[torch.Tensor]]

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Keep the batch's loss on its device: no synchronisation inside an epoch."""
        self.losses.append(outputs["loss"].detach())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Average and record."""
        models = getattr(pl_module.trained, "models", 1)  # a fleet's loss is the sum over its models
        mean = total_over_processes(torch.stack(self.losses).mean()) / world_size() / models
        self.losses = []
        if trainer.is_global_zero:
            self.record(trainer.current_epoch + 1, float(mean))

    def record(self, epoch: int, loss: float) -> None:
        """Do something with an epoch's mean loss."""
        raise NotImplementedError


class LossCurve(EpochLoss):
    """Writes (epoch, loss) rows to a CSV file at the end; until then checkpoints keep them, with their digest."""

    def __init__(self, file: Path, name: str) -> None:
        super().__init__(name)
        self.file = file
        self.curve: dict[int, float] = {}

    def record(self, epoch: int, loss: float) -> None:
        """Add a row, or write one again whose epoch is trained again after a kill."""
        self.curve[epoch] = loss

    def state_dict(self) -> dict[str, Any]:
        """Hand over the rows so far, for a checkpoint."""
        return {"curve": self.curve}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the rows of a checkpoint."""
        self.curve = state_dict["curve"]

    def teardown(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Write the file, in one process."""
        if trainer.is_global_zero:
            with self.file.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(sorted(self.curve.items()))


class LiveCurve(EpochLoss):
    """Streams the loss to the run's logger while training goes on."""

    def __init__(self, on_epoch: Curve, name: str) -> None:
        super().__init__(name)
        self.on_epoch = on_epoch

    def record(self, epoch: int, loss: float) -> None:
        """Hand the value over under the fit's name."""
        self.on_epoch({f"{self.name}/loss": loss}, epoch)


class FitProgress(EpochLoss):
    """Progress bar of one fit on a terminal; a line when it ends elsewhere."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
        )
        self.bar = Progress(
            *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
        )

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Start at the epoch that is gone on from."""
        self.task = self.bar.add_task(
            f"training {self.name}", total=trainer.max_epochs, completed=trainer.current_epoch, state=""
        )
        self.bar.start()

    def record(self, epoch: int, loss: float) -> None:
        """Advance by one epoch."""
        self.bar.update(self.task, completed=epoch, state=f"epoch {epoch}, loss {loss:.3f}")
        self.last = f"epoch {epoch}, loss {loss:.3f}"

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Say how it ended."""
        self.bar.stop()
        log.info(f"trained {self.name}: {getattr(self, 'last', 'nothing to do')}")

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        """Give the terminal back."""
        self.bar.stop()


@contextmanager
def _own_port() -> Iterator[None]:
    """Hide the port that Lightning writes into the environment from the next fit: another may have taken it by then."""
    port_before = os.environ.get("MASTER_PORT")
    try:
        yield
    finally:
        if port_before is None:
            os.environ.pop("MASTER_PORT", None)


def _end_workers(trainer: Trainer) -> None:
    for process in getattr(trainer.strategy.launcher, "procs", []):
        process.kill()
        process.join()


def _quiet_lightning() -> None:
    """Leave the console to us, in worker processes too: they import this module before Lightning speaks."""
    for library in ("pytorch_lightning", "lightning_fabric", "lightning", "lightning.pytorch"):
        logging.getLogger(library).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch.utils.data")


_quiet_lightning()
