"""`plan=true`: the flow of an experiment as a rehearsal, in a folder that is deleted, and what it says of the cost."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from telltale.configuration.assembly import Plan, assemble
from telltale.errors import InputError
from telltale.evaluation.score import checked_replicates, evaluate
from telltale.experiment import GIVEN, conclude, gather
from telltale.owner.owner import Owner
from telltale.planning.cost import JobCost, print_job, print_total
from telltale.planning.findings import RehearsedFindings
from telltale.planning.ledger import Ledger
from telltale.planning.owner import RehearsalOwner, Rehearsing
from telltale.planning.store import RehearsalStore
from telltale.progress import silently
from telltale.reporting.run_folder import RunFolder, peak_memory
from telltale.training.rehearsal import NOTHING, Spent, now
from telltale.worlds.payload import with_payload

log = logging.getLogger("telltale")
REPLICATES = (10, 60)  # of the bootstrap, in a rehearsal: what the difference takes is multiplied


class RehearsedFolder(RunFolder):
    """A run's folder, whose stages are parts of a ledger."""

    ledger: Ledger

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what stands inside."""
        with super().stage(name), self.ledger.part(name):
            yield


@dataclass
class Rehearsals:
    """All rehearsals of a process: they share a store, so that a sweep's jobs find what earlier ones would make."""

    place: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="telltale-plan-")))
    stores: dict[Path, RehearsalStore] = field(default_factory=dict)
    costs: list[JobCost] = field(default_factory=list)

    def store_over(self, owner: Owner) -> RehearsalStore:
        """Return the store of rehearsals over an owner's own."""
        below = owner.store.root.resolve()
        if below not in self.stores:
            root = self.place / f"store{len(self.stores)}"
            self.stores[below] = RehearsalStore(root, below=owner.store, ledger=Ledger())
        return self.stores[below]


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


def show_total() -> None:
    """Print what all jobs of a sweep take, when the last one has ended."""
    if _rehearsals and _rehearsals[0].costs:
        print_total(_rehearsals[0].costs, "plan of a sweep")


def cost_of(cfg: DictConfig, name: str) -> JobCost:
    """Rehearse a job, and return what it would take. Raises InputError as the job would."""
    hydra, began, everything = HydraConfig.get(), now(), rehearsals()
    if (attack := hydra.runtime.choices["attack"]) in GIVEN:
        raise InputError("plan", True, f"a recipe of ours; attack={attack} trains nothing unless it is told to")
    number = len(everything.costs)
    starting = Spent(began.cpu, began.cpu) if not number else NOTHING  # imports, and what Hydra does
    with open_dict(cfg):
        replicates = checked_replicates(cfg.evaluation.replicates)
        cfg.evaluation.replicates = min(replicates, REPLICATES[1])
        cfg.logger = {"_target_": "telltale.reporting.loggers.NoLogger"}
    folder = everything.place / f"job{number}"
    ledger = Ledger()
    job = RehearsedFolder(folder, cfg, hydra.overrides.task, hydra.runtime.choices)
    job.ledger = ledger
    with job, silently():
        with job.stage("data"):
            made = assemble(cfg, hydra.runtime.choices, folder, job.log_scalars)
            store = everything.store_over(made.owner)
            ledger = job.ledger = store.begin(number, ledger)
            made = replace(made, owner=_owner(made.owner, store, starting))
        with job.stage("preparation"):
            made.check()
        job.accept()
        lightning = _imported()
        findings = RehearsedFindings(job, ledger=ledger)
        with ledger.part("other"):
            releases = gather(made, findings)
            conclude(made, findings, releases, show=False)
        ledger.add("evaluation", _bootstrap(made, findings, replicates))
    if any(not entry.there for entry in ledger.entries.values()):
        starting = starting.plus(lightning)
    ledger.parts = {"starting": starting, **ledger.parts}
    cost = JobCost.of(name, ledger, findings.queries, peak_memory(), now().less(began).plus(starting))
    everything.costs.append(cost)
    return cost


def _owner(owner: Owner, store: RehearsalStore, startup: Spent) -> Owner:
    return RehearsalOwner(store, Rehearsing(owner.executor, store, startup), None)  # type: ignore[arg-type]


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
