"""One job of a named sweep, in whichever process its launcher runs it: the ledger is found by its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from telltale.errors import InputError
from telltale.sweeps.grid import words_of
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import KEEP_GOING


def as_job(cfg: DictConfig, play: Callable[[], float | None]) -> float | None:
    """Play a configuration and return its headline metric; in a named sweep, only where the ledger leaves it to us.

    Raises InputError where a sweep is named and there is none.
    """
    name = name_of(cfg)
    if name is None:
        return play()
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        raise InputError("sweep.name", name, "names a sweep, and a sweep needs -m")
    ledger, place = Ledger(folder_of(hydra)), Path(hydra.runtime.output_dir)
    on_failure = str(OmegaConf.select(cfg, "sweep.on_failure", default=KEEP_GOING))
    with ledger.job(hydra.job.num, words_of(hydra.overrides.task), place, on_failure) as run:
        if run is None:
            return ledger.read().jobs[hydra.job.num].value
        refuse_plan(cfg)
        run.value = play()
    return run.value


def refuse_plan(cfg: DictConfig) -> None:
    """Raise InputError where a job of a named sweep would only be planned: it leaves no results, and is never done."""
    if OmegaConf.select(cfg, "plan") is True:
        expected = "false in a named sweep, which keeps results; to have it planned, type plan=true"
        raise InputError("plan", True, expected)


def name_of(cfg: DictConfig) -> str | None:
    """Return the name of the sweep that a configuration belongs to; None without one."""
    name = OmegaConf.select(cfg, "sweep.name")
    return None if name is None else str(name)


def folder_of(hydra: Any) -> Path:
    """Return the folder of a sweep; hydra: the section of that name."""
    return Path(hydra.runtime.cwd) / hydra.sweep.dir  # a job may work in another folder than the command
