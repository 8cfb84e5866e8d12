"""What makes the weights of a model, as plain values: hashed, they are its key in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from telltale.data.records import Records
from telltale.models import hf, hf_captioner
from telltale.models.released.start import document_of_start
from telltale.models.trunk_options import trunk_of
from telltale.owner.preparation import training_records
from telltale.owner.recipe import ALONE, Recipe
from telltale.owner.release import Release
from telltale.store.sources import source_digest
from telltale.store.store import Store, key_of

FLEETS = tuple(  # code that makes the weights of fleets, beside a recipe's own
    f"telltale.{name}"
    for name in ("owner.fleet_records.Made", "training.fleet.fleet.Fleet", "training.fleet.turns.fit_in_turn")
)

MOLECULE_FLEETS = ("telltale.owner.molecule_fleets.Graphs", "telltale.objectives.stacked.losses_of")


def document_of(
    recipe: Recipe, fingerprints: np.ndarray, seed: int, parent: Release | None, way: str = ALONE
) -> dict[str, Any]:
    """Describe a model: its recipe, the fingerprints of its records, its seed, what it starts from, the way trained."""
    quick: dict[str, Any] = {"fast_dev_run": recipe.trainer.fast_dev_run} if recipe.trainer.fast_dev_run else {}
    if recipe.initial_seed is not None:
        quick["initial_seed"] = recipe.initial_seed
    # a start's model stage is in its release, so in the weights that are gone on from, but not in its key
    started = [code.document() for code in recipe.start.stages if code.stage == "model"] if recipe.start else []
    return {
        **quick,
        **method_of(recipe, started, way),
        "records": hashlib.blake2b(fingerprints.tobytes(), digest_size=16).hexdigest(),
        "number_of_records": len(fingerprints),
        "seed": seed,
        "start": {"key": parent.key, "model_stage": started} if parent else None,
    }


def document_of_untrained(recipe: Recipe, records: Records, seed: int) -> dict[str, Any]:
    """Describe a model with initial weights, BatchNorm statistics averaged over `records`."""
    fingerprints = training_records(records, (), seed).fingerprints()
    return {**document_of(recipe, fingerprints, seed, None), "untrained": True}


def key_of_release(recipe: Recipe, weights: str) -> str:
    """Return the key of what is released: that of its weights, and of what the model stage makes of them."""
    changed = [code.document() for code in recipe.stage("model")]
    sources = source_digest([document["_target_"] for document in changed])
    return key_of({"weights": weights, "model_stage": changed, "sources": sources}) if changed else weights


def fingerprint_of(recipe: Recipe, store: Store, entry: str) -> str:
    """Return what tells a release from any other whatever the code is called: its weights, and its model stage."""
    changed = [f"{type(code).__qualname__} {asdict(code)}" for code in recipe.stage("model")]
    return " ".join((store.digest_of_weights(entry), *changed))


def model_of(recipe: Recipe) -> dict[str, Any]:
    """Describe the model; weights that it begins with or keeps frozen by their digest, wherever their file lies."""
    trunk = trunk_of(recipe.model)
    options = dict(recipe.model)
    folders = {**hf_captioner.document_of_folder(options), **hf.document_of_folder(options)}
    files = {**document_of_start(recipe.model), **folders}
    return {**recipe.model, **({"weights": trunk.document()} if trunk else {}), **files}


def method_of(recipe: Recipe, started: Sequence[Mapping[str, Any]] = (), way: str = ALONE) -> dict[str, Any]:
    """Describe all that makes the weights but records, seed and start; started: model stages of the start.

    way: "alone" or a way of fleets: each rounds in its own order, and so does each gradient mode of private training.
    """
    changing = [code.document() for code in recipe.stages if code.stage in ("data", "training")]
    named = (recipe.model, recipe.objective, *changing, *started)
    return {
        "model": model_of(recipe),
        "objective": dict(recipe.objective),
        "code": changing,
        "way": way,
        "gradient_mode": recipe.gradient_mode(way),
        "precision": recipe.trainer.precision,
        "device": recipe.trainer.device_type,
        "sources": source_digest(
            (
                *(part["_target_"] for part in named),
                *(FLEETS if recipe.stackable else MOLECULE_FLEETS if way != ALONE else ()),
                *(("telltale.owner.frozen_features.with_features",) if trunk_of(recipe.model) else ()),
            )
        ),
    }
