"""Captioners with a transformer are trained alone as in a fleet, on a frozen trunk, and privately."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from telltale.defenses.dp_sgd import DPSGD
from telltale.owner.guarantee import guarantee_of
from telltale.training.private import layer_rules
from telltale.training.private.modes import MODES, STACKABLE, STACKED, inexactness, mode_of
from telltale.training.private.one_by_one import one_by_one
from telltale.training.private.problem import Problem
from tests.training.captions import RECORDS, batch_of, built, close, model_of, recipe_of
from tests.training.transformers_of_captions import transformer_of
from tests.training.trunks import frozen, weights_of

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 12 for k in range(2)])
SEEDS = [5, 6]
ALONE = transformer_of(norm="group")


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_fleet_gives_the_captioners_of_single_runs(norm: str, tmp_path: Path) -> None:
    """Catches words of one model in another's attention, and rows trimmed to one model's length."""
    model = transformer_of(norm=norm)
    together = recipe_of(tmp_path / "fleet", model).train_many(RECORDS, ROWS, SEEDS)
    alone = recipe_of(tmp_path / "alone", model)
    assert alone.recipe.stackable
    for one, row, seed in zip(together, ROWS, SEEDS, strict=True):
        single = alone.train(RECORDS, np.flatnonzero(row), seed)
        assert close(single.weights(), one.weights(), 1e-4)
        assert one.captions(RECORDS) == single.captions(RECORDS)


def test_a_fit_that_is_repeated_gives_the_same_weights(tmp_path: Path) -> None:
    """Catches attention that rounds otherwise from run to run."""
    first, second = (recipe_of(tmp_path / name, ALONE).train(RECORDS, np.arange(12), 3).weights() for name in "ab")
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_on_a_frozen_trunk_only_what_follows_it_is_trained(tmp_path: Path) -> None:
    """Catches a transformer that takes pictures where features are fed, and a fleet of them that differs."""
    model = transformer_of(**frozen(weights_of("resnet18", tmp_path)))
    fleet = recipe_of(tmp_path / "fleet", model).train_many(RECORDS, ROWS, SEEDS)
    single = recipe_of(tmp_path / "alone", model).train(RECORDS, np.flatnonzero(ROWS[1]), SEEDS[1])
    assert close(single.weights(), fleet[1].weights(), 1e-4)
    assert not any(name.startswith("encoder") for name in single.weights())
    assert single.weights()["head.weight"].shape == (24, 512)


@pytest.mark.parametrize("model", [ALONE, model_of(norm="group")], ids=["transformer", "lstm"])
@pytest.mark.parametrize("word_weight", [0.0, 1.0])
@pytest.mark.parametrize("mode", STACKABLE)
def test_private_gradients_of_pictures_are_those_of_a_loop(
    model: dict[str, Any], word_weight: float, mode: str
) -> None:
    """Catches captions of one picture clipped apart, steps of an LSTM or words in no order that are not counted."""
    objective = built(model, word_weight=word_weight).double()
    batch = batch_of(objective)
    batch = type(batch)(batch.inputs.double()[:6], batch.labels[:6], batch.keys[:6])
    problem = Problem(objective)
    expected = one_by_one(problem, problem.state(), batch, 0.5)
    for make in (MODES[mode], STACKED[mode]):  # of a model alone, and within a fleet
        found = make()(problem, problem.state(), batch, 0.5)
        assert all(torch.allclose(found.sums[name], one, atol=1e-9) for name, one in expected.sums.items())
    whole = torch.autograd.grad(objective.record_losses(batch).sum(), list(objective.parameters()))
    unclipped = one_by_one(problem, problem.state(), batch, 1e9).sums.values()
    assert all(torch.allclose(one, other, atol=1e-9) for one, other in zip(unclipped, whole, strict=True))


def test_bookkeeping_finds_out_captions_that_are_clipped_apart() -> None:
    """Catches a check for exactness that a wrong gathering of rows would pass: captions first, pictures after."""
    objective = built(model_of(norm="group"), word_weight=1.0)

    def wrongly(rows: torch.Tensor, records: int) -> torch.Tensor:
        return rows if len(rows) % records or len(rows) == records else rows.unflatten(0, (-1, records)).transpose(0, 1)

    assert not inexactness("bookkeeping", objective, batch_of(objective))
    with mock.patch.object(layer_rules, "_by_record", wrongly):
        assert inexactness("bookkeeping", objective, batch_of(objective))


def test_private_captioners_state_their_unit(tmp_path: Path) -> None:
    """Catches a mode that is chosen by itself and inexact here, and a private fleet that is not its single runs."""
    recipe = recipe_of(tmp_path, ALONE, [DPSGD(epsilon=8.0)])
    private = recipe.initial()
    assert mode_of(private) == "bookkeeping" and inexactness("bookkeeping", built(ALONE), batch_of(built(ALONE))) == ""
    releases = recipe.train_many(RECORDS, ROWS, SEEDS)
    proof = guarantee_of(recipe.recipe, recipe.store, releases, RECORDS.kind)
    assert proof is not None and 7 < proof["epsilon"] <= 8
    assert proof["unit"] == "one picture with all its captions added or removed"
    single = recipe_of(tmp_path / "alone", ALONE, [DPSGD(epsilon=8.0)]).train(RECORDS, np.flatnonzero(ROWS[0]), 5)
    assert close(releases[0].weights(), single.weights(), 1e-4)
