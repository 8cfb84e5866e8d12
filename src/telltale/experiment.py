"""The flow of every experiment, on one page."""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.logging import RichHandler

from telltale.attacks.base import Attack
from telltale.auditing.extraction import run_extraction
from telltale.auditing.run import run_audit, run_scores
from telltale.configuration.arguments import left_open_by
from telltale.configuration.assembly import Plan, assemble
from telltale.configuration.contest import contestants, hindrances
from telltale.data.ahead import ahead, has_spare_cores
from telltale.data.kept import Kept
from telltale.errors import InputError
from telltale.evaluation.bag_of_words import BAG_OF_WORDS, by_words
from telltale.evaluation.score import Scored, evaluate
from telltale.evidence import Evidence
from telltale.game.answers import answers_of
from telltale.game.probing import measured
from telltale.game.world import World
from telltale.owner.guarantee import guarantee_of
from telltale.owner.release import Release
from telltale.process import started
from telltale.reporting.console import wide_console
from telltale.reporting.masking import Masking
from telltale.reporting.outcome import Cost, Outcome
from telltale.reporting.report import report
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.summary import Summary
from telltale.truth import Truth
from telltale.worlds.payload import originals, with_payload

log = logging.getLogger("telltale")
OF_TARGETS = {"molextract": run_extraction}  # attacks on a model that exists, beside the audit
GIVEN = {"scores": run_scores, "audit": run_audit}  # attacks on what exists: membership is given, not drawn


def run(cfg: DictConfig) -> float:
    """Play one game and leave its report in the run folder; returns the headline metric, for a sweeper to optimise."""
    _log_to_stderr(cfg.verbose is True)
    return play(cfg).headline


def play(cfg: DictConfig, show: bool = True) -> Summary:
    """Play one game and leave its report in the run folder; show: print it too. Returns what it says."""
    hydra = HydraConfig.get()
    if (attack := hydra.runtime.choices["attack"]) in GIVEN:
        started()
        return GIVEN[attack](cfg, show)
    if (target := hydra.runtime.choices["target"]) != "recipe":
        if attack not in OF_TARGETS:
            expected = f"is a model that exists; audit it with attack=audit, not attack={attack}"
            raise InputError("target", target, expected)
        started()
        return OF_TARGETS[attack](cfg, show)
    folder, in_sweep = Path(hydra.runtime.output_dir), hydra.mode == RunMode.MULTIRUN
    with RunFolder(folder, cfg, hydra.overrides.task, hydra.runtime.choices, in_sweep) as job:
        with job.stage("data"):
            plan = assemble(cfg, hydra.runtime.choices, job.folder, job.log_scalars)
        with job.stage("preparation"):
            plan.check()  # the only place that refuses what does not go together; nothing has been trained
        job.accept()
        started()
        job.left_open = left_open_by(sys.argv)
        game, owner = plan.game, plan.owner
        job.entries = owner.store.served
        job.training = {"game": owner.ways(game.recipe, game.models), "controls": owner.ways(game.recipe, game.victims)}
        findings = Findings(job)
        with ahead():
            releases = gather(plan, findings)
            return conclude(plan, findings, releases, show)


def gather(plan: Plan, findings: Findings) -> Sequence[Release]:
    """Have the models trained and every attack run, in every world; returns the victims' releases, as attacked."""
    game, attack, job = plan.game, plan.attack, findings.job  # the game alone knows who is in which model
    with job.stage("training"):
        game.ahead(*(request for _, _, other in plan.other_worlds() for request in other.ahead(game)))
        target = game.world(attack.access)  # releases and knowledge, no truth
    log.info(f"the attack starts {job.since_start()}")
    if has_spare_cores():
        with job.stage("attack"):
            begin(plan)

    findings.add("attack", "target", attack, target)
    findings.add_blind("zero_query", attack, target)
    for role, name, other in plan.other_worlds():  # controls and variants: the same attack, unchanged
        with job.stage("training"):
            worlds = other.worlds(name, game, attack)
        for world_name, world in worlds.items():
            findings.add(role, world_name, attack, world)
    for name, rival in plan.rivals.items():
        findings.add("rivals", name, rival, game.world(rival.access, rival.before_transfer))
    return target.releases


def begin(plan: Plan) -> None:
    """Have other cores begin what controls and rivals will be asked for, while the attack is on the target."""
    for name, control in plan.controls.items() if plan.attack.begins else ():
        for world in control.worlds(name, plan.game, plan.attack).values():
            plan.attack.begin(world)
    for rival in plan.rivals.values():
        if rival.begins:
            rival.begin(plan.game.world(rival.access, rival.before_transfer))


