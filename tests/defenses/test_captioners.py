"""Defences on captioners: each trains and answers unchanged, or says in one line why it cannot be."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from telltale.defenses.augmentation import Augmentation
from telltale.defenses.dp_sgd import DPSGD
from telltale.defenses.early_stopping import EarlyStopping
from telltale.defenses.label_smoothing import LabelSmoothing
from telltale.defenses.relaxloss import RelaxLoss
from telltale.defenses.weight_decay import WeightDecay
from telltale.errors import InputError
from telltale.objectives.captioning import word_losses
from telltale.owner.guarantee import guarantee_of
from telltale.training.private import bookkeeping
from telltale.training.private.layer_rules import uses_of
from telltale.training.private.modes import inexactness, mode_of
from telltale.training.private.one_by_one import one_by_one
from telltale.training.private.problem import Problem
from telltale.training.private.vmapped import vmapped
from tests.training.captions import RECORDS, batch_of, built, close, model_of, recipe_of

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 12 for k in range(2)])
ALONE = model_of(norm="group")


@pytest.mark.parametrize(
    "defense",
    [EarlyStopping("own", 0.25), Augmentation(), WeightDecay(), LabelSmoothing()],
    ids=lambda one: type(one).__name__,
)
def test_a_defended_fleet_is_the_defended_captioners(defense: object, tmp_path: Path) -> None:
    """Catches a defence that a fleet of captioners does without, and one that changes nothing."""
    recipe = recipe_of(tmp_path / "fleet", defenses=[defense])
    together, plain = recipe.train_many(RECORDS, ROWS, [1, 2]), recipe_of(tmp_path / "plain")
    single = recipe_of(tmp_path / "alone", defenses=[defense]).train(RECORDS, np.flatnonzero(ROWS[0]), 1)
    undefended = plain.train(RECORDS, np.flatnonzero(ROWS[0]), 1)
    assert close(together[0].weights(), single.weights(), 1e-4)
    assert not close(undefended.weights(), single.weights(), 1e-4)


def test_label_smoothing_is_that_of_each_word() -> None:
    """Catches smoothing over padding, and a target that is not (1 - α) one-hot + α / words."""
    logits, rows = torch.randn(1, 1, 4, 6), torch.tensor([[[1, 4, 2, 0]]])
    losses, told = word_losses(logits, rows, 0.3)
    logs = logits.log_softmax(-1)[0, 0]
    expected = [-0.7 * logs[place, word] - 0.3 * logs[place].mean() for place, word in ((0, 4), (1, 2))]
    assert told.tolist() == [[[True, True, False]]]
    assert torch.allclose(losses, torch.stack([*expected, torch.zeros(())])[None, None])


@pytest.mark.parametrize("encoder", ["residual", "vgg"])
def test_private_gradients_of_pictures_are_those_of_a_loop(encoder: str) -> None:
    """Catches captions of one picture clipped apart, and a memory shared between pictures under vmap."""
    objective = built(model_of(norm="group", encoder=encoder)).double()
    batch = batch_of(objective)
    batch = type(batch)(batch.inputs.double()[:6], batch.labels[:6], batch.keys[:6])
    problem = Problem(objective)
    found, expected = (mode(problem, problem.state(), batch, 0.5) for mode in (vmapped, one_by_one))
    assert all(torch.allclose(found.sums[name], one, atol=1e-9) for name, one in expected.sums.items())
    whole = torch.autograd.grad(objective.record_losses(batch).sum(), list(objective.parameters()))
    unclipped = one_by_one(problem, problem.state(), batch, 1e9).sums.values()
    assert all(torch.allclose(one, other, atol=1e-9) for one, other in zip(unclipped, whole, strict=True))


def test_words_used_again_and_again_are_counted_each_time() -> None:
    """Catches a mode that counts only the last word's gradient of a layer that is used at each word."""
    objective = built(ALONE)
    assert inexactness("bookkeeping", objective, batch_of(objective)) == ""
    DPSGD(epsilon=8.0).prepare(objective)
    assert mode_of(objective) == "bookkeeping"
    assert inexactness("vmap", objective, batch_of(objective)) == ""

    def last(layer: object, inputs: list, gradients: list, records: int) -> list:
        return uses_of(layer, inputs[-1:], gradients[-1:], records)

    with mock.patch.object(bookkeeping, "uses_of", last):
        assert "is not that of one record at a time" in inexactness("bookkeeping", built(ALONE), batch_of(objective))


def test_private_captioners_state_their_unit(tmp_path: Path) -> None:
    """Catches an ε that is said to be of a caption, where pictures are clipped, and a fleet without noise."""
    recipe = recipe_of(tmp_path, ALONE, [DPSGD(epsilon=8.0, mode="vmap")])
    releases = recipe.train_many(RECORDS, ROWS, [1, 2])
    proof = guarantee_of(recipe.recipe, recipe.store, releases, RECORDS.kind)
    assert proof is not None and 7 < proof["epsilon"] <= 8
    assert proof["unit"] == "one picture with all its captions added or removed"
    single = recipe_of(tmp_path / "alone", ALONE, [DPSGD(epsilon=8.0, mode="vmap")])
    assert close(releases[0].weights(), single.train(RECORDS, np.flatnonzero(ROWS[0]), 1).weights(), 1e-4)


@pytest.mark.parametrize(
    ("defense", "model", "options", "told"),
    [
        (RelaxLoss(), model_of(), {}, "relaxes a loss on classes"),
        (DPSGD(), model_of(), {}, "set model.norm=group"),
        (DPSGD(), ALONE, {"contrastive_epochs": 1}, "a loss of each record alone"),
    ],
)
def test_what_cannot_be_is_refused(defense: object, model: dict, options: dict, told: str, tmp_path: Path) -> None:
    """Catches a traceback, or a defence that protects nothing."""
    with pytest.raises(InputError, match=told):
        recipe_of(tmp_path, model, [defense], **options).check()
