"""The folder of a run or a sweep is taken by one command, not shared; a command that is refused leaves none.

Nothing slow is imported here: Hydra calls this before anything of ours is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from telltale.data.workers import end_with_parent

OF_HYDRA = "multirun.yaml"  # what Hydra writes into a sweep's folder before it looks at the sweep
made: list[Path] = []  # by the command that this process runs, a parent before its child


class FolderTaking(Callback):
    """Hydra callback: a folder whose name has the clock in it is a new one, with -2, -3, … where that second is taken.

    A folder named by the user, as that of a named sweep is, is used as it is.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take the run's folder."""
        _take(config, "run")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take the sweep's folder; its jobs are told by the override that Hydra composes each of them with."""
        if (folder := _take(config, "sweep")) is not None:
            quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
            with _writable(config):
                config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{quoted}'")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Tie a job that runs in a worker of a launcher to the sweep that it belongs to."""
        end_with_parent()


def take(wanted: Path, new: bool = True) -> Path:
    """Make a folder and return it; where it is there already, the first of <name>-2, <name>-3, … that is not.

    new: False = one that is there already will do.
    """
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=not new)
        except FileExistsError:
            if not new:
                raise
            continue
        made.extend(reversed(missing))
        return folder
    raise AssertionError  # there is always another number


def leave_no_trace() -> None:
    """Remove what `take` has made and nothing was written into: to be called where a command has failed."""
    for folder in reversed(made):
        with suppress(OSError):
            if [file.name for file in folder.iterdir()] == [OF_HYDRA]:
                (folder / OF_HYDRA).unlink()
            folder.rmdir()
    made.clear()


def _take(config: DictConfig, kind: str) -> Path | None:
    """Take the folder of a configuration; returns it where it has another name than was given."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)  # names of folders ask for the words of the command line
    try:
        wanted = Path(str(OmegaConf.select(config, f"hydra.{kind}.dir")))
    finally:
        HydraConfig.instance().cfg = before
    name = OmegaConf.to_container(config.hydra[kind], resolve=False)["dir"]  # type: ignore[call-overload, index]
    with suppress(OSError):  # Hydra makes the folder as well, and its error is told
        is_named = kind == "sweep" and OmegaConf.select(config, "sweep.name") is not None
        folder = take(wanted, new="${now:" in str(name) and not is_named)
        if folder != wanted:
            with _writable(config):
                config.hydra[kind].dir = str(folder)
            return folder
    return None


@contextmanager
def _writable(config: DictConfig) -> Iterator[None]:
    with read_write(config), open_dict(config), read_write(config.hydra), open_dict(config.hydra):
        yield
