"""Run loggers: where a run's numbers, figures and tables are mirrored; metrics.json stays the truth.

The options of `conf/logger/*.yaml` are constructor arguments; the run adds its folder, name and
configuration.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from telltale.checks import choice
from telltale.errors import InputError
from telltale.reporting.masking import masked
from telltale.reporting.metrics_file import plain
from telltale.writing import cell, escaped, write_table

MODES = ("offline", "online", "disabled")


class RunLogger(Protocol):
    """What a run tells its logger."""

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record named numbers, at a step of training or of the whole run."""
        ...

    def log_figure(self, name: str, path: Path | str) -> None:
        """Record a PNG file."""
        ...

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Record a table."""
        ...

    def log_files(self, files: Sequence[Path]) -> None:
        """Keep what the run leaves behind, as it is."""
        ...

    def finish(self, failed: bool = False) -> None:
        """Close the run; calling it again does nothing."""
        ...


class NoLogger:
    """Records nothing: `logger=none`."""

    def __init__(
        self,
        folder: Path | str | None = None,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None: ...

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record nothing."""

    def log_figure(self, name: str, path: Path | str) -> None:
        """Record nothing."""

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Record nothing."""

    def log_files(self, files: Sequence[Path]) -> None:
        """Keep nothing: the files lie in the run folder anyway."""

    def finish(self, failed: bool = False) -> None:
        """Do nothing."""


class CsvLogger(NoLogger):
    """Scalars in `scalars.csv` (step, name, value), each table in a CSV file; figures lie there anyway."""

    def __init__(self, folder: Path | str, name: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
        self.folder = Path(folder)
        self.active = is_first_process()

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Append one line for each number; the file can be read while the run goes on."""
        if not self.active:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "scalars.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "name", "value"])
            writer.writerows([cell(step), cell(name), float(value)] for name, value in values.items())

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write `<name>.csv`."""
        if not self.active:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_table(self.folder / f"{_file_name(name)}.csv", [columns, *rows])


class WandbLogger(NoLogger):
    """A Weights & Biases run in the run folder; mode offline needs neither account nor network.

    mode: online, offline or disabled, else InputError; group: gathers the jobs of a sweep. Each object is a
    run of its own, also if an earlier one of the same process was never finished.
    """

    def __init__(
        self,
        folder: Path | str,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        project: str = "telltale",
        mode: str = "offline",
        group: str | None = None,
    ) -> None:
        choice("logger.mode", mode, MODES)
        self._run: Any = None
        if mode == "disabled" or not is_first_process():
            return
        if escaped(str(folder)) != str(folder):
            raise InputError("hydra.run.dir", escaped(str(folder)), "W&B needs a folder whose name is UTF-8")
        import wandb

        Path(folder).mkdir(parents=True, exist_ok=True)
        self._wandb: Any = wandb
        with _hidden_words(), _without_launch():
            self._run = wandb.init(
                project=project,
                mode="online" if mode == "online" else "offline",
                name=name,
                dir=str(folder),
                config=plain(settings or {}),
                group=group,
                reinit="create_new",  # the other choices hand back, or write into, a run that is still open
                save_code=False,
                settings=wandb.Settings(silent=True, console="off"),
            )
        self._run.define_metric("*", step_metric="step")

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log the numbers, with `step` as their axis."""
        if self._run is not None:
            # W&B drops what comes with a smaller step than before: ours is a number like others.
            axis = {} if step is None else {"step": step}
            self._run.log({name: float(value) for name, value in values.items()} | axis)

    def log_figure(self, name: str, path: Path | str) -> None:
        """Log the PNG as an image."""
        if self._run is not None:
            with _without_pandas():
                self._run.log({name: self._wandb.Image(str(path))})

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log the table."""
        if self._run is not None:
            data = [plain(list(row)) for row in rows]
            with _without_pandas():
                self._run.log({name: self._wandb.Table(columns=list(columns), data=data)})

    def log_files(self, files: Sequence[Path]) -> None:
        """Log the files as one artefact of type `run`."""
        if self._run is not None:
            artifact = self._wandb.Artifact(f"run-{self._run.id}", type="run")
            for file in files:
                artifact.add_file(str(file))
            self._run.log_artifact(artifact)

    def finish(self, failed: bool = False) -> None:
        """Close the run as finished or failed, waiting until all is written."""
        if self._run is not None:
            self._run.finish(exit_code=int(failed))
            self._run = None


@contextmanager
def _hidden_words() -> Iterator[None]:
    """Have W&B, which records the words of the command, see them masked; it cannot be told to leave them out."""
    words, sys.argv = sys.argv, masked(sys.argv)
    try:
        yield
    finally:
        sys.argv = words


def is_first_process() -> bool:
    """Say whether this is the process that speaks for all: under DDP every rank builds its own logger."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def _without_launch() -> Iterator[None]:
    """Have W&B not load what starts jobs on clusters, for a second, to see whether inputs were staged for such a job.

    They can have been only where that part is loaded.
    """
    from wandb.sdk.wandb_run import Run

    name = "_detect_and_apply_job_inputs"
    if "wandb.sdk.launch" in sys.modules or not hasattr(Run, name):
        yield
        return
    with patch.object(Run, name, lambda run: None):
        yield


@contextmanager
def _without_pandas() -> Iterator[None]:
    """Have W&B not load pandas to see whether it is given a frame of it: there is one only where that is loaded."""
    from wandb import util

    if sys.modules.get("pandas") or not hasattr(util, "pd_available"):
        yield
        return
    with patch.object(util, "pd_available", False):
        yield


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
