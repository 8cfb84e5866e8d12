"""Fine-tuning of language models: what is trained, and from where it starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.errors import InputError
from telltale.models.low_rank import LowRank
from telltale.owner.preparation import initial_objective
from telltale.owner.recipe import Recipe
from telltale.training.fleet import sizing
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.turns import ModuleFleet
from tests.owned import Owned
from tests.training.small import CPU
from tests.training.texts import CONTEXT, RECORDS, model_of, objective_of, recipe_in, texts_of

OTHERS = texts_of(40, seed=9)
POOL = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 20 for k in range(2)])


def transfer_of(**options: Any) -> dict[str, Any]:
    common = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "optimizer": "adam", "classes": 4}
    return {"_target_": "telltale.objectives.transfer.Transfer", **common, **options}


def recipe_of(store: Path, **options: Any) -> Owned:
    first = Recipe(model_of(), objective_of(), CPU)
    return recipe_in(store, objective=transfer_of(**options), start=first, finetune=OTHERS, finetune_share=0.5)


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    """Name the pre-trained weights that fine-tuning has changed."""
    plain = {name.replace(".frozen.", "."): value for name, value in after.items()}
    return {name for name, value in before.items() if not np.array_equal(value, plain[name])}


@pytest.mark.parametrize("tune", ["head", "last_k", "all", "lora"])
def test_what_is_tuned_is_what_changes(tmp_path: Path, tune: str) -> None:
    """Catches weights of pre-training that are drawn anew, or that a part of the model loses."""
    recipe = recipe_of(tmp_path, tune=tune)
    assert recipe.recipe.start is not None
    starts = recipe.owner.train_many(recipe.recipe.start, RECORDS, POOL, [0, 1])
    releases = recipe.train_many(RECORDS, POOL, [0, 1])
    for start, release in zip(starts, releases, strict=True):
        before, after = start.weights(), release.weights()
        last = {name for name in before if name.startswith(("backbone.layers.1.", "backbone.norm."))}
        expected: dict[str, Iterable[str]] = {"head": (), "lora": (), "last_k": last, "all": before}
        assert changed(before, after) == set(expected[tune])
        assert release.probabilities(OTHERS).shape == (len(OTHERS), 4)
        assert any(name.endswith("up.weight") and value.any() for name, value in after.items()) == (tune == "lora")


@pytest.mark.parametrize("adapted", ["all", "attention", "network"])
def test_low_rank_updates_begin_at_the_pre_trained_model(adapted: str) -> None:
    """Catches updates that are not 0 at first, are of other layers, or train the layers themselves."""
    start: Any = initial_objective(model_of(), objective_of(), 3)
    weights = {name: value.numpy() for name, value in start.model.state_dict().items()}
    objective: Any = initial_objective(model_of(), transfer_of(tune="lora", adapted=adapted, rank=2), 4, weights)
    tokens = torch.from_numpy(RECORDS.tokens)
    assert torch.equal(objective.model.embed(tokens), start.model.embed(tokens))
    trained = {name for name, weight in objective.named_parameters() if weight.requires_grad}
    assert all(name.startswith("model.head.") or ".down." in name or ".up." in name for name in trained)
    updated = [name for name, part in objective.named_modules() if isinstance(part, LowRank)]
    assert len(updated) == {"all": 8, "attention": 4, "network": 4}[adapted]
    layer = objective.get_submodule(updated[0])
    with torch.no_grad():
        layer.up.weight.normal_()
    inputs = torch.randn(3, layer.frozen.in_features)
    merged = layer.frozen.weight + layer.scale * layer.up.weight @ layer.down.weight
    expected = inputs @ merged.T + (0 if layer.frozen.bias is None else layer.frozen.bias)
    assert torch.allclose(layer(inputs), expected, atol=1e-5)


def test_features_are_computed_once_where_the_head_alone_is_trained() -> None:
    """Catches a frozen model that drops some in every epoch, and a head that is not the one released."""
    objective: Any = initial_objective(model_of(), transfer_of(), 0)
    assert objective.features_are_fixed and objective.stackable
    assert objective.on_features().model.head is objective.model.head
    for tune in ("lora", "last_k", "all"):
        assert not initial_objective(model_of(), transfer_of(tune=tune), 0).features_are_fixed
    dropping: Any = initial_objective(model_of(dropout=0.5), transfer_of(), 0)
    dropping.train()
    tokens = torch.from_numpy(OTHERS.tokens)
    assert dropping.features_are_fixed and torch.equal(dropping.model(tokens), dropping.model(tokens))
    start = Recipe(model_of(dropout=0.5), objective_of(), CPU)
    assert start.way(4) == "alone"  # and a head on it, for all of its features are there
    assert Recipe(model_of(dropout=0.5), transfer_of(), CPU, start=start, finetune_share=0.5).way(4) == "stacked"
    tuned: Any = initial_objective(model_of(dropout=0.5), transfer_of(tune="all"), 0)
    tuned.train()
    assert not torch.equal(tuned.model(tokens), tuned.model(tokens))


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_frozen_blocks_are_computed_once_and_train_the_same(pooling: str) -> None:
    """Catches records that get the states of others, and blocks that are trained though they are not computed again."""
    options = {"layers": 3, "pooling": pooling}
    rows, trained = np.array([7, 3, 30, 12, 21, 5, 16, 9, 38, 2]), []
    tokens, labels = torch.from_numpy(OTHERS.tokens), torch.from_numpy(OTHERS.labels)
    for once in (True, False):
        objective: Any = initial_objective(model_of(**options), transfer_of(tune="last_k", batch_size=4), 0)
        fleet = ModuleFleet([objective], FleetData(tokens, labels, OTHERS.fingerprints(), rows[None], (0,)))
        if not once:
            fleet.begun[0] = None
        for epoch in range(2):
            fleet.epoch(0, epoch, None)
        assert (fleet.begun[0] is not None) == once
        trained.append(fleet.state_of(0))
    for name, weight in trained[0].items():
        assert torch.allclose(weight, trained[1][name], atol=1e-5), name


def test_states_that_memory_does_not_hold_are_computed_in_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a fine-tuning on many texts that fills the memory with what can be computed anew."""
    objective: Any = initial_objective(model_of(), transfer_of(tune="last_k", batch_size=4), 0)
    tokens, labels = torch.from_numpy(OTHERS.tokens), torch.from_numpy(OTHERS.labels)
    data = FleetData(tokens, labels, OTHERS.fingerprints(), np.arange(10)[None], (0,))
    kept = 10 * CONTEXT * 16 * 4
    for budget, holds in ((kept, True), (kept - 1, False)):
        monkeypatch.setattr(sizing, "CPU_BUDGET", budget)
        fleet = ModuleFleet([objective], data)
        fleet.epoch(0, 0, None)
        assert (fleet.begun[0] is not None) == holds


def test_what_changes_with_training_is_computed_in_every_epoch() -> None:
    """Catches fixed states where weights, dropout or the choice of blocks make them others."""
    inputs = torch.from_numpy(OTHERS.tokens)
    for options, model in (
        ({"tune": "all"}, {}),
        ({"tune": "lora"}, {}),
        ({"tune": "last_k", "last_k": 2}, {}),
        ({"tune": "last_k"}, {"dropout": 0.1}),
    ):
        assert initial_objective(model_of(**model), transfer_of(**options), 0).begun(inputs) is None
    assert initial_objective(model_of(), transfer_of(tune="last_k"), 0).begun(inputs) is not None


def test_low_rank_updates_of_other_networks_are_refused() -> None:
    """Catches a fine-tuning that trains nothing but its head under the name of LoRA."""
    network = {"_target_": "telltale.models.mlp.MLP", "widths": [4], "shape": [3]}
    with pytest.raises(InputError, match="names no layers"):
        initial_objective(network, transfer_of(tune="lora"), 0)
    for options in ({"rank": 0}, {"alpha": 0.0}, {"adapted": "heads"}, {"tune": "prefix"}):
        with pytest.raises(InputError):
            initial_objective(model_of(), transfer_of(**options), 0)
