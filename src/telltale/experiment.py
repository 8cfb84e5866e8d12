"""The flow of every experiment, on one page."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.logging import RichHandler

from telltale.attacks.base import Attack
from telltale.checks import whole_number
from telltale.configuration.assembly import pools_of, recipe_of, records_of, transfer_of
from telltale.configuration.command_line import check_options
from telltale.configuration.compatibility import check_rival, require_compatible, require_records, rivals_of
from telltale.data.pools import PoolSizes
from telltale.data.seeds import derive
from telltale.evaluation.score import checked_replicates, evaluate
from telltale.evidence import Evidence
from telltale.game.game import Game, World
from telltale.owner.guarantee import guarantee_of
from telltale.owner.release import Release
from telltale.reporting.outcome import Cost, Outcome
from telltale.reporting.report import report
from telltale.reporting.run_folder import RunFolder
from telltale.worlds.controls import Control
from telltale.worlds.variants import variants_of, with_payload

log = logging.getLogger("telltale")


def run(cfg: DictConfig) -> float:
    """Play one game and leave its report in the run folder; returns the headline metric, for a sweeper to optimise."""
    seed = whole_number("seed", cfg.seed, 0)
    _log_to_stderr()
    hydra = HydraConfig.get()
    with RunFolder(Path(hydra.runtime.output_dir), cfg, hydra.overrides.task) as job:
        check_options(cfg, pools=PoolSizes)
        replicates = checked_replicates(cfg.evaluation.replicates)
        records = job.timed("data", lambda: records_of(cfg, job))
        attack, defense = instantiate(cfg.attack), instantiate(cfg.defense)
        transfer = job.timed("data", lambda: transfer_of(cfg, records))
        recipe = attack.tamper(recipe_of(cfg, job, records, transfer)).protect(defense)  # the owner has the last word
        require_compatible(attack, recipe, records, transfer)
        pools = attack.plant(pools_of(cfg, records, transfer), derive(seed, "canaries"))
        recipe = recipe.replace(finetune=pools.finetune if transfer else None, public=pools.known)

        game = Game(pools, recipe, cfg.victims, seed, cfg.shadow_models)  # alone knows who is in which model
        require_records(game.recipe, pools.members + pools.canaries // 2)
        job.training = game.recipe.ways(game.models)
        controls: dict[str, Control] = {name: instantiate(control) for name, control in cfg.controls.items()}
        variants = variants_of(cfg.variants)
        for control in controls.values():
            control.check(game)
        for variant in variants:
            variant.check(game)
        rivals = rivals_of(cfg, attack, records, recipe)
        job.timed("preparation", lambda: attack.check(game.knowledge_of(attack.access)))
        for name, rival in rivals.items():
            check_rival(name, rival, game)

        target = job.timed("training", lambda: game.world(attack.access))  # releases and knowledge, no truth
        log.info(f"the attack starts {job.since_process_start():.1f} s after the process")
        costs: dict[str, Cost] = {}
        evidence = {"target": _run(job, "attack", "target", attack, target, costs)}
        evidence["zero_query"] = job.timed("attack", lambda: attack.blind(target.knowledge))
        for name, control in controls.items():  # the same attack where there is nothing to find
            world = job.timed("training", partial(control.world, game, attack))
            evidence[name] = _run(job, "controls", name, attack, world, costs)
        others: dict[str, Sequence[Release]] = {}
        for variant in variants:  # other releases of the same victims
            for name, releases in variant.releases(game).items():
                world = variant.world(game, name, releases, attack.access)
                others[name] = releases
                evidence[name] = _run(job, "variants", name, attack, world, costs)
        for name, rival in rivals.items():
            evidence[name] = _run(job, "rivals", name, rival, game.world(rival.access, rival.before_transfer), costs)
        truth = with_payload(game.unseal(), game, others)  # first and only opening
        names = tuple(name for name in ("zero_query", *controls) if evidence[name] is not None)
        scored = job.timed("evaluation", lambda: evaluate(evidence, truth, names, replicates, seed))
        outcome = Outcome(
            evidence=evidence,
            scored=scored,
            controls=names,
            rivals=tuple(rivals),
            variants=tuple(others),
            guarantee=guarantee_of(recipe, target.releases, records.kind),
            target=job.timed("evaluation", game.utility),
            queries=dict(target.queries),
            notes=(*_notes(cfg), *attack.notes(game.knowledge_of(attack.access))),
            costs=costs,
            challenge=game.knowledge.challenge,
            membership=truth.membership,
            payload=truth.payload,
            examples=game.examples(),
        )
        recipe.store.end()
        return report(job, outcome, pools, hydra.runtime.choices).headline


def _run(job: RunFolder, stage: str, name: str, attack: Attack, world: World, costs: dict[str, Cost]) -> Evidence:
    """Run one attack on one world, and write down what it took."""
    began = time.perf_counter()
    evidence = job.timed(stage, lambda: attack.run(world))
    costs[name] = Cost(dict(world.queries), time.perf_counter() - began)
    return evidence


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
