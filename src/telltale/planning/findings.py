"""Attacks in a rehearsal: run where they may have models trained, and on a few victims that stand for many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.evidence import Evidence
from telltale.experiment import Findings
from telltale.game.world import World
from telltale.planning.ledger import Ledger
from telltale.reporting.outcome import Cost
from telltale.training.rehearsal import NOTHING, Spent

FEW, MORE = 2, 4  # victims on which an attack is run, twice: what the second two take is what each other one takes
ALL = 8  # victims up to which it is run on all of them


@dataclass(frozen=True)
class Measured:
    """What a command took beside its models, kept by an earlier plan: parts of the flow, queries, memory, disk."""

    parts: Mapping[str, Spent]
    queries: Mapping[str, int]
    memory: float
    disk: int


@dataclass
class RehearsedFindings(Findings):
    """Evidence of a rehearsal; controls and variants get the target's, where the attack had nothing trained.

    measured    what attacks and evaluation take, where an earlier plan has measured it: then none is run
    find        looks for it, as soon as the victims' models are ordered
    queries     records that releases are asked about, by call, by all attacks
    trains      whether the attack has models trained itself
    any_trains  whether one of the attacks does
    """

    ledger: Ledger = field(default_factory=Ledger)
    measured: Measured | None = None
    find: Callable[[], Measured | None] = lambda: None
    queries: Counter[str] = field(default_factory=Counter)
    trains: bool = True
    any_trains: bool = False
    _of_target: Spent = NOTHING

    def add_blind(self, name: str, attack: Attack, world: World) -> None:
        """Have the attack guess, where that was not measured before."""
        if self.measured is None:
            super().add_blind(name, attack, world)

    def add(self, stage: str, name: str, attack: Attack, world: World) -> None:
        """Run one attack on one world, on a few victims where there are many."""
        if name == "target":
            self.measured = self.find()
        if self.measured is not None:
            return
        again = stage in ("controls", "variants") and not self.trains
        before = len(self.ledger.trained())
        with self.job.stage(stage), self.ledger.frame() as frame:
            if again:
                self.evidence[name] = self.evidence["target"]
            else:
                self.evidence[name], asked = _on_few(attack, world, self.ledger)
        spent = self._of_target if again else frame.expected
        self.ledger.add(stage, spent)
        trains = len(self.ledger.trained()) > before
        self.any_trains = self.any_trains or trains
        if name == "target":
            self._of_target, self.trains = spent, trains
        if again:
            asked = self.costs["target"].queries
        self.queries.update(asked)
        self.costs[name] = Cost(asked, spent.clock)
        self.names[stage] = (*self.names[stage], name)


def _on_few(attack: Attack, world: World, ledger: Ledger) -> tuple[Evidence, Mapping[str, int]]:
    """Run an attack, on a few of many victims; returns evidence of all, and how many records all would be asked for."""
    victims = len(world.releases)
    if victims <= ALL:
        return attack.run(world), dict(world.queries)
    few = first_of(world, FEW)
    evidence = attack.run(few)
    with ledger.frame() as again:
        attack.run(first_of(world, FEW))
    with ledger.frame() as longer:
        of_more = attack.run(first_of(world, MORE))
    ledger.charge(longer.expected.less(again.expected).times((victims - FEW) / (MORE - FEW)))
    asked = {call: number * victims // FEW for call, number in few.queries.items()}
    return for_all(evidence, of_more, victims), asked


def first_of(world: World, number: int) -> World:
    """Return a world with the first victims alone, and counters of its own."""
    knowledge = world.knowledge
    return replace(
        world,
        releases=tuple(release.restricted(release.access) for release in world.releases[:number]),
        knowledge=replace(knowledge, victims=number, shadow_models=knowledge.models - number),
        _shadows=world._shadows[:number],
    )


def for_all(few: Any, more: Any, victims: int) -> Any:
    """Repeat evidence of a few victims for all of them: what is longer in evidence of more victims, at any depth."""
    if is_dataclass(few):
        parts = {each.name: for_all(getattr(few, each.name), getattr(more, each.name), victims) for each in fields(few)}
        return replace(few, **parts)  # type: ignore[type-var]
    if isinstance(few, Mapping):
        return {name: for_all(part, more[name], victims) for name, part in few.items()}
    if isinstance(few, np.ndarray) and (few.shape[:1], more.shape[:1]) == ((FEW,), (MORE,)):
        return np.resize(few, (victims, *few.shape[1:]))
    if isinstance(few, tuple) and (len(few), len(more)) == (FEW, MORE):
        return tuple(few[place % FEW] for place in range(victims))
    return few  # one for all victims, or a list of something else
