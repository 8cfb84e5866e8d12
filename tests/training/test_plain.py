"""The loop alone is Lightning's trainer: the same weights, curve and checkpoints, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from telltale.training import fit as fitting
from telltale.training.checkpoints import epoch_of
from telltale.training.plain import is_plain
from telltale.training.trainer import TrainerOptions
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
