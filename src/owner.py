"""The owner's side of a configuration: its records and its recipe."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from src.data.records import Records
from src.errors import InputError
from src.reporting.run_folder import RunFolder
from src.training.recipe import Recipe
from src.training.store import Store

log = logging.getLogger("telltale")


def records_of(cfg: DictConfig, job: RunFolder) -> Records:
    """Read the data set; what could not be read is listed in the run folder."""
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid:
        loaded.write_invalid(job.folder / "invalid_records.csv")
        log.warning(f"{len(loaded.invalid)} of {loaded.lines} records could not be read; listed in invalid_records.csv")
    return loaded.records


def recipe_of(cfg: DictConfig, job: RunFolder, records: Records) -> Recipe:
    """Build the owner's recipe: model and objective with what only the data set knows, device, store, executor."""
    model: Any = OmegaConf.to_container(cfg.model)
    objective: Any = OmegaConf.to_container(cfg.objective)
    shape, classes = getattr(records, "shape", None), len(getattr(records, "classes", ()))
    for group, part, field, known in (("model", model, "shape", shape), ("objective", objective, "classes", classes)):
        if field in part and part[field] not in (None, known, list(shape or ())):
            raise InputError(f"{group}.{field}", part[field], f"{known}, as {records.source} has, or null")
        if field in part:
            part[field] = known
    batches, profiler = cfg.debug.fast_dev_run, cfg.debug.profiler
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 0:
        raise InputError("debug.fast_dev_run", batches, "a whole number of batches, 0 = all")
    if profiler not in (None, "simple", "advanced"):
        raise InputError("debug.profiler", profiler, "one of null, simple, advanced")
    trainer = instantiate(cfg.trainer, fast_dev_run=batches, profiler=profiler)
    if not isinstance(cfg.paths.keep_weights, bool):
        raise InputError("paths.keep_weights", cfg.paths.keep_weights, "true or false")
    store = Store(Path(cfg.paths.store), cfg.paths.keep_weights)
    return Recipe(model, objective, trainer, store, instantiate(cfg.executor), job.logger.log_scalars)
