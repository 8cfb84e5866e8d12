"""A recipe: what a model owner does, as one frozen and comparable value. Who does it is the Owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file

from telltale.data.records import Records
from telltale.data.seeds import generator
from telltale.errors import InputError
from telltale.owner.defense import Defense, Stage
from telltale.owner.molecule_fleets import molecules_stack
from telltale.owner.preparation import initial_objective
from telltale.training.fleet.sizing import trained_part, way_of
from telltale.training.objective import Objective
from telltale.training.private.modes import mode_of
from telltale.training.trainer import TrainerOptions

ALONE = "alone"  # the way of a model that is trained by a fit of its own


@dataclass(frozen=True)
class Recipe:
    """A model, an objective and the defences around them.

    model             resolved configuration with `_target_`
    objective         the same
    trainer           device, precision and processes
    start             recipe of the pre-training, on the records of each model; None = nothing is pre-trained
    finetune_share    of `finetune` that each model goes on with, drawn by its seed
    initial_seed      of the initial weights of all models; None = each has its own
    added_code        malicious training code (Attack.tamper), which runs before any defence
    defenses          the owner's, in order
    finetune          records that models with a start go on with
    public            records known to all, from which a data stage may learn
    """

    model: Mapping[str, Any]
    objective: Mapping[str, Any]
    trainer: TrainerOptions
    start: Recipe | None = None
    finetune_share: float = 1.0
    initial_seed: int | None = None
    added_code: tuple[Defense, ...] = ()
    defenses: tuple[Defense, ...] = ()
    finetune: Records | None = field(default=None, compare=False)
    public: Records | None = field(default=None, compare=False)

    def replace(self, **changes: Any) -> Self:
        """Return a recipe that differs in the named fields."""
        return replace(self, **changes)

    def protect(self, defense: Defense) -> Self:
        """Return the recipe with one more defence, applied after those there are.

        A defence with `on` = "first" protects the start, where the recipe has one; any other protects what comes last.
        """
        if defense.stage == "none":
            return self
        if self.start and getattr(defense, "on", "last") == "first":
            return replace(self, start=self.start.protect(defense))
        return replace(self, defenses=(*self.defenses, defense))

    def with_public_records(self, number: int) -> Self:
        """Return the recipe where each model's own number of records is a secret, and this number is public instead."""
        if self.start:
            return replace(self, start=self.start.with_public_records(number))
        return replace(self, defenses=tuple(code.with_public_records(number) for code in self.defenses))

    def with_public(self, public: Records) -> Self:
        """Return the recipe with these records known to all."""
        return replace(self, public=public, defenses=tuple(code.with_public(public) for code in self.defenses))

    def detached(self) -> Self:
        """Return the recipe for another process, without records."""
        start = self.start.detached() if self.start else None
        defenses = tuple(code.detached() for code in self.defenses)
        return replace(self, start=start, finetune=None, public=None, defenses=defenses)

    def check(self) -> None:
        """Refuse, by InputError, options of model, objective and training code that are out of range.

        Private training whose records are used again afterwards is refused too; ends with initial options.
        """
        if self.start:
            self.start.check()
        for code in self.stages:
            code.check(self)
        if self.initial().private and (finishing := self.stage("finish")):
            name = type(finishing[0]).__name__
            expected = f"{name} goes on with the records after private training, which voids its guarantee"
            raise InputError("defense", "private training", f"{expected}; use post-training quantization")

    @property
    def stages(self) -> tuple[Defense, ...]:
        """Return the malicious code and the defences, in the order in which they run."""
        return (*self.added_code, *self.defenses)

    def stage(self, name: Stage) -> list[Defense]:
        """Return the code of one stage, in the order it runs."""
        return [code for code in self.stages if code.stage == name]

    @property
    def publishes(self) -> bool:
        """Say whether the owner hands out the records that models are trained on."""
        return any(code.publishes for code in self.defenses)

    @property
    def supervised(self) -> bool:
        """Say whether the recipe learns from labels."""
        return self.initial().supervised

    @property
    def answers(self) -> frozenset[str]:
        """Name the calls that the released model understands, beside embeddings and weights."""
        return self.initial().answers

    def initial(self) -> Objective:
        """Return the objective with initial weights: what is known of the network before anything is trained."""
        return self.objective_for(0)

    def objective_for(self, seed: int, start: Mapping[str, np.ndarray] | None = None) -> Objective:
        """Build the objective of the model with this seed, its weights initial or those of `start` by name."""
        weights_from = seed if self.initial_seed is None else self.initial_seed
        objective = initial_objective(self.model, self.objective, weights_from, start)
        objective.loss_code = self.stage("training")
        for code in objective.loss_code:
            code.prepare(objective)
        return objective

    def loaded(self, weights: Path, seed: int) -> Objective:
        """Return the trained objective whose state lies in a file."""
        objective = self.objective_for(seed)
        objective.load_state_dict(load_file(weights))
        return objective

    @property
    def finetuning_records(self) -> Records:
        """Return the records that models with a start go on with."""
        assert self.finetune is not None, "a recipe with a start needs records to go on with"
        return self.finetune

    def finetuning_members(self, seed: int) -> np.ndarray:
        """Say which fine-tuning records the model of this seed gets: (records,) bool."""
        number = len(self.finetuning_records)
        members = np.zeros(number, bool)
        rng = generator(seed, "fine-tuning records")
        members[rng.choice(number, round(self.finetune_share * number), replace=False)] = True
        return members

    @cached_property
    def features_are_fixed(self) -> bool:
        """Say whether models are trained on features that a pre-trained backbone computes once."""
        return self.start is not None and self.initial().features_are_fixed

    @property
    def device_of_a_fit(self) -> str:
        """Say of which kind of device a fit wants one for itself: "cuda"; "cpu" where it has none, or takes several."""
        return self.trainer.device_type if self.trainer.devices == 1 else "cpu"

    @cached_property
    def epochs_on_one_thread(self) -> int:
        """Count the epochs of a fit that computes on one thread: on graphs, on a CPU; 0 where it may take all.

        The matrices of graphs are small: two threads gain little, wait for each other where anyone else computes, and
        round otherwise than one.
        """
        objective, trainer = self.initial(), self.trainer
        quiet = trainer.device_type == "cpu" and trainer.devices == 1 and trainer.profiler is None
        return objective.epochs if quiet and objective.model.accepts == "molecules" else 0

    @cached_property
    def stackable(self) -> bool:
        """Say whether a fleet can train it, drawing nothing that depends on the chunk."""
        objective = self.initial()
        # masks of a stacked step come from one generator: they would depend on the chunk, which no key names
        parts = self._part_of_fleets.modules()
        drops = any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in parts)
        return objective.stackable and not drops and (objective.private is None or objective.private.stackable)

    def way(self, models: int, asked: str = "auto") -> str:
        """Say how so many models are trained: "alone", one fit each, or the way in which a fleet takes a step.

        asked: a way of fleets that is wanted, "auto" = by the rule of `way_of`.
        """
        if models == 1 or self.trainer.devices > 1 or any(code.needs_records for code in self.stages):
            return ALONE
        if not self.stackable:
            return self._way_of_molecules(asked)
        turns = self.trainer.precision == "32-true" and self.trainer.profiler is None
        return way_of(self._part_of_fleets, self.trainer.device_type, asked, turns)

    def _way_of_molecules(self, asked: str) -> str:
        """Say how molecule encoders are trained: a GPU is faster at one step of all, a CPU at atoms that look alike."""
        stacks = asked == "stacked" or (asked == "auto" and self.trainer.device_type == "cuda")
        plain = self.trainer.precision == "32-true" and not self.stage("data")
        return "stacked" if stacks and plain and molecules_stack(self.initial()) else ALONE

    def gradient_mode(self, way: str) -> str | None:
        """Name the mode in which models trained in this way compute private gradients; None where they are not."""
        return self._gradient_modes[way == ALONE]

    @cached_property
    def _gradient_modes(self) -> dict[bool, str | None]:
        parts = {True: self.initial(), False: self._part_of_fleets}
        return {alone: mode_of(part) if part.private else None for alone, part in parts.items()}

    @cached_property
    def _part_of_fleets(self) -> Objective:
        part: Objective = trained_part(self.initial())
        return part
