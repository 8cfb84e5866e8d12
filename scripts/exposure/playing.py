"""One cell's run, in this process: encoders from the store or trained, attacked, scored; no page, no figures."""

from __future__ import annotations

import logging
import multiprocessing
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.data.seeds import derive
from telltale.data.workers import end_with_parent

if TYPE_CHECKING:
    from telltale.configuration.assembly import Plan
    from telltale.truth import Truth

log = logging.getLogger("telltale")
MEMBERSHIP = ("auc", "tpr_at_fpr_0.01")
EXTRACTION = ("auc", "novel_auc", "novel_precision_at_100", "novel_base_rate")


@dataclass(frozen=True)
class Part:
    """A part of a cell that is to be measured; machine: words of this machine alone, such as its folders."""

    cell: str
    part: str
    made_by: Mapping[str, Any]
    machine: Sequence[str]


def results(jobs: Sequence[Sequence[Part]], at_once: int, stop_after: float) -> Iterator[list[dict[str, Any]]]:
    """Measure cells, the parts of one in turn, in processes, a core each, begun within so many seconds; as each ends.

    Parts of one cell share its encoders: beside each other, one would wait for the other to train them.
    """
    context = multiprocessing.get_context("spawn")
    cores, free = sorted(getattr(os, "sched_getaffinity", lambda _: ())(0)), context.SimpleQueue()
    for place in range(at_once):
        free.put(cores[place % len(cores)] if cores else None)
    until = time.monotonic() + stop_after
    with ProcessPoolExecutor(at_once, mp_context=context, initializer=_begin, initargs=(free,)) as pool:
        running = [pool.submit(_measured_in_time, job, until) for job in jobs]
        try:
            yield from (ended.result() for ended in as_completed(running) if ended.result())
        except BrokenProcessPool:
            log.warning("a process was killed, out of memory perhaps; what is measured is kept")
        finally:
            for waiting in running:
                waiting.cancel()


def _measured_in_time(job: Sequence[Part], until: float) -> list[dict[str, Any]]:
    return [measured(part) for part in job if time.monotonic() < until]


def _begin(free: Any) -> None:
    """Keep a process to one core, so that what it starts computes there too."""
    end_with_parent()
    core = free.get()
    if core is not None:
        os.sched_setaffinity(0, {core})
    import torch

    torch.set_num_threads(1)


def measured(job: Part) -> dict[str, Any]:
    """Measure a part; what went wrong is told in its place, so that other cells go on."""
    began, used = time.perf_counter(), time.process_time()
    document: dict[str, Any] = {"cell": job.cell, "part": job.part, "made_by": dict(job.made_by)}
    try:
        document |= played([*job.made_by["words"], *job.machine])
    except Exception as error:
        document["failed"] = f"{type(error).__name__}: {error}"
    seconds = {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
    return document | {name: round(value, 2) for name, value in seconds.items()}


def played(words: Sequence[str]) -> dict[str, Any]:
    """Play a command line; return its metrics by name of evidence, and on what it was measured."""
    from hydra.core.hydra_config import HydraConfig

    from telltale.configuration.assembly import assemble
    from telltale.configuration.parsed import composed, told_as_input
    from telltale.evidence import ExtractedMolecules

    with TemporaryDirectory() as place, composed(words, place) as (cfg, folder), told_as_input(words):
        plan = assemble(cfg, HydraConfig.get().runtime.choices, folder, lambda *_: None)
        plan.check()
        game = plan.game
        worlds = {"target": game.world(plan.attack.access)}
        for name, control in plan.controls.items():
            worlds |= control.worlds(name, game, plan.attack)
        attacks = {"": plan.attack, **plan.rivals}
        evidence = {(attack, world): attacks[attack].run(worlds[world]) for attack in attacks for world in worlds}
        score = extraction if isinstance(evidence["", "target"], ExtractedMolecules) else membership
        found = score(evidence, game.unseal(), plan)
        trainer, owner = game.recipe.trainer.device_type, game.utility()
        plan.owner.store.end()
    return {
        "evidence": found,
        "owner": {name: round(float(value), 4) for name, value in owner.items()},
        "device": _device(trainer),
        "versions": {name: version(name) for name in ("torch", "rdkit")},
    }


def membership(evidence: Mapping[tuple[str, str], Any], truth: Truth, plan: Plan) -> dict[str, Any]:
    """Score every attack in every world: AUC and TPR at 1 % FPR, by names joined by a blank."""
    from telltale.evaluation.membership import score_membership
    from telltale.evaluation.score import Scoring

    resampling = Scoring({}, truth, (), plan.replicates, derive(plan.seed, "bootstrap")).over_members()
    members = truth.membership
    found = {}
    for names, guess in evidence.items():
        scored = score_membership(guess.for_victims(len(members)), members, resampling)
        found[" ".join(filter(None, names))] = {name: scored[name].to_json() for name in MEMBERSHIP}
    return found


def extraction(evidence: Mapping[tuple[str, str], Any], truth: Truth, plan: Plan) -> dict[str, Any]:
    """Score every scorer: does it tell candidates that G alone contains from those that G' alone contains?

    novel_discordant_auc  by the target's own score, of those that no molecule of the attacker's contains
    discordant_auc        by that score less the score of a model of G', which has the same shadows: calibrated or not,
    novel_difference_auc  what the shadows say is taken off both and cancels; of all candidates, of novel ones
    """
    from telltale.data.kept import Kept
    from telltale.evaluation.extraction import discordant, score_extraction
    from telltale.evaluation.matching import matches
    from telltale.evaluation.memory_gain import NOVEL_DISCORDANT, novel_discordant
    from telltale.evaluation.score import Scoring
    from telltale.evaluation.statistics import groups_of

    first = evidence["", "target"]
    hits = matches(first.smiles, truth, True, Kept(plan.owner.store))
    scoring = Scoring({}, truth, (), plan.replicates, derive(plan.seed, "bootstrap"))
    clusters = len(np.unique(first.templates))
    resampling = scoring.plan(len(truth.learned), clusters, groups=groups_of(truth.membership))
    novel, found = np.asarray(first.novel, bool), {}
    assert hits.disjoint is not None
    for attack in dict.fromkeys(name for name, _ in evidence):
        pair = evidence[attack, "target"], evidence[attack, "disjoint"]
        for world, guess in zip(("target", "disjoint"), pair, strict=True):
            scored = score_extraction(guess, hits.parts, hits.exact, resampling)
            document = {name: scored[name].to_json() for name in EXTRACTION if name in scored}
            found[" ".join(filter(None, (attack, world)))] = document
        of_target = found[f"{attack} target".strip()]
        of_target[NOVEL_DISCORDANT] = novel_discordant(pair[0], hits.parts, hits.disjoint, resampling).to_json()
        for name, rows in {"discordant_auc": np.ones_like(novel), "novel_difference_auc": novel}.items():
            value = discordant(*pair, hits.parts & rows, hits.disjoint & rows, resampling)
            of_target[name] = value.to_json()
    return found


def _device(kind: str) -> str:
    import torch

    return torch.cuda.get_device_name() if kind == "cuda" else f"CPU, {platform.machine()}"
