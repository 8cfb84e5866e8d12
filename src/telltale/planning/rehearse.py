"""`plan=true`: the flow of an experiment as a rehearsal, in a folder that is deleted, and what it says of the cost."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from telltale.configuration.assembly import Plan, assemble
from telltale.configuration.parsed import composed, told_as_input
from telltale.data.ahead import ahead, told_instead
from telltale.errors import InputError
from telltale.evaluation.score import checked_replicates, evaluate
from telltale.experiment import GIVEN, conclude, gather
from telltale.planning.cost import JobCost, print_job, print_total
from telltale.planning.findings import Measured, RehearsedFindings
from telltale.planning.folder import RehearsedFolder
from telltale.planning.ledger import TRAINED, Ledger
from telltale.planning.owner import rehearsing_owner
from telltale.planning.store import RehearsalStore
from telltale.progress import silently, track
from telltale.reporting.run_folder import peak_memory
from telltale.store.sources import source_digest
from telltale.store.store import Store, key_of
from telltale.training.rehearsal import NOTHING, Spent, now
from telltale.worlds.payload import with_payload

log = logging.getLogger("telltale")
BEFORE = ("data", "preparation", "training", "workers")  # parts of the flow that every rehearsal goes through
BESIDE = ("seed", "paths", "plan", "logger", "sweep", "verbose", "trust")  # what changes no cost
REPLICATES = (10, 60)  # of the bootstrap, in a rehearsal: what the difference takes is multiplied


@dataclass
class Rehearsals:
    """All rehearsals of a process: they share a store, so that a sweep's jobs find what earlier ones would make."""

    place: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="telltale-plan-")))
    stores: dict[Path, RehearsalStore] = field(default_factory=dict)
    costs: list[JobCost] = field(default_factory=list)
    startup: Spent = NOTHING  # of a process
    lightning: Spent | None = None  # to import what trains

    def store_over(self, store: Store) -> RehearsalStore:
        """Return the store of rehearsals over another."""
        below = store.root.resolve()
        if below not in self.stores:
            root = self.place / f"store{len(self.stores)}"
            self.stores[below] = RehearsalStore(root, below=store, ledger=Ledger())
        return self.stores[below]


class Alike(NamedTuple):
    """Jobs that differ by their seeds alone: one is rehearsed. times: how many there are."""

    name: str
    words: Sequence[str]
    times: int = 1


_rehearsals: list[Rehearsals] = []  # at most one


def rehearsals() -> Rehearsals:
    """Return those of this process, whose folder goes when it ends."""
    if not _rehearsals:
        _rehearsals.append(Rehearsals())
        atexit.register(shutil.rmtree, _rehearsals[0].place, ignore_errors=True)
    return _rehearsals[0]


def forget() -> None:
    """Delete what was rehearsed."""
    while _rehearsals:
        shutil.rmtree(_rehearsals.pop().place, ignore_errors=True)


def plan(cfg: DictConfig) -> float:
    """Say what a job would take; of one that is alone, as a table. Returns its seconds of processor time."""
    hydra = HydraConfig.get()
    name = " ".join(word for word in hydra.overrides.task if not word.startswith(("plan=", "paths.", "logger=")))
    cost = cost_of(cfg, name or "the default")
    if hydra.mode == RunMode.RUN:
        print_job(cost)
    return cost.spent.cpu


def in_own_processes(jobs: Mapping[str, Sequence[Alike]]) -> tuple[dict[str, float], list[str]]:
    """Print what jobs would take, each a process: a table for each title, the cheapest first, and a total of several.

    jobs: title -> jobs. Returns the seconds of processor time of each title, the cheapest first, and a line for each
    job that a run would refuse.
    """
    refused: list[str] = []
    try:
        costs: dict[str, list[JobCost]] = {title: [] for title in jobs}
        for title, several in jobs.items():
            for alike in track(several, f"{title}: jobs"):
                try:
                    cost = cost_of_words(alike.words, alike.name)
                except InputError as error:
                    refused.append(f"{title}: {alike.name} cannot run: {error}")
                else:
                    costs[title] += [cost.again(time) for time in range(alike.times)]
        seconds = {title: sum(cost.spent.cpu for cost in several) for title, several in costs.items()}
        cheapest = sorted(jobs, key=lambda title: seconds[title])
        for title in cheapest:
            print_total(costs[title], title)
        if len(jobs) > 1:
            print_total([replace(cost, name=title) for title in cheapest for cost in costs[title]], "plan")
        return {title: seconds[title] for title in cheapest}, refused
    finally:
        forget()


