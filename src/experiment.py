"""The flow of every experiment, on one page."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
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
from src.game import Game
from src.reporting.outcome import Outcome
from src.reporting.report import report
from src.reporting.run_folder import RunFolder
from src.training.preparation import initial_objective
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
        recipe = attack.tamper(_recipe(cfg, job)).protect(defense)  # the owner has the last word
        require_compatible(attack, recipe, records)
        pools = deal(records, PoolSizes(**cfg.pools), derive(seed, "pools"))

        game = Game(pools, recipe, cfg.victims, seed)  # alone knows who is in which model
        controls: dict[str, Control] = {name: instantiate(control) for name, control in cfg.controls.items()}
        for control in controls.values():
            control.check(game)
        job.timed("preparation", lambda: attack.check(game.knowledge))

        target = job.timed("training", lambda: game.world(attack.access))  # releases and knowledge, no truth
        log.info(f"the attack starts {job.since_process_start():.1f} s after the process")
        evidence = {"target": job.timed("attack", lambda: attack.run(target))}
        evidence["zero_query"] = job.timed("attack", lambda: attack.blind(target.knowledge))
        for name, control in controls.items():  # the same attack where there is nothing to find
            world = job.timed("training", partial(control.world, game, attack))
            evidence[name] = job.timed("controls", partial(attack.run, world))
        rivals = {
            name: job.timed("rivals", partial(rival.run, target.fresh())) for name, rival in attack.rivals().items()
        }
        truth = game.unseal()  # first and only opening
        names = tuple(name for name in evidence if name != "target" and evidence[name] is not None)
        everything = {**evidence, **rivals}
        scored = job.timed("evaluation", lambda: evaluate(everything, truth, names, replicates, seed))
        utility = job.timed("evaluation", game.utility)
        outcome = Outcome(
            everything,
            scored,
            names,
            tuple(rivals),
            defense.guarantee(),
            utility,
            dict(target.queries),
            _notes(cfg),
        )
        return report(job, outcome, pools)


def require_compatible(attack: Attack, recipe: Recipe, records: Records) -> None:
    """Refuse, before anything is trained, options out of range and what makes no sense together."""
    choices, kind = HydraConfig.get().runtime.choices, records.kind
    objective = initial_objective(recipe.model, recipe.objective, seed=0)
    for field, part in (("model", objective.model), ("objective", objective)):
        accepts: Any = getattr(part, "accepts", "no kind of data that is known (its class lacks `accepts`)")
        if kind != accepts:
            expected = f"takes {accepts}, but {records.source} holds {kind}; choose a data set of {accepts}"
            raise InputError(field, choices[field], expected)
    if kind not in attack.accepts:
        kinds = " or ".join(sorted(attack.accepts))
        raise InputError("attack", choices["attack"], f"works on {kinds}, but {records.source} holds {kind}")


def _records(cfg: DictConfig, job: RunFolder) -> Records:
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid:
        loaded.write_invalid(job.folder / "invalid_records.csv")
        log.warning(f"{len(loaded.invalid)} of {loaded.lines} records could not be read; listed in invalid_records.csv")
    return loaded.records


def _recipe(cfg: DictConfig, job: RunFolder) -> Recipe:
    model: Any = OmegaConf.to_container(cfg.model)
    objective: Any = OmegaConf.to_container(cfg.objective)
    batches, profiler = cfg.debug.fast_dev_run, cfg.debug.profiler
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 0:
        raise InputError("debug.fast_dev_run", batches, "a whole number of batches, 0 = all")
    if profiler not in (None, "simple", "advanced"):
        raise InputError("debug.profiler", profiler, "one of null, simple, advanced")
    trainer = instantiate(cfg.trainer, fast_dev_run=batches, profiler=profiler)
    store = Store(Path(cfg.paths.store))
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
