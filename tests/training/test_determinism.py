"""Equal seeds and equal sets of records give equal weights, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.small import MODELS, OBJECTIVES, fitted, model_of, molecules, objective_of, recipe_in, rows, same

RECORDS = molecules(20)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_equal_seeds_give_equal_weights_and_others_do_not(objective: str, model: str, tmp_path: Path) -> None:
    """Catches anything drawn from a running generator, and sums in an order that threads decide."""
    weights = []
    for place, seed in enumerate((0, 0, 1)):
        torch.rand(place)  # what came before must not matter
        one = fitted(RECORDS, tmp_path / str(place), objective_of(objective), model_of(model), seed=seed)
        weights.append(one.state_dict())
    assert same(weights[0], weights[1]) and not same(weights[0], weights[2])


@pytest.mark.parametrize(
    "objective",
    [name if name == "edge_prediction" else pytest.param(name, marks=pytest.mark.slow) for name in OBJECTIVES],
)
def test_threads_do_not_decide_the_order_of_sums(objective: str, tmp_path: Path) -> None:
    """Catches gradients of look-ups that threads add up as they come, which shows in batches of some size only."""
    torch.set_num_threads(2)
    try:
        many, settings = molecules(150), objective_of(objective, epochs=1, batch_size=75)
        weights = [fitted(many, tmp_path / str(place), settings, model_of(width=64)).state_dict() for place in range(2)]
    finally:
        torch.set_num_threads(1)
    assert same(*weights)


def test_dropout_is_drawn_from_the_seed_too(tmp_path: Path) -> None:
    """Catches dropout masks from the global generator: the same command would give another model."""
    weights = []
    for place in range(2):
        torch.rand(place)
        one = fitted(RECORDS, tmp_path / str(place), objective_of(), model_of(dropout=0.5))
        weights.append(one.state_dict())
    assert same(*weights)


def test_training_leaves_the_generator_of_others_alone(tmp_path: Path) -> None:
    """Catches a fit that reseeds torch for whoever draws next, an attack for example."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    recipe_in(tmp_path).train(RECORDS, rows(RECORDS), 0)
    assert torch.equal(torch.rand(3), expected)


def test_the_order_in_which_records_are_given_changes_nothing(tmp_path: Path) -> None:
    """Catches a member that can be told by its place: a set has no order."""
    order = np.random.default_rng(0).permutation(len(RECORDS))
    one = recipe_in(tmp_path / "one").train(RECORDS, rows(RECORDS), 0)
    other = recipe_in(tmp_path / "other").train(RECORDS.take(order), rows(RECORDS), 0)
    assert one.key == other.key
    assert all(np.array_equal(value, other.weights()[name]) for name, value in one.weights().items())


def test_train_many_gives_each_row_the_model_it_would_have_had_alone(tmp_path: Path) -> None:
    """Catches seeds or rows that slip by one model."""
    members = np.random.default_rng(0).random((3, len(RECORDS))) < 0.5
    many = recipe_in(tmp_path).train_many(RECORDS, members, [4, 5, 6])
    alone = recipe_in(tmp_path).train(RECORDS, np.flatnonzero(members[1]), 5)
    assert len({release.key for release in many}) == 3 and many[1].key == alone.key
