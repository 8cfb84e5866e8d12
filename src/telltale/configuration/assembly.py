"""From a configuration to a plan: all that a run is made of, and the one place that refuses what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from telltale.attacks.base import Attack
from telltale.checks import share, whole_number, yes_or_no
from telltale.configuration.building import built, told_as
from telltale.configuration.command_line import check_options
from telltale.configuration.compatibility import (
    calls_of,
    check_rival,
    require_compatible,
    require_records,
    rivals_of,
)
from telltale.configuration.parts import owner_of, pools_of, probes_of, recipe_of, records_of, transfer_of
from telltale.data.downstream import TransferData
from telltale.data.pools import Pools, PoolSizes, told_of
from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evaluation.answer import Standards
from telltale.evaluation.score import checked_replicates
from telltale.game.game import MODELS, Game
from telltale.game.probing import Probe
from telltale.owner.defense import Defense
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.training.trainer import Curve
from telltale.worlds.other_world import OtherWorld

BEGUN = (
    "the models attacked began with the weights in {path}: what these had learned before, perhaps from the same "
    "records, is not asked about, no ε covers it, and a control without pre-training begins with them, too"
)


@dataclass(frozen=True)
class Plan:
    """What a run is made of. Nothing has been trained, and `check` refuses before anything is.

    cfg           the composed configuration
    choices       the word of each group, as the user chose it
    records       the data set
    transfer      records of both parts of a transfer; None = there is one part
    attack        whom the owner faces
    recipe        what the owner does, the attacker's code and the owner's defence in it
    owner         who trains
    controls      worlds in which there is nothing to find, by name
    variants      other releases of the same victims, by name
    probes        what embeddings are measured by, beside the owner's task, by name
    replicates    bootstrap replicates behind every interval
    standards     what the answer of the report is measured by
    told          what was said of reading the data set: left out, cut, merged or set apart
    """

    cfg: DictConfig
    choices: Mapping[str, str]
    records: Records
    transfer: TransferData | None
    attack: Attack
    recipe: Recipe
    owner: Owner
    controls: Mapping[str, OtherWorld]
    variants: Mapping[str, OtherWorld]
    probes: Mapping[str, Probe]
    replicates: int
    standards: Standards
    told: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Return the seed from which every other one derives."""
        return int(self.cfg.seed)

    @cached_property
    def pools(self) -> Pools[Any]:
        """Deal the records out, with what the attack plants among them."""
        return self.attack.plant(pools_of(self.cfg, self.records, self.transfer), derive(self.seed, "canaries"))

    @cached_property
    def game(self) -> Game:
        """Return the game, which alone knows who is in which model."""
        finetune = self.pools.finetune if self.transfer else None
        recipe = self.recipe.replace(finetune=finetune).with_public(self.pools.known)
        return Game(self.pools, recipe, self.owner, self.cfg.victims, self.seed, self.cfg.shadow_models)

    @cached_property
    def rivals(self) -> Mapping[str, Attack]:
        """Return other attacks that face the same world, by name, less those that find nothing to ask about in it."""
        named = rivals_of(self.cfg.rivals, self.attack, self.records, self.recipe)
        knowing = {name: self.game.knowledge_of(rival.access) for name, rival in named.items()}
        return {name: rival for name, rival in named.items() if rival.applies(knowing[name])}

    def other_worlds(self) -> Iterator[tuple[str, str, OtherWorld]]:
        """Yield controls and variants, on which the same attack is run, unchanged: group, name and world."""
        for group, worlds in (("controls", self.controls), ("variants", self.variants)):
            for name, world in worlds.items():
                yield group, name, world

    def check(self) -> None:
        """Refuse, by InputError, what makes no sense together: before anything is trained."""
        require_compatible(self.attack, self.recipe, self.records, self.choices, self.transfer)
        require_records(self.game.recipe, self.pools.member_count + self.pools.canary_count // 2)
        for group, name, world in self.other_worlds():
            with told_as(f"{group}.{name}"):
                world.check(self.game)
        rivals = self.rivals
        self.attack.check(self.game.knowledge_of(self.attack.access))
        for name, rival in rivals.items():
            check_rival(name, rival, self.game, configured=name in self.cfg.rivals)

    def notes(self) -> tuple[str, ...]:
        """Say what a reader of the report has to know of how it came about."""
        quick = "debug.fast_dev_run: models saw a few batches of two epochs at most; not a result"
        of_attack = self.attack.notes(self.game.knowledge_of(self.attack.access))
        of_rivals = [
            f"rival {name}: {note}"
            for name, rival in self.rivals.items()
            for note in rival.notes(self.game.knowledge_of(rival.access))
            if note not in of_attack
        ]
        of_records = (*self.told, *(self.transfer.told if self.transfer else ()), *told_of(self.pools))
        path = self.recipe.model.get("path")
        of_model = (BEGUN.format(path=path),) if path else ()
        first = (quick,) if self.cfg.debug.fast_dev_run else ()
        return (*first, *of_model, *of_attack, *of_rivals, *of_records)


def assemble(cfg: DictConfig, choices: Mapping[str, str], folder: Path, on_epoch: Curve) -> Plan:
    """Build all that a configuration names, each part checking its own options.

    choices: the word of each group; folder: of the run, for the list of what could not be read; on_epoch: whom training
    tells of each epoch. Raises InputError for the first option that will not do.
    """
    whole_number("seed", cfg.seed, 0, 2**63 - 1)
    yes_or_no("verbose", cfg.verbose)
    for name in ("outputs", "store", "shared_store", "cache"):
        if cfg.paths[name] is None and name == "shared_store":
            continue
        if not isinstance(place := cfg.paths[name], str) or not place.strip():
            shown = "null" if place is None else f"'{place}'" if isinstance(place, str) else place
            raise InputError(f"paths.{name}", shown, f"a folder; a name such as 7 is quoted: 'paths.{name}=\"7\"'")
    whole_number("victims", cfg.victims, 1, MODELS)  # before records are read
    whole_number("shadow_models", cfg.shadow_models, 0, MODELS)
    share("downstream_share", cfg.downstream_share, expected="a share of pools.finetune, above 0, at most 1")
    check_options(cfg, pools=PoolSizes, report=Standards)
    replicates, standards = checked_replicates(cfg.evaluation.replicates), Standards(**cfg.report)
    records, told = records_of(cfg, folder)
    attack, defense = built("attack", cfg.attack, Attack), built("defense", cfg.defense, Defense)
    transfer = transfer_of(cfg, records, choices)
    recipe = recipe_of(cfg, records, transfer)
    attack = attack.against(*calls_of(recipe))
    recipe = attack.tamper(recipe).protect(defense)  # the owner has the last word
    controls, variants = (
        {str(name): built(f"{group}.{name}", options, OtherWorld) for name, options in cfg[group].items()}
        for group in ("controls", "variants")
    )
    owner = owner_of(cfg, on_epoch)
    probes = probes_of(cfg, owner)
    return Plan(
        cfg, choices, records, transfer, attack, recipe, owner, controls, variants, probes, replicates, standards, told
    )
