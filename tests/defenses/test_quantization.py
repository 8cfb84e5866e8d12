"""Quantized releases: one set of trained weights for all bit-widths, few levels, and fine-tuning that keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from telltale.defenses.fine_tuning import FineTuning
from telltale.defenses.quantization.codebook import Codebook
from telltale.defenses.quantization.fine_tuning import FineTunedQuantization, Levels
from telltale.defenses.quantization.post_training import Quantization
from telltale.defenses.quantization.pruning import DeepCompression, MagnitudePruning, largest
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


def test_the_smallest_weights_are_cut_and_stay_cut_while_the_others_learn(tmp_path: Path) -> None:
    """Catches the largest cut, a cut over all layers at once, and weights that come back."""
    name = "backbone.layers.0.weight"
    plain, cut, tuned = (
        alone(recipe_of(tmp_path, *defenses)).weights()[name]
        for defenses in ((), (MagnitudePruning(0.75, epochs=0),), (MagnitudePruning(0.75, epochs=3),))
    )
    left = cut != 0
    assert left.mean() == 0.25 and np.array_equal(cut[left], plain[left])
    assert np.abs(plain[left]).min() >= np.abs(plain[~left]).max()
    assert np.array_equal(tuned != 0, left) and not np.array_equal(tuned, cut)


def test_at_least_one_weight_of_a_matrix_is_left() -> None:
    """Catches a layer that answers nothing."""
    objective = type("Objective", (), {"model": nn.Linear(3, 1, bias=False)})()
    assert largest(objective, 0.99)["weight"].sum() == 1


def test_weights_left_by_pruning_share_levels_and_the_others_stay_zero(tmp_path: Path) -> None:
    """Catches sharing before pruning, levels spent on zero, and a second training that begins with the first's end."""
    name = "backbone.layers.0.weight"
    pruned, shared = (
        alone(recipe_of(tmp_path, defense)).weights()[name]
        for defense in (MagnitudePruning(0.75, epochs=2), DeepCompression(0.75, epochs=2, bits=3))
    )
    assert np.array_equal(shared != 0, pruned != 0)
    assert 2 < len(np.unique(shared[shared != 0])) <= 8  # evenly spaced levels between the two signs serve nobody
    apart = [np.ptp(pruned[shared == level]) for level in np.unique(shared[shared != 0])]
    assert max(apart) < np.ptp(pruned[pruned != 0]) / 2  # neighbours share


def test_fine_tuning_alone_trains_every_weight(tmp_path: Path) -> None:
    """Catches levels where nothing was to be compressed, and training that does nothing."""
    plain, tuned = (alone(recipe_of(tmp_path, *d)).weights() for d in ((), (FineTuning(epochs=2),)))
    assert all(not np.array_equal(plain[name], tuned[name]) for name in plain)
    assert levels_of(alone(recipe_of(tmp_path, FineTuning(epochs=2)))) == levels_of(alone(recipe_of(tmp_path)))


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
