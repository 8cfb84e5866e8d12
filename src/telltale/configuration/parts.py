"""From a configuration to its parts: the owner's records, what it fine-tunes on, its recipe, and the owner."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from telltale.checks import choice, share, whole_number, yes_or_no
from telltale.configuration.command_line import causes
from telltale.configuration.compatibility import accepted_kinds
from telltale.configuration.model_secrets import tell_secrets
from telltale.data.captions.pools import deal_by_concept
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.data.downstream import Downstream, TransferData
from telltale.data.kept import Kept
from telltale.data.pools import Pools, PoolSizes, deal, told_of
from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.data.texts.records import TextRecords
from telltale.errors import InputError
from telltale.game.probing import Probe, probe_of
from telltale.models.trunk_options import at_hand
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.shared import Shared
from telltale.store.store import Store
from telltale.training.trainer import Curve

log = logging.getLogger("telltale")
OF_DATASET = re.compile(r"(?<!downstream\.)\bdataset(?=\.|$)")  # an option of a data set
# kind of records -> objective that fine-tunes on them, and a task that it can be
TRANSFER = ("transfer", "digits")
TRANSFERS = {"text": ("transfer_texts", "other_classes"), "molecules": ("transfer", "b3db")}
# kind of records -> a model of them
MODEL_OF = {"text": "transformer", "molecules": "gin", "images": "mlp", "table": "mlp"}


def records_of(cfg: DictConfig, folder: Path) -> tuple[Records, tuple[str, ...]]:
    """Read the data set; what did not become a record of its own is said, returned, and listed in the run's folder."""
    path = cfg.model.get("path") if cfg.model and "tokenizer" in cfg.model else None
    if path and "tokenizer" in cfg.dataset and not cfg.dataset.tokenizer:
        expected = f"the folder of model.path, whose tokenizer has to cut the texts: dataset.tokenizer={path}"
        raise InputError("dataset.tokenizer", "null", expected)
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid or loaded.dropped:
        loaded.write_invalid(folder / "invalid_records.csv")
    told = tuple(loaded.account())
    for line in told:
        log.warning(line)
    if loaded.records is None:
        expected = "the column of a class: a recipe of ours learns classes, and there is none (or they are real values)"
        raise InputError("dataset.label", cfg.dataset.get("label"), expected)
    if getattr(loaded.records, "tokenizer", None) == "":
        raise InputError("dataset.context", "null", "a whole number of tokens; null is for a downstream data set alone")
    return loaded.records, told


def transfer_of(cfg: DictConfig, records: Records, choices: Mapping[str, str]) -> TransferData | None:
    """Return the records of both parts of a transfer, None where there is none."""
    if not cfg.downstream:
        return None
    if "pretraining" not in cfg.objective:
        objective, _ = TRANSFERS.get(records.kind, TRANSFER)
        expected = f"fine-tunes a pre-trained model; with objective={choices['objective']} choose downstream=none, "
        raise InputError("downstream", choices["downstream"], f"{expected}or objective={objective}")
    takes = sorted(accepted_kinds(get_object(cfg.model._target_)))
    if takes and records.kind not in takes:  # first: what a task of the wrong records would say of it names no model
        other = f"a data set of {' or '.join(takes)}"
        other += f", or model={MODEL_OF[records.kind]}" if records.kind in MODEL_OF else ""
        expected = f"takes {' or '.join(takes)}, but {records.source} holds {records.kind}; choose {other}"
        raise InputError("model", choices["model"], expected)
    with _told_of_downstream():
        task: Downstream = instantiate(cfg.downstream, _convert_="all")
    transfer = task.transfer(records)
    for line in transfer.told:
        log.warning(line)
    return transfer


@contextmanager
def _told_of_downstream() -> Iterator[None]:
    """Have options of a data set that is read inside named as those of the downstream task, which the user set."""
    try:
        yield
    except Exception as error:
        mistake = next((cause for cause in causes(error) if isinstance(cause, InputError)), None)
        if mistake is None:
            raise
        field, expected = (OF_DATASET.sub("downstream.dataset", said) for said in (mistake.field, mistake.expected))
        raise InputError(field, mistake.value, expected) from None


def pools_of(cfg: DictConfig, records: Records, transfer: TransferData | None) -> Pools[Any]:
    """Deal the records out, those of the downstream task too."""
    sizes, seed = PoolSizes(**cfg.pools), derive(cfg.seed, "pools")
    if isinstance(records, CaptionedImages):
        return deal_by_concept(records, sizes, seed)
    if transfer is None:
        return _said(deal(records, sizes, seed))
    if sizes.finetune < 2:
        raise InputError("pools.finetune", sizes.finetune, "at least 2 records to fine-tune on")
    if round(cfg.downstream_share * sizes.finetune) < 2:
        expected = f"a share that leaves each model 2 of pools.finetune={sizes.finetune} at least"
        raise InputError("downstream_share", cfg.downstream_share, expected)
    return _said(transfer.deal(sizes, seed))


