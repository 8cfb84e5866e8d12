"""The flow of every experiment, on one page."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.logging import RichHandler

from src.attacks.base import Attack
from src.command_line import check_options
from src.controls import Control
from src.data.pools import PoolSizes, deal
from src.data.records import Records
from src.data.seeds import checked_seed, derive
from src.errors import InputError
from src.evaluation.score import checked_replicates, evaluate
from src.evidence import Evidence
from src.game import Game, World
from src.reporting.outcome import Cost, Outcome
from src.reporting.report import report
from src.reporting.run_folder import RunFolder
from src.training.recipe import Recipe
from src.training.store import Store

log = logging.getLogger("telltale")


def run(cfg: DictConfig) -> dict[str, Any]:
    """Play one game and leave its report in the run folder; returns the content of metrics.json."""
    seed = checked_seed(cfg.seed)
    _log_to_stderr()
    with RunFolder(Path(HydraConfig.get().runtime.output_dir), cfg) as job:
        check_options(cfg, pools=PoolSizes)
        replicates = checked_replicates(cfg.evaluation.replicates)
        records = job.timed("data", lambda: _records(cfg, job))
        attack, defense = instantiate(cfg.attack), instantiate(cfg.defense)
        recipe = attack.tamper(_recipe(cfg, job, records)).protect(defense)  # the owner has the last word
        require_compatible(attack, recipe, records)
        pools = deal(records, PoolSizes(**cfg.pools), derive(seed, "pools"))

        game = Game(pools, recipe, cfg.victims, seed)  # alone knows who is in which model
        controls: dict[str, Control] = {name: instantiate(control) for name, control in cfg.controls.items()}
        for control in controls.values():
            control.check(game)
        rivals = rivals_of(cfg, attack, records)
        job.timed("preparation", lambda: attack.check(game.knowledge))
        for name, rival in rivals.items():
            _check_rival(name, rival, game)

        target = job.timed("training", lambda: game.world(attack.access))  # releases and knowledge, no truth
        log.info(f"the attack starts {job.since_process_start():.1f} s after the process")
        costs: dict[str, Cost] = {}
        evidence = {"target": _run(job, "attack", "target", attack, target, costs)}
        evidence["zero_query"] = job.timed("attack", lambda: attack.blind(target.knowledge))
        for name, control in controls.items():  # the same attack where there is nothing to find
            world = job.timed("training", partial(control.world, game, attack))
            evidence[name] = _run(job, "controls", name, attack, world, costs)
        for name, rival in rivals.items():
            evidence[name] = _run(job, "rivals", name, rival, game.world(rival.access), costs)
        truth = game.unseal()  # first and only opening
        names = tuple(name for name in ("zero_query", *controls) if evidence[name] is not None)
        scored = job.timed("evaluation", lambda: evaluate(evidence, truth, names, replicates, seed))
        outcome = Outcome(
            evidence,
            scored,
            names,
            tuple(rivals),
            defense.guarantee(),
            job.timed("evaluation", game.utility),
            dict(target.queries),
            _notes(cfg),
            costs,
            game.knowledge.challenge,
            truth.membership,
        )
        recipe.store.end()
        return report(job, outcome, pools)


def _run(job: RunFolder, stage: str, name: str, attack: Attack, world: World, costs: dict[str, Cost]) -> Evidence:
    """Run one attack on one world, and write down what it took."""
    began = time.perf_counter()
    evidence = job.timed(stage, lambda: attack.run(world))
    costs[name] = Cost(dict(world.queries), time.perf_counter() - began)
    return evidence


def _check_rival(name: str, rival: Attack, game: Game) -> None:
    try:
        require_answers("rivals", name, rival, game.recipe)
        rival.check(game.knowledge)
    except InputError as error:
        expected = f"{error.expected} (asked by the rival {name}; leave it out, e.g. rivals=none)"
        raise InputError(error.field, error.value, expected) from None


def require_answers(field: str, name: str, attack: Attack, recipe: Recipe) -> None:
    """Refuse an attack on class probabilities or labels where the release gives none."""
    if attack.access & {"probabilities", "labels"} and not recipe.supervised:
        asked = " or ".join(sorted(attack.access))
        raise InputError(
            field, name, f"asks for {asked}, which this recipe does not release; try objective=classification"
        )


def rivals_of(cfg: DictConfig, attack: Attack, records: Records) -> dict[str, Attack]:
    """Return the attack's own rivals and those of the configuration, less itself and what needs other data."""
    chosen: dict[str, Attack] = {name: instantiate(rival) for name, rival in cfg.rivals.items()}
    others = {name: one for name, one in chosen.items() if (type(one), vars(one)) != (type(attack), vars(attack))}
    for name, one in others.items():
        if one.hands_over is not attack.hands_over:
            what = f"gives {one.hands_over.__name__}, the attack {attack.hands_over.__name__}; use rivals=none"
            raise InputError("rivals", name, what)
    return {name: one for name, one in {**attack.rivals(), **others}.items() if records.kind in one.accepts}


def require_compatible(attack: Attack, recipe: Recipe, records: Records) -> None:
    """Refuse, before anything is trained, options out of range and what makes no sense together."""
    choices, kind = HydraConfig.get().runtime.choices, records.kind
    model, objective = (get_object(part["_target_"]) for part in (recipe.model, recipe.objective))
    for field, part in (("model", model), ("objective", objective)):
        accepts: Any = getattr(part, "accepts", "no kind of data that is known (its class lacks `accepts`)")
        accepted = {accepts} if isinstance(accepts, str) else set(accepts)
        if kind not in accepted:
            takes = " or ".join(sorted(accepted))
            expected = f"takes {takes}, but {records.source} holds {kind}; choose a data set of {takes}"
            raise InputError(field, choices[field], expected)
    if kind not in attack.accepts:
        kinds = " or ".join(sorted(attack.accepts))
        raise InputError("attack", choices["attack"], f"works on {kinds}, but {records.source} holds {kind}")
    if objective.supervised and len(getattr(records, "classes", ())) < 2:
        expected = f"needs labels of at least 2 classes, {records.source} gives none; choose another (b3db, …) or label"
        raise InputError("dataset", choices["dataset"], expected)
    augmentation = recipe.objective.get("augmentation", "none")
    if augmentation != "none" and kind != "images":
        raise InputError("objective.augmentation", augmentation, f"none: {records.source} holds {kind}, not pictures")
    for defense in recipe.defenses:
        if defense.stage == "answer" and not attack.access & (protected := getattr(defense, "protects", attack.access)):
            asked, changed = (", ".join(sorted(calls)) for calls in (attack.access, protected))
            expected = f"changes {changed}; attack={choices['attack']} asks for {asked} only"
            raise InputError("defense", choices["defense"], expected)
    recipe.check()
    require_answers("attack", choices["attack"], attack, recipe)


def _records(cfg: DictConfig, job: RunFolder) -> Records:
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid:
        loaded.write_invalid(job.folder / "invalid_records.csv")
        log.warning(f"{len(loaded.invalid)} of {loaded.lines} records could not be read; listed in invalid_records.csv")
    return loaded.records


def _recipe(cfg: DictConfig, job: RunFolder, records: Records) -> Recipe:
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


def _notes(cfg: DictConfig) -> tuple[str, ...]:
    if cfg.debug.fast_dev_run:
        return ("debug.fast_dev_run: models saw a few batches only; not a result",)
    return ()


def _log_to_stderr() -> None:
    if not log.handlers:
        handler = RichHandler(console=Console(stderr=True), show_time=False, show_level=False, show_path=False)
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
