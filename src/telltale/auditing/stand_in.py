"""A recipe of ours that stands in for the user's training code: shadow models of another kind, and the page says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from telltale.attacks.membership.audit import Audit
from telltale.configuration.building import built
from telltale.configuration.compatibility import require_compatible
from telltale.configuration.parts import recipe_of, store_of
from telltale.data.given import Given
from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.owner.defense import Defense
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.targets.own_training import halves, require_pairs
from telltale.targets.shadows import Shadows, Table
from telltale.targets.target import Target
from telltale.writing import counted

FIELD = "target.stand_in"
GIVES = ("probabilities", "labels")  # what our recipes of classes give


@dataclass(frozen=True)
class StandIn:
    """A recipe of ours and who follows it; models: how many are trained, an even number; words: the recipe's."""

    recipe: Recipe
    owner: Owner
    models: int
    words: str

    def shadows(self, table: Table, gives: str) -> Shadows:
        """Train models on random halves of the table, as the user's code would; what the store has is not again."""
        points, others = table.challenge.records, table.held.records
        membership = halves(table.challenge, self.models, table.seed)
        seeds = [derive(table.seed, "stand-in", model) for model in range(self.models)]
        names = [f"stand-in {model + 1} of {self.models}" for model in range(self.models)]
        releases = self.owner.train_many(self.recipe, points, membership, seeds, names)

        def said(records: Records) -> list[np.ndarray]:
            asked = [release.restricted(frozenset({gives})) for release in releases]
            return [getattr(release, gives)(records) for release in asked]

        answers = said(points)
        population = said(others) if len(table.held) else [of[:0] for of in answers]
        number, size = len(membership[0]), int(membership[0].sum())
        told = (
            f"stand-in: the {self.models} shadow models are of another recipe ({self.words}) than the model audited, "
            "so they say how hard a record is, and not how such a model answers: a leak that is found is one, another "
            f"may be missed; each was trained on a random half of the {number:,} ({size:,})"
        )
        named = [(FIELD, f"true, model {model}") for model in range(self.models)]
        return Shadows.of(answers, population, membership, told, named)


def stand_in_of(cfg: DictConfig, choices: Mapping[str, str], target: Target, given: Given) -> StandIn:
    """Return the recipe that the words name, for target.stand_in=true; choices: the word of each group.

    Raises InputError, before anything is asked, for what a recipe of ours cannot stand in for.
    """
    options = target.training
    if options.train is not None or cfg.target.get("shadows") is not None:
        other = "target.train" if options.train is not None else "target.shadows"
        raise InputError(FIELD, "true", f"stands beside {other}, which are models of the same kind: leave it out")
    if target.gives not in GIVES:
        expected = f"a recipe of ours learns classes, and the model audited gives {target.gives}; use target.train"
        raise InputError(FIELD, "true", expected)
    records = given.records
    if records is None or not given.classes:
        expected = (
            "a recipe of ours learns classes of a table, pictures or molecules; give dataset.label, or target.train"
        )
        raise InputError(FIELD, "true", expected)
    require_pairs(options.models)
    recipe = recipe_of(cfg, records).protect(built("defense", cfg.defense, Defense))
    require_compatible(Audit(), recipe, records, choices)
    if "probabilities" not in recipe.answers:
        raise InputError("objective", choices["objective"], "gives no probabilities to compare; classification does")
    owner = Owner(target.store or store_of(cfg), instantiate(cfg.executor))
    return StandIn(recipe, owner, options.models, words_of(cfg.objective, choices))


def words_of(objective: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Name a recipe by the words that were typed."""
    defended = choices.get("defense", "none") != "none"
    words = [f"{group}={choices[group]}" for group in ("model", "objective", *(["defense"] if defended else []))]
    epochs = objective.get("epochs")
    return ", ".join([*words, *([counted(epochs, "epoch")] if epochs is not None else [])])
