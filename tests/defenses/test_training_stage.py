"""Label smoothing, weight decay and RelaxLoss do what their formulas say, alone and in a fleet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from telltale.defenses.label_smoothing import LabelSmoothing
from telltale.defenses.relaxloss import RelaxLoss, flattening
from telltale.defenses.weight_decay import WeightDecay
from telltale.errors import InputError
from telltale.owner.defense import Defense
from telltale.owner.executor import Local
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.fleet import Fleet
from tests.defenses.recipes import RECORDS, alone, fleet, logits, recipe_of
from tests.training.small import molecules, objective_of, recipe_in, rows

DEFENSES = [LabelSmoothing(0.3), WeightDecay(0.1), RelaxLoss(1.0, 0.5)]
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def relaxed(defense: RelaxLoss, epoch: int, values: torch.Tensor = LOGITS) -> torch.Tensor:
    objective = SimpleNamespace(current_epoch=epoch, logits=values)
    batch = LabelledBatch(torch.zeros(len(values), 1), LABELS[: len(values)], LABELS)
    return defense.loss(objective, batch, cross_entropy(values, LABELS[: len(values)]))


@pytest.mark.parametrize("alpha", [0.1, 5.0])
def test_relaxloss_in_even_epochs_is_the_distance_to_alpha(alpha: float) -> None:
    """Catches a loss that is only ever lowered, and alternation that begins with the other epoch."""
    plain = cross_entropy(LOGITS, LABELS)
    for epoch in (0, 2):
        assert relaxed(RelaxLoss(alpha), epoch).item() == pytest.approx(abs(plain.item() - alpha))
    assert relaxed(RelaxLoss(0.1), 1).item() == pytest.approx(plain.item())


def test_relaxloss_below_alpha_flattens_as_the_formula_says() -> None:
    """Catches targets that are not distributions, and a cap on the wrong probability; worked out by hand."""
    p = np.exp(LOGITS.numpy()) / np.exp(LOGITS.numpy()).sum(1, keepdims=True)
    expected = []
    for row, label in zip(p, LABELS, strict=True):
        own = min(row[label], 0.3)
        expected.append(-sum((own if c == label else (1 - own) / 2) * np.log(row[c]) for c in range(3)))
    np.testing.assert_allclose(flattening(LOGITS, LABELS, 0.3).numpy(), expected, rtol=1e-12)
    assert relaxed(RelaxLoss(5.0, 0.3), 1).item() == pytest.approx(np.mean(expected))


def test_flattening_leaves_the_true_class_alone_below_the_cap_and_evens_out_the_others() -> None:
    """Catches a gradient through the soft labels: with a target t it is p - t in the logits."""
    values = LOGITS.clone().requires_grad_()
    flattening(values, LABELS, 1.0).sum().backward()
    p = torch.softmax(LOGITS, 1)
    assert values.grad is not None
    assert values.grad[[0, 1], LABELS].abs().max() < 1e-12
    rest = (1 - p[0, 0]) / 2
    np.testing.assert_allclose(values.grad[0, 1:], p[0, 1:] - rest, atol=1e-12)


@pytest.mark.parametrize("way", ["stacked", "one_by_one"])
@pytest.mark.parametrize("defense", DEFENSES, ids=lambda one: type(one).__name__)
def test_a_fleet_equals_its_single_runs(defense: Defense, way: str, tmp_path: Path) -> None:
    """Catches one branch for all models, and a skeleton without the option."""
    together = fleet(recipe_of(tmp_path / "fleet", defense, epochs=8).replace(executor=Local(way=way)))
    single = recipe_of(tmp_path / "single", defense, epochs=8)
    for model, release in enumerate(together):
        np.testing.assert_allclose(logits(release), logits(alone(single, model)), rtol=0, atol=1e-4)


def test_models_of_a_fleet_take_branches_of_their_own(tmp_path: Path) -> None:
    """Catches a branch taken by the mean over models: one model is above alpha, the other below."""
    recipe = recipe_of(tmp_path, RelaxLoss(1.0))
    objectives = [initial_objective(recipe.model, recipe.objective, seed) for seed in (0, 1)]
    with torch.no_grad():
        objectives[1].model.head.bias[3] += 50  # sure of class 3
    for one in objectives:
        one.loss_code = recipe.defenses
    data = FleetData(
        torch.zeros(4, *RECORDS.shape), torch.full((4,), 3), RECORDS.fingerprints()[:4], np.zeros((2, 4), int), (0, 1)
    )
    together = Fleet(objectives, data)
    together.at_epoch(1)
    inputs = data.inputs.expand(2, *data.inputs.shape)
    high, low = together.losses(inputs, data.labels.expand(2, 4), torch.zeros(2, 4, dtype=torch.int64))
    plain = [cross_entropy(one.model(data.inputs), data.labels) for one in objectives]
    assert plain[0] > 1 > plain[1] and torch.allclose(high, plain[0])
    assert torch.allclose(low, flattening(objectives[1].model(data.inputs), data.labels, 1.0).mean())


def test_relaxloss_ends_near_the_loss_aimed_at(tmp_path: Path) -> None:
    """Catches a defence that is written into the key but never reaches the loss."""
    training = {}
    for alpha in (0.0, 1.0):
        release = alone(recipe_of(tmp_path, RelaxLoss(alpha), epochs=40, learning_rate=0.1))
        trained = np.random.default_rng(0).permutation(400) < 90
        own = logits(release)[trained, RECORDS.labels[trained]]
        training[alpha] = -own.mean()
    assert training[0.0] < 0.1 and 0.6 < training[1.0] < 1.4


def test_smoothing_lowers_confidence_and_decay_shrinks_weights(tmp_path: Path) -> None:
    """Catches options that are set after the optimiser or the loss has read them."""
    plain, smooth, decayed = (
        alone(recipe_of(tmp_path, *defenses, epochs=30)) for defenses in ((), DEFENSES[:1], DEFENSES[1:2])
    )
    assert smooth.probabilities(RECORDS).max(1).mean() < plain.probabilities(RECORDS).max(1).mean() - 0.1
    size = [sum(np.square(one).sum() for one in release.weights().values()) for release in (plain, decayed)]
    assert size[1] < 0.8 * size[0]


def test_smoothing_equals_cross_entropy_to_smoothed_targets(tmp_path: Path) -> None:
    """Catches alpha shared among the other classes only: the true class gets alpha / K too."""
    recipe = recipe_of(tmp_path)
    objective = initial_objective(recipe.model, recipe.objective, 0)
    LabelSmoothing(0.3).prepare(objective)
    inputs, labels = torch.rand(6, *RECORDS.shape), torch.arange(6)
    loss = objective(LabelledBatch(inputs, labels, labels))
    targets = 0.7 * torch.nn.functional.one_hot(labels, 10) + 0.03
    assert torch.allclose(loss, -(targets * objective.model(inputs).log_softmax(1)).sum(1).mean())


@pytest.mark.parametrize("defense", [LabelSmoothing(), RelaxLoss()], ids=lambda one: type(one).__name__)
def test_objectives_without_classes_are_refused_in_one_line(defense: Defense, tmp_path: Path) -> None:
    """Catches a defence that does nothing, and an AttributeError in the first step."""
    records = molecules(10)
    with pytest.raises(InputError, match=r"^defense=\w+: .*needs objective=classification$"):
        recipe_in(tmp_path, objective=objective_of(), defenses=(defense,)).train(records, rows(records), 0)
