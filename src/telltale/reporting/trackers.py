"""Run loggers of TensorBoard and MLflow, by Lightning's own classes; imported only when they are named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from telltale.errors import InputError
from telltale.reporting.loggers import NoLogger, is_first_process
from telltale.reporting.metrics_file import plain

if TYPE_CHECKING:
    from pytorch_lightning.loggers.logger import Logger

DATA_BASE = "sqlite:///"  # what the address of a file begins with
SEPARATOR = "/"  # between the name of a group and of an option of it


class Tracker(NoLogger):
    """What both have in common: options and numbers; nothing is written by any process but the first."""

    lightning: Logger | None = None  # Lightning's logger

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log the numbers at a step; those of the whole run at step 0."""
        if self.lightning is not None:
            self.lightning.log_metrics({name: float(value) for name, value in values.items()}, step or 0)

    def finish(self, failed: bool = False) -> None:
        """Close the run as finished or failed."""
        if self.lightning is not None:
            self.lightning.finalize("failed" if failed else "success")
            self.lightning = None


class TensorBoardLogger(Tracker):
    """Event files in `tensorboard/` of the run folder; TensorBoard shows a folder of runs, as a sweep's, as a group.

    Numbers are scalars, tables are texts, options are texts and hyper-parameters. It keeps no files: these lie in the
    run folder. Raises InputError where TensorBoard is not installed.
    """

    def __init__(self, folder: Path | str, name: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
        try:
            import_module("tensorboard")  # without it Lightning falls back, or fails at the first number
            from pytorch_lightning.loggers import TensorBoardLogger as Lightning
        except ImportError as error:
            raise _not_installed("tensorboard") from error
        if not is_first_process():
            return
        made = Lightning(str(folder), name="tensorboard", version="", default_hp_metric=False)
        made.log_hyperparams(options(settings))
        self.lightning, self.writer = made, made.experiment

    def log_figure(self, name: str, path: Path | str) -> None:
        """Log the PNG as an image."""
        if self.lightning is not None:
            import numpy as np
            from PIL import Image

            with Image.open(path) as picture:
                self.writer.add_image(name, np.asarray(picture.convert("RGB")), dataformats="HWC")

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log the table as a text in Markdown."""
        if self.lightning is not None:
            lines = [columns, ["---"] * len(columns), *rows]
            self.writer.add_text(name, "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


class MlflowLogger(Tracker):
    """A run of MLflow: parameters, metrics, tables, figures and files; the jobs of a sweep share the tag `sweep`.

    tracking_uri   a data base, `sqlite:///FILE`, or the address of a server
    experiment     under which the runs are listed
    artifacts      folder of files where the tracking URI is a data base; a server has its own
    group          value of the tag `sweep`
    """

    def __init__(
        self,
        folder: Path | str,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        tracking_uri: str,
        experiment: str = "telltale",
        artifacts: str | None = None,
        group: str | None = None,
    ) -> None:
        try:
            from mlflow.exceptions import MlflowException
            from pytorch_lightning.loggers import MLFlowLogger as Lightning
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError as error:
            raise _not_installed("mlflow") from error
        if not is_first_process():
            return
        is_file = tracking_uri.startswith(DATA_BASE)
        tags = {"folder": str(folder)} | ({"sweep": group} if group else {})
        location = Path(artifacts).absolute().as_uri() if is_file and artifacts else None
        try:
            with _prepared(tracking_uri) if is_file else nullcontext():
                made = Lightning(experiment, name, tracking_uri, tags, artifact_location=location)
                made.log_hyperparams(options(settings))
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise _not_writable(tracking_uri, error) from error
        self.lightning, self.client, self.run_id = made, made.experiment, str(made.run_id)

    def log_figure(self, name: str, path: Path | str) -> None:
        """Keep the PNG among the run's files, in `figures`."""
        if self.lightning is not None:
            self.client.log_artifact(self.run_id, str(path), "figures")

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log the table as `tables/<name>.json`, which MLflow shows and `mlflow.load_table` reads."""
        if self.lightning is not None:
            cells = {column: [plain(row[place]) for row in rows] for place, column in enumerate(columns)}
            self.client.log_table(self.run_id, cells, f"tables/{name}.json")

    def log_files(self, files: Sequence[Path]) -> None:
        """Keep the files with the run."""
        if self.lightning is not None:
            for file in files:
                self.client.log_artifact(self.run_id, str(file))


def options(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Lay options out flat, as hyper-parameters are shown.

    >>> options({"attack": {"name": "lira"}, "seed": 0})
    {'attack/name': 'lira', 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for name, value in (settings or {}).items():
        if isinstance(value, Mapping):
            flat |= {f"{name}{SEPARATOR}{below}": one for below, one in options(value).items()}
        else:
            flat[str(name)] = plain(value)
    return flat


@contextmanager
def _prepared(tracking_uri: str) -> Iterator[None]:
    """Hold a file of a data base while its tables and the experiment are made: jobs begin together, and each would.

    It is opened first as what it should be: MLflow itself would try for minutes. Raises InputError, or OSError.
    """
    file = Path(tracking_uri.removeprefix(DATA_BASE))
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock")):  # SQLite itself works only where files can be locked
        try:
            with closing(sqlite3.connect(file)) as opened:
                opened.execute("PRAGMA schema_version")
        except sqlite3.Error as error:
            raise _not_writable(tracking_uri, error) from error
        yield


def _not_writable(tracking_uri: str, error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0][:200]
    return InputError("logger.tracking_uri", tracking_uri, f"MLflow cannot write there ({reason})")


def _cell(value: Any) -> str:
    return str(plain(value)).replace("|", r"\|")


def _not_installed(name: str) -> InputError:
    return InputError("logger", name, 'its package is not installed; pip install "telltale[trackers]"')
