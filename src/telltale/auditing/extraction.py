"""Molecules out of an encoder that exists: the flow of `attack=molextract` where no recipe of ours is attacked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from telltale.attacks.base import Attack
from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.calibrated import CALIBRATED
from telltale.auditing.dealing import Dealt, all_to_the_attacker, dealt
from telltale.auditing.extracted import Found, concluded
from telltale.auditing.judging import Manner
from telltale.auditing.run import folder_of, loaded_of, manner_of, typed_of
from telltale.checks import whole_number
from telltale.configuration.building import built
from telltale.configuration.command_line import check_options
from telltale.configuration.parts import store_of
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.pools import PoolSizes
from telltale.data.seeds import derive
from telltale.defenses.query_limit import limit_of
from telltale.errors import InputError
from telltale.evaluation.answer import Standards
from telltale.game.world import Knowledge, World
from telltale.owner.defense import Defense
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.reporting.outcome import Cost
from telltale.reporting.report import report
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.summary import Summary
from telltale.targets.asked_release import EMBEDDINGS, AskedRelease
from telltale.targets.target import Target

UNTRAINED = "untrained"
STAGES = ("none", "answer")  # of defences that a model can have that is trained already


@dataclass(frozen=True, eq=False)
class Extraction:
    """What such a run is made of; nothing has been asked.

    untrained  the same model as it was before any training; None = nobody can make one, or none is asked for
    """

    target: Target
    untrained: Target | None
    dealt: Dealt
    attack: Molextract
    defense: Defense
    owner: Owner
    manner: Manner

    @classmethod
    def of(cls, cfg: DictConfig, folder: Path) -> Extraction:
        """Read target and molecules. Raises InputError for what cannot be attacked so.

        folder: where records that are left out are written down
        """
        choices = HydraConfig.get().runtime.choices
        whole_number("seed", cfg.seed, 0)
        check_options(cfg, pools=PoolSizes, report=Standards)
        attack, defense = built("attack", cfg.attack, Attack), built("defense", cfg.defense, Defense)
        if not isinstance(attack, Molextract):
            expected = f"is a model that exists; audit it with attack=audit, not attack={choices['attack']}"
            raise InputError("target", choices["target"], expected)
        _require_fit(cfg, choices, attack, defense)
        target: Target = instantiate(cfg.target)
        _require_askable(target, choices["target"], cfg.target.get("shadows"))
        target.store = store_of(cfg)
        molecules = molecules_of(cfg, folder, target, choices["dataset"])
        untrained = None
        if UNTRAINED in cfg.controls:
            untrained = target.untrained(molecules.own.smiles.tolist(), derive(cfg.seed, "control/untrained"))
        owner = Owner(target.store, instantiate(cfg.executor))
        return cls(target, untrained, molecules, attack, defense, owner, manner_of(cfg))

    @property
    def knowledge(self) -> Knowledge:
        """Return what the attacker knows."""
        none = self.dealt.own.take(np.arange(0))
        nobody = cast(Recipe, None)  # nobody repeats how it was trained
        seed = derive(self.manner.seed, "attacker")
        points = self.dealt.own, none, none, self.dealt.challenge
        return Knowledge(*points, nobody, self.owner, seed, query_budget=limit_of([self.defense]))

    def world(self, target: Target) -> World:
        """Return a world in which this model is attacked, without shadows."""
        knowledge, answers = self.knowledge, [] if self.defense.stage == "none" else [self.defense]
        release = AskedRelease(target, answers, knowledge.query_budget)
        return World((release,), knowledge, (((), np.zeros((0, len(knowledge.challenge)), bool)),))

    def check(self) -> None:
        """Refuse, by InputError, what makes no sense together, before the model is asked."""
        self.attack.check(self.knowledge)

    def others(self) -> Iterator[tuple[str, str, Attack, Target]]:
        """Yield what stands beside the attack: stage, name, attack and whom it asks."""
        if self.untrained is not None:
            yield "controls", UNTRAINED, self.attack, self.untrained
        for name, rival in self.attack.rivals().items():
            yield "rivals", name, rival, self.target

    def notes(self) -> tuple[str, ...]:
        """Say how molecules were dealt out, and which controls there are."""
        of_attack = self.attack.notes(self.knowledge)
        lacking = "" if self.untrained is not None else "; nor an untrained one, as nobody can build it afresh here"
        alone = f"no encoder of other molecules stands beside: nobody repeats how this one was trained{lacking}"
        return (*self.dealt.notes, *of_attack, alone)


@dataclass
class Played:
    """Evidence as it comes in, and what each piece took."""

    job: RunFolder
    evidence: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)

    def add(self, stage: str, name: str, attack: Attack, world: World) -> None:
        """Run one attack on one world, its queries counted and limited for itself."""
        budget = world.knowledge.query_budget
        world = world.with_releases(tuple(one.restricted(attack.access, budget) for one in world.releases))
        began = time.perf_counter()
        with self.job.stage(stage):
            self.evidence[name] = attack.run(world)
        self.costs[name] = Cost(dict(world.queries), time.perf_counter() - began)


def run_extraction(cfg: DictConfig, show: bool = True) -> Summary:
    """Have an encoder that exists give molecules away, and judge them; show: print the report. Returns what it says."""
    with folder_of(cfg) as job:
        with job.stage("data"):
            made = Extraction.of(cfg, job.folder)
        with job.stage("preparation"):
            made.check()
        job.accept()
        played, world = Played(job), made.world(made.target)
        played.add("attack", "target", made.attack, world)
        with job.stage("attack"):
            played.evidence["zero_query"] = made.attack.blind(made.knowledge)
        for stage, name, attack, target in made.others():
            played.add(stage, name, attack, world if target is made.target else made.world(target))
        played.evidence |= made.attack.together(played.evidence)
        asked = sum(cast(AskedRelease, one).asked for one in world.releases)
        notes = (*made.notes(), f"the encoder itself was asked about {asked:,} different molecules, each once")
        found = Found(played.evidence, played.costs, tuple(made.attack.rivals()), notes, made.target)
        with job.stage("evaluation"):
            outcome, steps = concluded(found, made.dealt, made.manner, made.owner.store, typed_of(job))
        named = HydraConfig.get().runtime.choices
        what = f"{named['attack']} on {made.target.name}, which gives {EMBEDDINGS}; defence {named['defense']}"
        return report(job, outcome, Subject.of(made.dealt), named, what, steps, show)


@dataclass(frozen=True)
class Subject:
    """What a run was about, for its title; see `report.Subject`."""

    source: str
    available: int
    member_count: int
    auxiliary: MoleculeRecords

    @classmethod
    def of(cls, molecules: Dealt) -> Subject:
        """Describe molecules as they were dealt out."""
        return cls(molecules.source, molecules.available, len(molecules.learned), molecules.own)


def molecules_of(cfg: DictConfig, folder: Path, target: Target, word: str) -> Dealt:
    """Read the molecules and deal them out. Raises InputError for records that are none, or no SMILES."""
    loaded = loaded_of(cfg, folder)
    given, most = loaded.given, cfg.pools.auxiliary
    records = loaded.records if given is None else given.records
    if not isinstance(records, MoleculeRecords):
        raise InputError("dataset", word, "molecules: dataset=smiles dataset.root=FILE dataset.members=COLUMN")
    if given is not None and not isinstance(given.inputs, list):
        expected = "graph: the encoder is asked about molecules that stand in no file, by their SMILES"
        raise InputError("dataset.view", cfg.dataset.get("view"), expected)
    if given is None or given.member is None:
        return all_to_the_attacker(records, most, cfg.seed)
    return dealt(given, target.population, most, cfg.seed)


def _require_askable(target: Target, word: str, shadows: str | None) -> None:
    """Refuse a target that gives no embeddings or cannot be asked about candidates, and shadow models: none is used."""
    if target.gives != EMBEDDINGS:
        raise InputError("target.gives", target.gives, f"{EMBEDDINGS}: molecules are ranked by these")
    if not target.asks_copies:
        raise InputError("target", word, "one that can be asked (function, torch, http): candidates stand in no file")
    training = target.training
    if training.train is not None or training.stand_in or shadows is not None:
        raise InputError("target", word, "no target.train, stand_in or shadows: no shadow models are compared with")


def _require_fit(cfg: DictConfig, choices: Mapping[str, str], attack: Molextract, defense: Defense) -> None:
    """Refuse words that speak of a recipe of ours, or of several models."""
    if attack.answers != EMBEDDINGS:
        raise InputError("attack.answers", attack.answers, f"{EMBEDDINGS}, of a model that exists")
    if attack.scorer == CALIBRATED:
        raise InputError("attack.scorer", CALIBRATED, "another one: a model that exists has no shadow encoders here")
    for name, only in (("victims", 1), ("shadow_models", 0)):
        if cfg[name] != only:
            raise InputError(name, cfg[name], f"{only}: the model that exists is attacked alone")
    for group in ("rivals", "variants", "probes"):
        if cfg[group]:
            expected = "none, of a model that exists; attack.rivals rank the same candidates"
            raise InputError(group, choices[group], expected)
    if defense.stage not in STAGES:
        expected = "one of answers (query_limit, output_noise, rounding, top_dimensions): the model is trained already"
        raise InputError("defense", choices["defense"], expected)