def show_total() -> None:
    """Print what all jobs of a sweep take, when the last one has ended."""
    if _rehearsals and _rehearsals[0].costs:
        print_total(_rehearsals[0].costs, "plan of a sweep")


def cost_of_words(words: Sequence[str], name: str) -> JobCost:
    """Rehearse a job that will run in a process of its own, by the words of its command line."""
    with composed(words, rehearsals().place / "words") as (cfg, _), told_as_input(words):
        return cost_of(cfg, name, alone=True)


def cost_of(cfg: DictConfig, name: str, alone: bool = False) -> JobCost:
    """Rehearse a job, and return what it would take. Raises InputError as the job would.

    alone: in a process of its own; else the jobs of a sweep share one.
    """
    hydra, began, everything = HydraConfig.get(), now(), rehearsals()
    number = len(everything.costs)
    if not number:
        everything.startup = Spent(began.cpu, began.cpu)  # imports, and what Hydra does
    starting = everything.startup if alone or not number else NOTHING
    command = _command(cfg)
    with open_dict(cfg):
        replicates = checked_replicates(cfg.evaluation.replicates)
        cfg.evaluation.replicates = min(replicates, REPLICATES[1])
        cfg.logger = {"_target_": "telltale.reporting.loggers.NoLogger"}
    job = RehearsedFolder(everything.place / f"job{number}", cfg, hydra.overrides.task, hydra.runtime.choices)
    told: tuple[str, ...] = ()
    job.ledger = Ledger()
    with job, silently():
        if (attack := hydra.runtime.choices["attack"]) in GIVEN:
            measured, told = _of_given(attack, cfg, job, replicates)
        else:
            measured = _of_recipe(command, cfg, job, replicates)
    ledger = job.ledger
    if ledger.made() and (alone or not number):
        starting = starting.plus(everything.lightning or NOTHING)
    cost = JobCost(
        name,
        number,
        [ledger.entries[place] for place in ledger.used],
        {"starting": starting, **ledger.parts},
        measured.queries,
        max(measured.memory, peak_memory()),
        now().less(began).plus(NOTHING if number else everything.startup),
        measured.disk,
        told,
    )
    everything.costs.append(cost)
    return cost


def _of_recipe(command: str, cfg: DictConfig, job: RehearsedFolder, replicates: int) -> Measured:
    """Rehearse a game; command: its name, for what an earlier plan has measured."""
    everything, choices = rehearsals(), HydraConfig.get().runtime.choices
    if (target := choices["target"]) != "recipe":
        expected = f"false: of target={target} an audit alone is planned; attack.query_budget bounds a search"
        raise InputError("plan", "true", expected)
    with job.stage("data"):
        made = assemble(cfg, choices, job.folder, job.log_scalars)
        store = everything.store_over(made.owner.store)
        ledger = job.ledger = store.begin(len(everything.costs), job.ledger)
        made = replace(made, owner=rehearsing_owner(made.owner, store, everything.startup))
    with job.stage("preparation"):
        made.check()
    job.accept()
    everything.lightning = everything.lightning or _imported()
    findings = RehearsedFindings(job, ledger=ledger, find=partial(_measured, command, store))
    beside: list[Spent] = []  # of another process that would be given work
    with ahead(), told_instead(partial(beside.append, everything.startup)), ledger.part("other"):
        releases = gather(made, findings)
        if findings.measured is not None:
            with_payload(made.game.unseal(), made.game, made.variants.values())  # which has models trained, too
        else:
            new = _is_new(ledger)
            conclude(made, findings, releases, show=False)
    if beside:
        ledger.add("workers", Spent(beside[0].cpu, 0.0))  # while this process goes on
    if findings.measured is not None:
        ledger.parts |= findings.measured.parts
        return findings.measured
    with store.forgetting():
        ledger.add("evaluation", _bootstrap(made, findings, replicates))
    measured = _beside(ledger, findings.queries)
    if new and not findings.any_trains:
        _keep(command, store, measured)
    return measured


