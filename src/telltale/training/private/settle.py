"""What is tested once a recipe and store, before private training begins: exact gradients, and noise that arrives."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telltale.errors import InputError
from telltale.store.store import Store
from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective
from telltale.training.private.modes import MODES, inexactness
from telltale.training.private.privacy import Plan
from telltale.training.private.problem import with_labels
from telltale.training.private.self_test import Start, require_private

log = logging.getLogger("telltale")


def start_of(objective: Objective, batch: LabelledBatch) -> Start:
    """Return what starts a copy of an objective, for the self-test."""

    def start(plan: Plan) -> tuple[Any, torch.optim.Optimizer, Any]:
        copied = copy.deepcopy(objective).to(batch.labels.device)
        copied.weight_decay = 0.0
        copied.private.begin(copied.train(), plan, seed=0)
        trained = [parameter for parameter in copied.parameters() if parameter.requires_grad]
        return copied, copied.optimizer_over(trained), batch

    return start


def settle(objective: Objective, dataset: Any, store: Store, document: Mapping[str, Any], device: str) -> None:
    """Have one model compute gradients in the mode of its recipe, and test that its training is exact and private."""
    number = min(objective.batch_size, len(dataset.fingerprints))
    batch = with_labels(dataset[0, np.arange(number)].to(device))
    objective.private.use(document["gradient_mode"])
    plan = objective.private.options.plan(len(dataset.fingerprints), objective.batch_size, objective.epochs)
    test_once(store, document, objective, batch, start_of(objective, batch), plan)


def test_once(
    store: Store, document: Mapping[str, Any], objective: Objective, batch: LabelledBatch, start: Start, plan: Plan
) -> None:
    """Hold private training to its tests, once a recipe and store: exact gradients, and noise that reaches the weights.

    document: of the recipe, with its gradient mode. Raises InputError for a mode that is not exact for this model, and
    NotPrivateError.
    """
    mode = document["gradient_mode"]

    def test(entry: Path, _: Path) -> None:
        if why := inexactness(mode, objective, batch):
            chose = "" if objective.private.options.mode == mode else f" ({mode}, by its layers)"
            expected = f"another of {', '.join(MODES)}{chose}: {why}"
            raise InputError("defense.mode", objective.private.options.mode, expected)
        log.info(f"dp_sgd: gradients by {mode}, exact for this model")
        require_private(start, plan)
        log.info("dp_sgd: self-test passed: clip 0 freezes the weights, noise of the right size reaches the gradient")
        (entry / "passed.json").write_text(json.dumps({"sigma": plan.sigma, "clip": plan.clip}), encoding="utf-8")

    store.find_or_make("private_self_test", {"recipe": document}, test)
