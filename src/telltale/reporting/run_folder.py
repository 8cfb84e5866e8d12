"""The folder a run leaves behind: configuration first, `run.json` last, whatever happens in between."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from telltale.errors import InputError
from telltale.reporting.loggers import RunLogger
from telltale.reporting.metrics_file import write_json

LIBRARIES = ("torch", "pytorch-lightning", "torch-geometric", "rdkit", "numpy", "scikit-learn", "hydra-core")


class RunFolder:
    """One run's folder, logger and clock; as a context manager it records how the run ended.

    run.json says `status: running` from the start and `finished`, `failed` or `interrupted` at the end.

    overrides   the words of the command line that made this job, for run.json
    choices     the word of each group, chosen or not; None where a group has none
    """

    earlier = False  # this process has had another run: a sweep

    def __init__(
        self,
        folder: Path,
        cfg: DictConfig,
        overrides: Sequence[str] = (),
        choices: Mapping[str, str | None] | None = None,
    ) -> None:
        self.folder, self.cfg, self.overrides = folder, cfg, list(overrides)
        self.words = {str(group): word for group, word in (choices or {}).items() if "hydra/" not in str(group)}
        self._first, RunFolder.earlier = not RunFolder.earlier, True
        self.seconds: dict[str, float] = {}
        self.training: dict[str, Any] = {}  # how models are trained, see Recipe.ways
        self._began = time.time()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
        except OSError as error:
            raise InputError(
                "hydra.run.dir", folder, f"cannot be written ({error.strerror}); give a folder that can"
            ) from error
        self._write("running")

    def __enter__(self) -> Self:
        settings: Any = OmegaConf.to_container(self.cfg, resolve=True)
        name = f"{settings['attack']['_target_'].rpartition('.')[2].lower()}-seed{settings['seed']}"
        try:
            self.logger: RunLogger = instantiate(
                self.cfg.logger,
                folder=str(self.folder),
                name=name,
                settings=settings,
                _convert_="all",
                _recursive_=False,
            )
        except BaseException as error:  # nobody calls __exit__ of what was never entered
            self._write("failed", f"{type(error).__name__}: {error}")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "finished" if error is None else "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self.logger.finish(failed=status != "finished")
        self._write(status, None if error is None else f"{type(error).__name__}: {error}")

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
            "error": error,
            "seed": self.cfg.seed,
            "command": sys.argv,
            "overrides": self.overrides,
            "words": self.words,
            "began": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self._began)),
            "seconds": round(time.time() - self._began, 1),
            "peak_memory_gb": round(_peak_memory() / 2**30, 2),
            "training": self.training,
            "machine": {
                "python": platform.python_version(),
                "system": platform.system(),
                "cores": os.cpu_count(),
            },
            "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
            "git_commit": _git_commit(),
        }
        write_json(self.folder / "run.json", document)


def _peak_memory() -> float:
    try:
        import resource
    except ImportError:  # not on Windows
        return float(psutil.Process().memory_info().rss)
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