def _said(pools: Pools[Any]) -> Pools[Any]:
    for line in told_of(pools):
        log.warning(line)
    return pools


def store_of(cfg: DictConfig) -> Store:
    """Open the store, and the one of others behind it."""
    store = Store(Path(cfg.paths.store), yes_or_no("paths.keep_weights", cfg.paths.keep_weights))
    if cfg.paths.shared_store is None:
        return store
    shared = Shared(Path(cfg.paths.shared_store))
    if shared.root.samefile(store.root):
        raise InputError("paths.shared_store", shared.root, "another folder than paths.store, or null")
    return replace(store, shared=shared)


def owner_of(cfg: DictConfig, on_epoch: Curve) -> Owner:
    """Build the owner: its store, and the machines that it trains on."""
    if not cfg.paths.store:
        raise InputError("paths.store", "null", "a folder for all that is trained")
    return Owner(store_of(cfg), instantiate(cfg.executor), on_epoch)


def probes_of(cfg: DictConfig, owner: Owner) -> dict[str, Probe]:
    """Read the data sets of probes, by name. Raises InputError for one that cannot be probed, under its name there."""
    probes = {}
    for name, options in cfg.probes.items():
        try:
            loaded = instantiate(options, _convert_="all")
        except InputError as mistake:
            field = f"probes.{name}.{mistake.field.removeprefix('dataset.')}"
            raise InputError(field, mistake.value, mistake.expected) from None
        probes[str(name)] = probe_of(str(name), loaded.records, Kept(owner.store))
    return probes


def recipe_of(cfg: DictConfig, records: Records, transfer: TransferData | None = None) -> Recipe:
    """Build the owner's recipe: model and objective with what only the data set knows, and the device."""
    model: Any = OmegaConf.to_container(cfg.model)
    model = at_hand(model)
    if isinstance(path := model.get("path"), str):
        tell_secrets(Path(path).expanduser())
    objective: Any = OmegaConf.to_container(cfg.objective)
    pretraining = objective.pop("pretraining", None)
    _fill_in("model", model, "shape", getattr(records, "shape", None), records)
    if isinstance(records, CaptionedImages) and "vocabulary" in model:
        _fill_in("model", model, "vocabulary", vocabulary_of(records.references, model["least_count"]).known, records)
    if isinstance(records, TextRecords):
        _fill_in("model", model, "vocabulary", records.vocabulary, records)
        _fill_in("model", model, "tokenizer", records.tokenizer, records)
    trainer = instantiate(cfg.trainer, **_debugging(cfg))
    shares_weights = yes_or_no("share_initial_weights", cfg.share_initial_weights)
    initial_seed = derive(cfg.seed, "shared initial weights") if shares_weights else None
    if pretraining is None:
        _fill_in("objective", objective, "classes", len(getattr(records, "classes", ())), records)
        return Recipe(model, objective, trainer, initial_seed=initial_seed)
    if transfer is None:
        _, task = TRANSFERS.get(records.kind, TRANSFER)
        expected = f"an objective that transfers needs a task to fine-tune on, e.g. downstream={task}"
        raise InputError("downstream", "none", expected)
    first, last = transfer.pretraining, transfer.downstream
    _fill_in("objective.pretraining", pretraining, "classes", len(getattr(first, "classes", ())), first)
    _fill_in("objective", objective, "classes", len(getattr(last, "classes", ())), last)
    expected = "a share of pools.finetune, above 0, at most 1"
    finetune_share = share("downstream_share", cfg.downstream_share, expected=expected)
    start = Recipe(model, pretraining, trainer, initial_seed=initial_seed)
    return Recipe(model, objective, trainer, start=start, finetune_share=finetune_share)


def _fill_in(group: str, options: Any, field: str, known: Any, records: Records) -> None:
    """Set an option that follows from the data set; InputError where another value is given."""
    if field not in options:
        return
    if options[field] not in (None, known, list(known) if isinstance(known, tuple) else known):
        raise InputError(f"{group}.{field}", options[field], f"{known}, as {records.source} has, or null")
    options[field] = known


def _debugging(cfg: DictConfig) -> dict[str, Any]:
    expected = "a whole number of batches, 0 = all"
    batches = whole_number("debug.fast_dev_run", cfg.debug.fast_dev_run, 0, expected=expected)
    profilers = {None: "null", "simple": "simple", "advanced": "advanced"}
    expected = f"one of {', '.join(profilers.values())}"
    return {
        "fast_dev_run": batches,
        "profiler": choice("debug.profiler", cfg.debug.profiler, profilers, expected=expected),
    }
