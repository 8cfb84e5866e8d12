"""Quantized releases: one set of trained weights for all bit-widths, few levels, and fine-tuning that keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from telltale.defenses.quantization.codebook import Codebook
from telltale.defenses.quantization.fine_tuning import FineTunedQuantization, Levels
from telltale.defenses.quantization.post_training import Quantization
from telltale.errors import InputError
from tests.defenses.recipes import RECORDS, alone, fleet, logits, recipe_of


def levels_of(release: object, name: str = "backbone.layers.0.weight") -> int:
    return len(np.unique(release.weights()[name]))  # type: ignore[attr-defined]


def test_all_bit_widths_share_the_trained_weights_and_nothing_they_answer(tmp_path: Path) -> None:
    """Catches a network trained anew for each bit-width, and answers of one width served for another."""
    plain = alone(recipe_of(tmp_path))
    two, eight = (alone(recipe_of(tmp_path, Quantization(bits))) for bits in (2, 8))
    assert plain.entry == two.entry == eight.entry and len({plain.key, two.key, eight.key}) == 3
    assert (levels_of(two), levels_of(plain)) == (4, 32 * 64) and levels_of(eight) <= 256
    assert np.abs(logits(two) - logits(plain)).mean() > 5 * np.abs(logits(eight) - logits(plain)).mean()


def test_biases_and_norms_keep_their_values(tmp_path: Path) -> None:
    """Catches a shift of every unit, which costs accuracy and saves no space."""
    plain, stored = alone(recipe_of(tmp_path)).weights(), alone(recipe_of(tmp_path, Quantization(2))).weights()
    assert all(np.array_equal(plain[name], stored[name]) for name in plain if plain[name].ndim < 2)


def test_fine_tuning_keeps_every_weights_level_and_lowers_the_loss(tmp_path: Path) -> None:
    """Catches weights that leave their level while training, and training that does nothing."""
    stored = alone(recipe_of(tmp_path, Quantization(2))).weights()["backbone.layers.0.weight"]
    tuned = alone(recipe_of(tmp_path, FineTunedQuantization(2))).weights()["backbone.layers.0.weight"]
    pairs = {(one, other) for one, other in zip(stored.ravel(), tuned.ravel(), strict=True)}
    assert len(pairs) == 4 and not np.array_equal(stored, tuned)


def test_fine_tuning_gives_accuracy_back(tmp_path: Path) -> None:
    """Catches a learning rate at which levels run away."""
    ways = {"after": FineTunedQuantization(2, epochs=40, learning_rate=0.01), "before": Quantization(2)}
    releases = {name: alone(recipe_of(tmp_path, defense, epochs=20)) for name, defense in ways.items()}
    right = {name: (release.labels(RECORDS) == RECORDS.labels).mean() for name, release in releases.items()}
    assert right["after"] > right["before"] + 0.05


def test_the_gradient_of_a_level_is_the_sum_over_its_weights() -> None:
    """Catches a mean, and places that are read in another order than they were written."""
    places = np.random.default_rng(0).integers(0, 4, 30).astype(np.uint8)
    looked_up = Levels([Codebook(np.arange(4, dtype=np.float32), places)], (5, 6))
    levels = torch.arange(4.0, requires_grad=True)
    weights = torch.randn(5, 6)
    (looked_up(levels) * weights).sum().backward()
    assert levels.grad is not None
    expected = [float(weights.flatten()[torch.from_numpy(places) == level].sum()) for level in range(4)]
    np.testing.assert_allclose(levels.grad, expected, rtol=1e-5)


def test_fleets_are_quantized_too(tmp_path: Path) -> None:
    """Catches victims of one way and shadows of another."""
    for defense in (Quantization(2), FineTunedQuantization(2, epochs=1)):
        together, one = fleet(recipe_of(tmp_path, defense)), alone(recipe_of(tmp_path, defense), 1)
        assert all(levels_of(release) == 4 for release in together)
        pairs = [(value, together[1].weights()[name]) for name, value in one.weights().items()]
        assert max(np.abs(mine - theirs).mean() for mine, theirs in pairs) < 1e-3  # a fleet rounds otherwise


@pytest.mark.parametrize("kind", [Quantization, FineTunedQuantization])
def test_a_network_without_matrices_is_refused(kind: type) -> None:
    """Catches a defence that says it did something."""
    objective = type("Objective", (), {"model": nn.BatchNorm1d(3)})()
    recipe = type("Recipe", (), {"initial": lambda self: objective})()
    with pytest.raises(InputError, match=r"^defense\.quantizer=kmeans: .*BatchNorm1d has none"):
        kind().check(recipe)
