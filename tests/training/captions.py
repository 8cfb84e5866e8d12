"""Small captioners and captioned pictures that tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.objectives.captioning import Captioning
from telltale.owner.preparation import initial_objective
from telltale.store.store import Store
from telltale.training.batches import LabelledBatch, RecordDataset
from tests.owned import Owned
from tests.training.small import CPU

COLOURS, THINGS = ("red", "green", "blue", "white"), ("cat", "dog", "sun", "car", "tree", "hat")


def pictures(number: int = 24, seed: int = 0) -> CaptionedImages:
    """Random pictures of 8 x 8 with two captions each, of which no two pictures have the same first one."""
    rng = np.random.default_rng(seed)
    names = [f"a {COLOURS[k % 4]} {THINGS[k // 4 % 6]}" for k in range(number)]
    references = tuple(
        (name, f"{name} on the {THINGS[k % 6]}"[: None if k % 3 else 20]) for k, name in enumerate(names)
    )
    return CaptionedImages(
        rng.integers(0, 256, (number, 3, 8, 8), dtype=np.uint8),
        references,
        np.arange(number),
        np.zeros(number, np.int64),
        ("made up",),
        tuple(names),
        "made-up pictures",
    )


RECORDS = pictures()
VOCABULARY = vocabulary_of(RECORDS.references, 1)


def model_of(**options: Any) -> dict[str, Any]:
    small = {"encoder": "residual", "channels": [4, 8], "width": 8, "hidden": 8, "norm": "batch", "least_count": 1}
    filled_in = {"vocabulary": VOCABULARY.known, "shape": RECORDS.shape}
    return {"_target_": "telltale.models.captioner.Captioner", **small, **filled_in, **options}


def objective_of(**options: Any) -> dict[str, Any]:
    small = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01}
    return {"_target_": "telltale.objectives.captioning.Captioning", **small, **options}


def built(model: dict[str, Any] | None = None, seed: int = 0, **options: Any) -> Captioning:
    objective = initial_objective(model or model_of(), objective_of(**options), seed)
    assert isinstance(objective, Captioning)
    return objective


def batch_of(objective: Captioning, records: CaptionedImages = RECORDS) -> LabelledBatch:
    found: LabelledBatch = RecordDataset(records, 0, objective.targets(records))[0, np.arange(len(records))]
    return found


def recipe_of(folder: Path, model: dict[str, Any] | None = None, defenses: Any = (), **options: Any) -> Owned:
    return Owned.of(model or model_of(), objective_of(**options), CPU, Store(folder), defenses=tuple(defenses))


def close(one: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float) -> bool:
    return one.keys() == other.keys() and all(np.allclose(one[name], other[name], atol=tolerance) for name in one)