def _of_given(attack: str, cfg: DictConfig, job: RehearsedFolder, replicates: int) -> tuple[Measured, tuple[str, ...]]:
    """Rehearse what is judged of what exists, and say what is not known of it."""
    from telltale.planning.given import Given  # of which a recipe of ours has no need

    everything = rehearsals()

    def stored(store: Store) -> RehearsalStore:
        over = everything.store_over(store)
        job.ledger = over.begin(len(everything.costs), job.ledger)
        return over

    if cfg.get("target", {}).get("stand_in"):
        everything.lightning = everything.lightning or _imported()
    given = Given(cfg, dict(HydraConfig.get().runtime.choices), job, stored, everything.startup, replicates)
    (given.audit if attack == "audit" else given.scores)()
    return _beside(job.ledger, given.queries), given.told


def _beside(ledger: Ledger, queries: Mapping[str, int]) -> Measured:
    """Say what a job takes beside its models."""
    answers = sum(entry.size for entry in ledger.made() if entry.kind not in TRAINED)
    parts = {part: spent for part, spent in ledger.parts.items() if part not in BEFORE}
    return Measured(parts, dict(queries), peak_memory(), answers)


def _command(cfg: DictConfig) -> str:
    """Name a command by all that decides what it takes beside its models."""
    kept: Any = OmegaConf.to_container(cfg, resolve=True)
    kept = {name: value for name, value in kept.items() if name not in BESIDE}
    attacks = [cfg.attack._target_, *(rival._target_ for rival in cfg.rivals.values())]
    code = source_digest([*attacks, *(f"{part.__module__}.{part.__name__}" for part in (evaluate, now))])
    return key_of({"command": kept, "code": code})


def _is_new(ledger: Ledger) -> bool:
    """Say whether nothing that a job has ordered so far is there."""
    return all(
        not entry.there and entry.job == ledger.job for entry in map(ledger.entries.get, ledger.trained()) if entry
    )


def _measured(command: str, store: RehearsalStore) -> Measured | None:
    """Return what such a command took beside its models, where they are as new as they were then."""
    document = store.read(command) if _is_new(store.ledger) else None
    if document is None:
        return None
    parts = {name: Spent(*spent) for name, spent in document["parts"].items()}
    return Measured(parts, document["queries"], document["memory"], document["disk"])


def _keep(command: str, store: RehearsalStore, measured: Measured) -> None:
    store.write(command, {**vars(measured), "parts": {name: list(spent) for name, spent in measured.parts.items()}})


def _imported() -> Spent:
    """Import what trains; a run that finds everything does without."""
    began = now()
    import telltale.training.fit
    import telltale.training.fleet.turns  # noqa: F401

    return now().less(began)


def _bootstrap(made: Plan, findings: RehearsedFindings, replicates: int) -> Spent:
    """Measure what the replicates that were left out take."""
    game, (few, more) = made.game, REPLICATES
    if replicates <= more:
        return NOTHING
    truth = with_payload(game.unseal(), game, made.variants.values())
    controls = findings.present("zero_query", *made.controls)
    times = []
    for number in (few, more):
        with findings.ledger.frame() as frame:
            evaluate(findings.evidence, truth, controls, number, made.seed)
        times.append(frame.expected)
    return times[1].less(times[0]).times((replicates - more) / (more - few))
