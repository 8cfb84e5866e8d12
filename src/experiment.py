"""The flow of every experiment, on one page."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.logging import RichHandler

from src.attacks.base import Attack
from src.controls import Control
from src.data.pools import Pools, PoolSizes, deal
from src.data.seeds import checked_seed, derive
from src.errors import InputError
from src.evaluation.score import evaluate
from src.game import Game
from src.reporting.report import Outcome, report
from src.reporting.run_folder import RunFolder
from src.training.recipe import Recipe
from src.training.store import Store

log = logging.getLogger("telltale")


def run(cfg: DictConfig) -> dict[str, Any]:
    """Play one game and leave its report in the run folder; returns the content of metrics.json."""
    seed = checked_seed(cfg.seed)
    _log_to_stderr()
    with RunFolder(Path(HydraConfig.get().runtime.output_dir), cfg) as job:
        pools = job.timed("data", lambda: _pools(cfg, job, seed))
        attack, defense = instantiate(cfg.attack), instantiate(cfg.defense)
        recipe = attack.tamper(_recipe(cfg, job)).protect(defense)  # the owner has the last word
        require_compatible(attack, recipe, pools)

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
        scored = job.timed("evaluation", lambda: evaluate(everything, truth, names, cfg.evaluation.replicates, seed))
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


def require_compatible(attack: Attack, recipe: Recipe, pools: Pools[Any]) -> None:
    """Refuse, before anything is trained, a combination of attack, model, objective and data that makes no sense."""
    for field, target in (("model", recipe.model), ("objective", recipe.objective)):
        named: Any = get_class(target["_target_"])
        accepts = named.accepts
        if pools.kind != accepts:
            name = HydraConfig.get().runtime.choices[field]
            raise InputError(
                field,
                name,
                f"takes {accepts}, but {pools.source} holds {pools.kind}; choose a data set of {accepts}",
            )
    if pools.kind not in attack.accepts:
        kinds = " or ".join(sorted(attack.accepts))
        raise InputError("attack", type(attack).__name__, f"works on {kinds}, but {pools.source} holds {pools.kind}")


def _pools(cfg: DictConfig, job: RunFolder, seed: int) -> Pools[Any]:
    loaded = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid:
        loaded.write_invalid(job.folder / "invalid_records.csv")
        log.warning(f"{len(loaded.invalid)} of {loaded.lines} records could not be read; listed in invalid_records.csv")
    return deal(loaded.records, PoolSizes(**cfg.pools), derive(seed, "pools"))


def _recipe(cfg: DictConfig, job: RunFolder) -> Recipe:
    model: Any = OmegaConf.to_container(cfg.model)
    objective: Any = OmegaConf.to_container(cfg.objective)
    trainer = instantiate(cfg.trainer, fast_dev_run=cfg.debug.fast_dev_run, profiler=cfg.debug.profiler)
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
