"""The step that closed forms stand on: what the data are, and what a linear model knows after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.data.closed_form import canaries, gaussian_mean
from telltale.errors import InputError
from telltale.models.linear import Linear
from telltale.objectives.classification import Classification
from tests.attacks.closed_form_worlds import HEAD_INIT, LEARNING_RATE, SCALE, canary_game, gaussian_game

HEAD, BIAS = "head.weight", "head.bias"


def test_a_zero_head_releases_the_mean_of_its_members(tmp_path: Path) -> None:
    """Catches a second step, momentum, weight decay, a loss that is a sum, and records of others in the batch."""
    game = gaussian_game(tmp_path, 4)
    members: tuple[Any, ...] = game.unseal().learned
    for release, records in zip(game._releases, members, strict=True):
        signs, weights = 2 * records.labels - 1, release.weights()
        difference, bias = weights[HEAD][1] - weights[HEAD][0], weights[BIAS][1] - weights[BIAS][0]
        mean = (signs[:, None] * records.features).mean(0)
        assert np.allclose(difference, LEARNING_RATE * mean, atol=1e-5 * LEARNING_RATE)
        assert bias == pytest.approx(LEARNING_RATE * signs.mean(), abs=1e-5 * LEARNING_RATE)


def test_a_canary_moves_its_own_coordinate_alone(tmp_path: Path) -> None:
    """Catches canaries that meet, and a head that starts from torch's default."""
    game = canary_game(tmp_path, 64)
    points, signs = game.pools.challenge, 2 * game.pools.challenge.labels - 1
    moved = np.stack([np.diff(release.weights()[HEAD], axis=0)[0] @ points.features.T for release in game._releases])
    logits, inside = signs * moved, game._members
    spread = np.sqrt(2) * HEAD_INIT * SCALE
    assert logits[~inside].std() == pytest.approx(spread, rel=0.03)
    step = LEARNING_RATE * SCALE**2 / game.pools.member_count
    assert logits[inside].mean() - logits[~inside].mean() == pytest.approx(step, rel=0.03)


def test_more_records_leave_the_first_ones_as_they_are() -> None:
    """Catches draws that depend on how many are asked for, and labels that are all of one class."""
    few, many = gaussian_mean.load(50, 3).records, gaussian_mean.load(80, 3).records
    assert np.array_equal(few.features, many.features[:50]) and np.array_equal(few.labels, many.labels[:50])
    assert 10 < few.labels.sum() < 40
    assert not np.array_equal(few.features, gaussian_mean.load(50, 3, seed=1).records.features)


@pytest.mark.parametrize(
    ("load", "options", "field"),
    [
        (gaussian_mean.load, {"records": 1, "dimensions": 3}, "dataset.records"),
        (gaussian_mean.load, {"records": 10, "dimensions": 0}, "dataset.dimensions"),
        (gaussian_mean.load, {"records": 10, "dimensions": 3, "seed": -1}, "dataset.seed"),
        (canaries.load, {"records": True, "scale": 1.0}, "dataset.records"),
        (canaries.load, {"records": 10, "scale": 0.0}, "dataset.scale"),
        (canaries.load, {"records": 10, "scale": float("inf")}, "dataset.scale"),
    ],
)
def test_options_out_of_range_are_refused(load: Any, options: dict[str, Any], field: str) -> None:
    """Catches a traceback out of numpy."""
    with pytest.raises(InputError) as refused:
        load(**options)
    assert refused.value.field == field


@pytest.mark.parametrize("head_init", [-0.1, float("nan"), float("inf"), "zeros", True])
def test_a_head_that_cannot_be_drawn_is_refused(head_init: object) -> None:
    """Catches weights of NaN."""
    with pytest.raises(InputError) as refused:
        initial(head_init)
    assert refused.value.field == "objective.head_init"


def test_a_head_has_the_deviation_asked_for_or_torchs_own() -> None:
    """Catches an option that is read and not applied, or applied where it was not asked for."""
    zeros, drawn, default = (initial(value).model.head for value in (0.0, 2.0, None))
    assert not zeros.weight.any() and not zeros.bias.any() and not drawn.bias.any()
    assert drawn.weight.std().item() == pytest.approx(2, rel=0.1)
    assert default.weight.abs().max().item() <= 1000**-0.5 and default.bias.any()


def initial(head_init: Any) -> Classification:
    return Classification(Linear((1000,)), 1, 1, 1.0, head_init=head_init, classes=2)
