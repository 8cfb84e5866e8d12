"""The loop alone is Lightning's trainer: the same weights, curve and checkpoints, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.defenses.dp_sgd import DPSGD
from telltale.owner.single import convolves
from telltale.training import fit as fitting
from telltale.training.batches import training_loader
from telltale.training.checkpoints import epoch_of
from telltale.training.plain import is_plain
from telltale.training.trainer import TrainerOptions
from tests.training.private.networks import PICTURES
from tests.training.private.networks import objective_of as objective_on_pictures
from tests.training.small import fitted, model_of, molecules, objective_of, same

RECORDS = molecules(20)
DROPPING = model_of(dropout=0.2)


def trained(folder: Path, plain: bool, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, torch.Tensor]:
    monkeypatch.setattr(fitting, "is_plain", lambda _: plain)
    return fitted(RECORDS, folder, objective_of("infograph", **options), DROPPING).state_dict()


def test_the_loop_alone_trains_what_lightning_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches another order, seed of a step or schedule, and a curve of other losses."""
    one, other = (trained(tmp_path / str(plain), plain, monkeypatch, epochs=3) for plain in (True, False))
    assert same(one, other)
    curves = [(tmp_path / str(plain) / "curve.csv").read_text() for plain in (True, False)]
    assert curves[0] == curves[1] and len(curves[0].splitlines()) == 3


def test_it_goes_on_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an optimiser, a schedule or a count of steps that begins again."""
    trained(tmp_path / "parts", True, monkeypatch, epochs=2)
    assert epoch_of(tmp_path / "parts" / "last.ckpt") == 2
    parts = trained(tmp_path / "parts", True, monkeypatch, epochs=4)
    assert same(parts, trained(tmp_path / "whole", True, monkeypatch, epochs=4))


def test_whatever_needs_lightning_has_it() -> None:
    """Catches half precision, a profiler or several processes that are asked for and left out."""
    assert is_plain(TrainerOptions("cpu"))
    other = ({"precision": "bf16-mixed"}, {"profiler": "simple"}, {"devices": 2, "strategy": "ddp"})
    assert not any(is_plain(TrainerOptions("cpu", **options)) for options in other)


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet"])
def test_pictures_are_laid_out_for_convolutions_and_for_nothing_else(model: str) -> None:
    """Catches other pictures, a loss that differs by more than rounding, and a layout that private fits misread."""
    objective = objective_on_pictures(model)
    assert convolves(objective) == (model != "mlp")
    served = [training_loader(PICTURES, 32, 0, PICTURES.labels, innermost) for innermost in (False, True)]
    first, last = (loader.dataset[0, np.arange(32)] for loader in served)
    assert torch.equal(first.inputs, last.inputs) and torch.equal(first.labels, last.labels)
    assert first.inputs.stride() == (64, 64, 8, 1) and last.inputs.stride() == (64, 1, 8, 1)
    assert objective(last).item() == pytest.approx(objective(first).item(), rel=1e-5)
    DPSGD(sigma=1.0, epsilon=None).prepare(objective)
    assert not convolves(objective)
