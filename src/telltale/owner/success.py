"""How well a trained model does its owner's own task, measured once and kept in the store."""

from __future__ import annotations

import hashlib
import json

from telltale.data.records import Records
from telltale.owner.frozen_features import as_model_input
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.owner.releasing import as_released
from telltale.store.store import Store, write_text


def success_of(recipe: Recipe, store: Store, release: Release, records: Records) -> dict[str, float]:
    """Measure a release on records by the objective it was trained for, heads that are not released included."""
    digest = hashlib.blake2b(records.fingerprints().tobytes(), digest_size=16).hexdigest()
    document = {"release": release.key, "output": "success", "records": digest}
    folder = store.find("success", document)
    if folder is None:
        text = json.dumps(_measured(recipe, store, release, records))
        folder = store.add("success", document, lambda entry: write_text(entry / "success.json", text))
    found: dict[str, float] = json.loads((folder / "success.json").read_text(encoding="utf-8"))
    return found


def _measured(recipe: Recipe, store: Store, release: Release, records: Records) -> dict[str, float]:
    objective = recipe.loaded(store.weights(release.entry), 0)
    objective.model = as_released(objective.model, recipe.stages)
    return objective.eval().to(recipe.trainer.device_type).success_on(as_model_input(recipe, store, records))
