"""The page of costs: written from kept measurements, and of the sizes that conf/ has."""

from __future__ import annotations

import json

from scripts import scaling


def test_the_committed_page_is_what_the_measurements_give() -> None:
    """Catches a figure typed by hand, and a paper's size that has changed since."""
    kept = json.loads((scaling.ROOT / "docs" / "scaling.json").read_text("utf-8"))
    assert set(kept) == {unit.name for unit in scaling.UNITS}
    page = scaling.PAGE.read_text("utf-8").partition(scaling.BEGIN)[2].partition(scaling.END)[0].strip().splitlines()
    written = scaling.table({name: scaling.Measured(**values) for name, values in kept.items()}).splitlines()
    assert [line for line in page if line.startswith("|")] == [line for line in written if line.startswith("|")]


def test_a_paper_takes_its_models_records_and_epochs() -> None:
    """Catches a rate that is none: of a model in the place of a record and epoch."""
    one = scaling.Measured(seconds=3.6, stored=2e6, memory=2**30)
    text = scaling.table({unit.name: one for unit in scaling.UNITS})
    models, records, epochs = scaling._sizes("tmi")
    hours = models * records * epochs * 3.6 / scaling.UNITS[0].passes / 3600
    assert f"| TMI: its models, pre-trained | {models:,} × {records:,} × {epochs:,} | {hours:,.1f} |" in text
