"""What it saves that a frozen trunk sees each picture once, and not in every epoch of a captioner."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from telltale.data.captions import emoji
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.models.efficientnet_lite import EfficientNetLiteTrunk
from telltale.owner.frozen_features import as_model_input
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions

NAME, SIDE = "efficientnet_lite0", 224


def measure(pictures: int = 200, epochs: int = 24) -> dict[str, Any]:
    """Time one pass of the pictures through the trunk, and a captioner's training on their features.

    Returns seconds of both, and how much longer `epochs` epochs take each of which has that pass in it; a frozen trunk
    has no backward pass. Weights are random: time does not depend on them.
    """
    records = emoji.load().records.take(np.arange(pictures))
    with tempfile.TemporaryDirectory() as folder:
        recipe, owner = _recipe(Path(folder), records, epochs), Owner(Store(Path(folder) / "store"))
        began = time.perf_counter()
        as_model_input(recipe, owner.store, records)
        through_trunk = time.perf_counter() - began
        began = time.perf_counter()
        owner.train(recipe, records, np.arange(pictures), seed=0)
        training = time.perf_counter() - began
    return {
        "pictures": pictures,
        "epochs": epochs,
        "trunk": through_trunk,
        "training": training,
        "ratio": (epochs * through_trunk + training) / (through_trunk + training),
    }


def _recipe(folder: Path, records: CaptionedImages, epochs: int) -> Recipe:
    file = folder / "weights.safetensors"
    torch.manual_seed(0)
    save_file(EfficientNetLiteTrunk(0).state_dict(), file)
    model = {
        "_target_": "telltale.models.captioner.Captioner",
        "encoder": "residual",
        "channels": [16, 32, 64],
        "width": 128,
        "hidden": 192,
        "vocabulary": vocabulary_of(records.references, 3).known,
        "shape": records.shape,
        "trunk": {"residual": NAME},
        "weights": {"residual": str(file)},
        "side": SIDE,
    }
    objective = {
        "_target_": "telltale.objectives.captioning.Captioning",
        "epochs": epochs,
        "batch_size": 16,
        "learning_rate": 0.002,
    }
    return Recipe(model, objective, TrainerOptions(accelerator="cpu"))
