"""The page of costs: written from kept measurements, and of the sizes that conf/ has."""

from __future__ import annotations

import json

import pytest

from scripts import scaling


def test_the_committed_page_is_what_the_measurements_give() -> None:
    """Catches a figure typed by hand, and a paper's size that has changed since."""
    kept = json.loads((scaling.ROOT / "docs" / "scaling.json").read_text("utf-8"))
    assert set(kept) == {unit.name for unit in scaling.UNITS}
    page = scaling.PAGE.read_text("utf-8").partition(scaling.BEGIN)[2].partition(scaling.END)[0].strip().splitlines()
    written = scaling.table({name: scaling.Measured(**values) for name, values in kept.items()}).splitlines()
    assert [line for line in page if line.startswith("|")] == [line for line in written if line.startswith("|")]


def test_costs_of_epochs_and_of_models_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches what a model takes once counted again in every epoch: the papers' sizes have hundreds."""
    unit = scaling.Unit("made up", (), "victims", (8, 40), 500, (4, 16))

    def played(unit: scaling.Unit, count: int, epochs: int) -> scaling.Spent:
        return scaling.Spent(9 + count * (0.1 + 500 * epochs * 2e-5), 1000 + 3 * count, 7)

    monkeypatch.setattr(scaling, "played", played)
    found = scaling.measured(unit)
    assert (found.own, found.epoch, found.stored) == (pytest.approx(0.1), pytest.approx(2e-5), pytest.approx(3))
    assert found.seconds(10_000, 5_000, 100) == pytest.approx(10_000 * (0.1 + 10))


def test_a_cost_below_nothing_is_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches other work on the machine taken for a cheap model."""
    unit = scaling.Unit("made up", (), "victims", (8, 40), 500, (4, 16))
    monkeypatch.setattr(scaling, "played", lambda unit, count, epochs: scaling.Spent(99 - count + epochs, 0, 0))
    with pytest.raises(RuntimeError, match="measure when nothing else runs"):
        scaling.measured(unit)


def test_a_paper_takes_its_own_models_records_and_epochs() -> None:
    """Catches sizes of another scale, and seconds shown as hours."""
    one = scaling.Measured(own=1.0, epoch=1e-5, stored=2e6, memory=2**30, machine="here.")
    text = scaling.table({unit.name: one for unit in scaling.UNITS})
    models, records, epochs = scaling._sizes("tmi")
    hours = models * (1 + records * epochs * 1e-5) / 3600
    assert f"| TMI: its models, pre-trained | {models:,} × {records:,} × {epochs:,} | {hours:,.1f} |" in text
