"""The folder a run leaves behind: configuration first, `run.json` last, whatever happens in between."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from telltale.errors import InputError
from telltale.reporting.earlier import alone_in, forget, put_back, set_aside
from telltale.reporting.loggers import RunLogger
from telltale.reporting.masking import masked, masked_text
from telltale.reporting.metrics_file import write_json, write_json_in_place
from telltale.reporting.status import INTERRUPTED, RUNNING, this_process
from telltale.writing import escaped_throughout, write_text

log = logging.getLogger("telltale")

LIBRARIES = ("torch", "pytorch-lightning", "torch-geometric", "rdkit", "numpy", "scikit-learn", "hydra-core")
ROOM = 4096  # bytes kept free in run.json, so that a full disk can be told


class RunFolder:
    """One run's folder, logger and clock; as a context manager it records how the run ended.

    run.json says `status: running` from the start and `finished`, `failed` or `interrupted` at the end. A command that
    is refused before `accept` leaves the folder as it was: results of an earlier run stay until then.

    overrides   the words of the command line that made this job, for run.json
    choices     the word of each group, chosen or not; None where a group has none
    in_sweep    True = a refused job leaves its run.json, for the table over all jobs

    Raises InputError, on entering, where the folder cannot be written or another run is in there now.
    """

    earlier = False  # this process has had another run: a sweep

    def __init__(
        self,
        folder: Path,
        cfg: DictConfig,
        overrides: Sequence[str] = (),
        choices: Mapping[str, str | None] | None = None,
        in_sweep: bool = False,
    ) -> None:
        self.folder, self.cfg, self.overrides, self.in_sweep = folder, cfg, list(overrides), in_sweep
        self.words = {str(group): word for group, word in (choices or {}).items() if "hydra/" not in str(group)}
        self._first, RunFolder.earlier = not RunFolder.earlier, True
        self.seconds: dict[str, float] = {}
        self.training: dict[str, Any] = {}  # how models are trained, see Recipe.ways
        self.entries: Collection[str] = ()  # of the store that were needed, kind/key
        self.left_open: Collection[str] = ()  # options among `overrides` that the user did not say, by scale
        self._began = time.time()
        self._accepted = False
        self._process = this_process()
        self._held, self._is_ours = ExitStack(), False

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException as error:  # nobody calls __exit__ of what was never entered
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(alone_in(self.folder))
            self._is_ours = True
            set_aside(self.folder)
            settings = escaped_throughout(OmegaConf.to_container(self.cfg, resolve=True))
            write_text(self.folder / "config.yaml", OmegaConf.to_yaml(masked(settings)))
            self._write(RUNNING)
        except OSError as error:
            raise InputError(
                "hydra.run.dir", self.folder, f"cannot be written ({error.strerror}); give a folder that can"
            ) from error

    def accept(self) -> None:
        """Say that the command makes sense: results of an earlier run in this folder go, the logger begins."""
        assert self.logger
        self._accepted = True
        forget(self.folder)

    @cached_property
    def logger(self) -> RunLogger:
        """The run's logger, which begins when it is first asked for."""
        settings: Any = OmegaConf.to_container(self.cfg, resolve=True)
        made: RunLogger = instantiate(
            self.cfg.logger,
            folder=str(self.folder),
            name=f"{settings['attack']['_target_'].rpartition('.')[2].lower()}-seed{settings['seed']}",
            settings=masked(settings),
            _convert_="all",
            _recursive_=False,
        )
        return made

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Hand numbers to the logger."""
        self.logger.log_scalars(values, step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            try:
                self._end(error)
            except KeyboardInterrupt as stopped:  # asked to stop just now; a launcher may ask twice
                self._end(stopped)
                raise
            try:
                if "logger" in self.__dict__:
                    self.logger.finish(failed=error is not None)
            except (Exception, KeyboardInterrupt) as broken:
                if error is None:
                    self._end(broken)
                    raise
                log.debug(f"the logger could not be closed: {broken}")  # what went wrong before is told

    def _end(self, error: BaseException | None) -> None:
        """Record how the run ended, as far as that can be written."""
        if not self._is_ours:
            return
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)  # a cluster's launcher raises the latter
        told = None if error is None else f"{type(error).__name__}: {error}"
        with suppress(OSError):
            if self._is_refused(error):
                put_back(self.folder)
            else:
                self._write("finished" if error is None else INTERRUPTED if stopped else "failed", told)

    def _is_refused(self, error: BaseException | None) -> bool:
        refusals = (InputError, HydraException, OmegaConfBaseException)
        listed = (self.folder / "invalid_records.csv").exists()  # somebody was told to look there
        return not (self._accepted or self.in_sweep or listed) and isinstance(error, refusals)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of what stands inside to those of a stage, e.g. "training", also where it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def since_start(self) -> str:
        """Say how long this run has taken: since its process began, imports included; in a sweep, since its job did."""
        began, what = (psutil.Process().create_time(), "process") if self._first else (self._began, "job")
        return f"{time.time() - began:.1f} s after the {what}"

    def _write(self, status: str, error: str | None = None) -> None:
        document = {
            "status": status,
            "error": error and masked_text(error),
            "seed": self.cfg.seed,
            "command": masked(sys.argv),
            "overrides": masked(self.overrides),
            "words": self.words,
            "began": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self._began)),
            "seconds": round(time.time() - self._began, 1),
            "peak_memory_gb": round(peak_memory() / 2**30, 2),
            "training": self.training,
            "process": self._process,
            "machine": {
                "python": platform.python_version(),
                "system": platform.system(),
                "cores": os.cpu_count(),
                "gpu": _gpu(self.cfg),
            },
            "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
            "git_commit": _git_commit(),
        }
        file = self.folder / "run.json"
        if status == RUNNING:
            write_json(file, document, ROOM)
            return
        try:
            write_json(file, document | {"entries": _by_kind(self.entries)})
        except OSError:
            write_json_in_place(file, document | {"error": masked_text(error or "")[: ROOM // 8]})


def _by_kind(entries: Collection[str]) -> dict[str, str]:
    """Return kind -> its keys in one text, so that run.json stays one that a person reads."""
    kinds: dict[str, list[str]] = {}
    for entry in sorted(entries):
        kind, _, key = entry.partition("/")
        kinds.setdefault(kind, []).append(key)
    return {kind: " ".join(keys) for kind, keys in kinds.items()}


def peak_memory() -> float:
    """Return this process's peak resident memory in bytes; `resource` would count what it was forked from as well."""
    file = Path("/proc/self/status")
    _, named, peak = file.read_text("utf-8", "replace").partition("VmHWM:") if file.exists() else ("", "", "")
    if named:
        return float(peak.split()[0]) * 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return float(psutil.Process().memory_info().rss)
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _gpu(cfg: DictConfig) -> str | None:
    """Name the GPU that the run's fits may use; None for none. Not a reason to load torch."""
    torch = sys.modules.get("torch")
    if torch is None or OmegaConf.select(cfg, "trainer.accelerator") == "cpu" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name()


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
