"""The owner's side of a configuration: its records, what it fine-tunes on, and its recipe."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.data.downstream import Downstream, TransferData
from telltale.data.pools import Pools, PoolSizes, deal
from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.models.trunk_options import at_hand
from telltale.owner.recipe import Recipe
from telltale.reporting.run_folder import RunFolder
from telltale.store.store import Store

log = logging.getLogger("telltale")


def records_of(cfg: DictConfig, job: RunFolder) -> Records:
    """Read the data set; what could not be read is listed in the run folder."""
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid:
        loaded.write_invalid(job.folder / "invalid_records.csv")
        log.warning(f"{len(loaded.invalid)} of {loaded.lines} records could not be read; listed in invalid_records.csv")
    return loaded.records


def transfer_of(cfg: DictConfig, records: Records) -> TransferData | None:
    """Return the records of both parts of a transfer, None where there is none."""
    if not cfg.downstream:
        return None
    if "pretraining" not in cfg.objective:
        word = HydraConfig.get().runtime.choices["downstream"]
        raise InputError("downstream", word, "fine-tunes a pre-trained model; add objective=transfer or leave it out")
    task: Downstream = instantiate(cfg.downstream, _convert_="all")
    return task.transfer(records)


def pools_of(cfg: DictConfig, records: Records, transfer: TransferData | None) -> Pools[Any]:
    """Deal the records out, those of the downstream task too."""
    sizes, seed = PoolSizes(**cfg.pools), derive(cfg.seed, "pools")
    if isinstance(records, CaptionedImages):
        return deal_by_concept(records, sizes, seed)
    if transfer is None:
        return deal(records, sizes, seed)
    if sizes.finetune < 2:
        raise InputError("pools.finetune", sizes.finetune, "at least 2 records to fine-tune on")
    if round(cfg.downstream_share * sizes.finetune) < 2:
        expected = f"a share that leaves each model 2 of pools.finetune={sizes.finetune} at least"
        raise InputError("downstream_share", cfg.downstream_share, expected)
    return transfer.deal(sizes, seed)


def recipe_of(cfg: DictConfig, job: RunFolder, records: Records, transfer: TransferData | None = None) -> Recipe:
    """Build the owner's recipe: model and objective with what only the data set knows, device, store, executor."""
    model: Any = OmegaConf.to_container(cfg.model)
    model = at_hand(model)
    objective: Any = OmegaConf.to_container(cfg.objective)
    pretraining = objective.pop("pretraining", None)
    _fill_in("model", model, "shape", getattr(records, "shape", None), records)
    if isinstance(records, CaptionedImages) and "vocabulary" in model:
        _fill_in("model", model, "vocabulary", vocabulary_of(records.references, model["least_count"]).known, records)
    trainer = instantiate(cfg.trainer, **_debugging(cfg))
    if not isinstance(cfg.paths.keep_weights, bool):
        raise InputError("paths.keep_weights", cfg.paths.keep_weights, "true or false")
    if not isinstance(cfg.share_initial_weights, bool):
        raise InputError("share_initial_weights", cfg.share_initial_weights, "true or false")
    store = Store(Path(cfg.paths.store), cfg.paths.keep_weights)
    shared = derive(cfg.seed, "shared initial weights") if cfg.share_initial_weights else None

    def recipe(group: str, options: Any, learned: Records, **more: Any) -> Recipe:
        _fill_in(group, options, "classes", len(getattr(learned, "classes", ())), learned)
        return Recipe(model, options, trainer, store, instantiate(cfg.executor), job.logger.log_scalars, **more)

    if pretraining is None:
        return recipe("objective", objective, records, initial_seed=shared)
    if transfer is None:
        raise InputError(
            "downstream", "none", "objective=transfer needs a task to fine-tune on, e.g. downstream=digits"
        )
    start = recipe("objective.pretraining", pretraining, transfer.pretraining, initial_seed=shared)
    share = cfg.downstream_share
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise InputError("downstream_share", share, "a share of pools.finetune, above 0, at most 1")
    return recipe("objective", objective, transfer.downstream, start=start, finetune_share=float(share))


def _fill_in(group: str, options: Any, field: str, known: Any, records: Records) -> None:
    """Set an option that follows from the data set; InputError where another value is given."""
    if field not in options:
        return
    if options[field] not in (None, known, list(known) if isinstance(known, tuple) else known):
        raise InputError(f"{group}.{field}", options[field], f"{known}, as {records.source} has, or null")
    options[field] = known


def _debugging(cfg: DictConfig) -> dict[str, Any]:
    batches, profiler = cfg.debug.fast_dev_run, cfg.debug.profiler
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 0:
        raise InputError("debug.fast_dev_run", batches, "a whole number of batches, 0 = all")
    if profiler not in (None, "simple", "advanced"):
        raise InputError("debug.profiler", profiler, "one of null, simple, advanced")
    return {"fast_dev_run": batches, "profiler": profiler}