def conclude(plan: Plan, findings: Findings, releases: Sequence[Release], show: bool) -> Summary:
    """Open the truth, score all evidence against it and report; releases: of the victims, as the attack met them."""
    game, owner, job = plan.game, plan.owner, findings.job
    with job.stage("attack"):
        findings.evidence |= plan.attack.together(findings.evidence)
    truth = with_payload(game.unseal(), game, plan.variants.values())  # first and only opening
    for name, perfect in originals(truth, findings.evidence["target"]).items():
        findings.add_ceiling(name, perfect)
    findings.evidence |= by_words(game.knowledge.challenge, truth.membership, findings.evidence["target"], plan.seed)
    controls = findings.present("zero_query", *plan.controls, BAG_OF_WORDS)
    with job.stage("evaluation"):
        scored = evaluate(findings.evidence, truth, controls, plan.replicates, plan.seed, Kept(owner.store))
        success = game.utility() | measured(plan.probes, game.released())
    outcome = _outcome(plan, findings, truth, scored, controls, releases, success)
    if plan.standards.answers:
        answers_of(game).save(job.folder / "answers.npz")
    owner.store.end()
    return report(job, outcome, plan.pools, plan.choices, show=show)


@dataclass
class Findings:
    """Evidence by name as it comes in, and what each piece took.

    job         of which the time is taken
    evidence    by name; None where an attack has no guess without a query
    costs       queries and seconds, by name of evidence
    names       of evidence, by stage of the run
    """

    job: RunFolder
    evidence: dict[str, Evidence | None] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=lambda: defaultdict(tuple))

    def add(self, stage: str, name: str, attack: Attack, world: World) -> None:
        """Run one attack on one world."""
        began = time.perf_counter()
        with self.job.stage(stage):
            self.evidence[name] = attack.run(world)
        self.costs[name] = Cost(dict(world.queries), time.perf_counter() - began)
        self.names[stage] = (*self.names[stage], name)

    def add_blind(self, name: str, attack: Attack, world: World) -> None:
        """Have the attack guess without a query."""
        with self.job.stage("attack"):
            self.evidence[name] = attack.blind(world.knowledge)

    def add_ceiling(self, name: str, perfect: Evidence) -> None:
        """Put what a perfect attack would hand over beside what it did."""
        self.evidence[name] = perfect
        self.names["variants"] = (*self.names["variants"], name)

    def present(self, *names: str) -> tuple[str, ...]:
        """Return those of the names under which there is evidence."""
        return tuple(name for name in names if self.evidence.get(name) is not None)


def _outcome(
    plan: Plan,
    findings: Findings,
    truth: Truth,
    scored: Scored,
    controls: tuple[str, ...],
    releases: Sequence[Release],
    success: Mapping[str, float],
) -> Outcome:
    """Gather what the report shows; releases: of the victims, as the attack met them."""
    game, attacks = plan.game, contestants(plan.attack, plan.rivals)
    return Outcome(
        evidence=findings.evidence,
        attack=plan.choices["attack"],
        attacks=attacks,
        hindrances=hindrances([plan.rivals.get(name, plan.attack) for name in attacks], game.models),
        standards=plan.standards,
        scored=scored,
        controls=controls,
        variants=findings.names["variants"],
        rivals=tuple(plan.rivals),
        guarantee=guarantee_of(game.recipe, plan.owner.store, releases, plan.records.kind),
        target=success,
        queries=findings.costs["target"].queries,
        costs=findings.costs,
        notes=(*plan.notes(), *_written(game.samples())),
        challenge=game.knowledge.challenge,
        membership=truth.membership,
        groups=truth.groups,
        ids=getattr(game.knowledge.challenge, "ids", None),
        payload=truth.payload,
        examples=game.examples(),
        kept=Kept(plan.owner.store),
    )


def _written(samples: Sequence[str]) -> tuple[str, ...]:
    """Say what a language model writes, in a line."""
    return (f"The first victim's language model writes: {' · '.join(map(repr, samples))}",) if samples else ()


def _log_to_stderr(verbose: bool) -> None:
    if not log.handlers:
        handler = RichHandler(console=wide_console(errors=True), show_time=False, show_level=False, show_path=False)
        handler.addFilter(Masking())
        log.addHandler(handler)
        log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
