"""DP-SGD's options are chosen on public records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import tune_dp_sgd
from telltale.data.images import fashion_mnist
from telltale.data.pools import deal
from telltale.owner.owner import Owner


@pytest.mark.slow
def test_only_public_records_are_trained_on_and_the_best_setting_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches options chosen on members, on records that were trained on, or by the worst setting."""
    pools: list[Any] = []
    train_many = Owner.train_many

    def watched(owner: Owner, recipe: Any, pool: Any, members: Any, seeds: Any, names: Any = ()) -> Any:
        pools.append(pool)
        assert (members.sum(1) == 250).all()
        return train_many(owner, recipe, pool, members, seeds, names)

    monkeypatch.setattr(Owner, "train_many", watched)
    for name, values in (("BATCHES", (250,)), ("EPOCHS", (2,)), ("RATES", (0.0001, 0.2)), ("CLIPS", (1.0,))):
        monkeypatch.setattr(tune_dp_sgd, name, values)
    assert tune_dp_sgd.main(["--store", str(tmp_path), "--seed", "7"]) == 0
    expected = deal(fashion_mnist.load().records, tune_dp_sgd.SIZES, 7).auxiliary.fingerprints()
    assert all(np.array_equal(pool.fingerprints(), expected) for pool in pools)
    assert capsys.readouterr().out.splitlines()[-1].startswith("best: batch_size 250, epochs 2, learning_rate 0.2")
