"""What is settled once a recipe and store, before private training begins: the gradient mode, and a self-test."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src.errors import InputError
from src.training.batches import LabelledBatch
from src.training.private.modes import MODES, STACKABLE, fastest, inexactness
from src.training.private.privacy import Plan
from src.training.private.self_test import Start, require_private
from src.training.private.training import PrivateTraining
from src.training.store import Store

log = logging.getLogger("telltale")


def start_of(objective: Any, batch: LabelledBatch) -> Start:
    """Return what starts a copy of an objective, for the self-test."""

    def start(plan: Plan) -> tuple[Any, torch.optim.Optimizer, Any]:
        copied = copy.deepcopy(objective).to(batch.labels.device)
        copied.weight_decay = 0.0
        copied.private.begin(copied.train(), plan, seed=0)
        return copied, copied.optimizer_over([one for one in copied.parameters() if one.requires_grad]), batch

    return start


def settle(objective: Any, dataset: Any, store: Store, document: Mapping[str, Any], device: str) -> None:
    """Settle the gradient mode of one model on its own records, and test that its training is private."""
    number = min(objective.batch_size, len(dataset.fingerprints))
    batch = dataset[0, np.arange(number)].to(device)
    settle_mode(objective, batch, store, document)
    plan = objective.private.options.plan(len(dataset.fingerprints), objective.batch_size, objective.epochs)
    test_once(store, {"recipe": document}, start_of(objective, batch), plan)


def settle_mode(
    objective: Any, batch: LabelledBatch, store: Store, document: Mapping[str, Any], together: bool = False
) -> None:
    """Choose the gradient mode of an objective, by a probe where the recipe says auto; the store keeps the choice.

    document: of the recipe; together: for a fleet. Raises InputError for a mode that is not exact for this model.
    """
    private: PrivateTraining = objective.private

    def choose(entry: Path, _: Path) -> None:
        (entry / "mode.json").write_text(json.dumps(_chosen(objective, batch, together)))

    folder, _ = store.find_or_make("gradient_mode", {"recipe": document, "together": together}, choose)
    private.use(json.loads((folder / "mode.json").read_text()))


def _chosen(objective: Any, batch: LabelledBatch, together: bool) -> str:
    options = objective.private.options
    if options.mode != "auto":
        if why := inexactness(options.mode, objective, batch):
            raise InputError("defense.mode", options.mode, f"auto, or another mode: {why}")
        return str(options.mode)
    seconds = fastest(objective, batch, options.clip or 1.0, STACKABLE if together else tuple(MODES))
    best, *others = seconds
    beaten = ", ".join(f"{seconds[name] / seconds[best]:.1f} times faster than {name}" for name in others)
    log.info(f"dp_sgd: gradients by {best}, exact for this model{f' and {beaten}' if beaten else ''}, by a probe")
    return best


def test_once(store: Store, document: Mapping[str, Any], start: Start, plan: Plan) -> None:
    """Hold private training to its self-test, once a recipe and store. Raises NotPrivateError."""

    def test(entry: Path, _: Path) -> None:
        require_private(start, plan)
        log.info("dp_sgd: self-test passed: clip 0 freezes the weights, noise of the right size reaches the gradient")
        (entry / "passed.json").write_text(json.dumps({"sigma": plan.sigma, "clip": plan.clip}))

    store.find_or_make("private_self_test", document, test)
