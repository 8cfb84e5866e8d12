"""What the page of a sweep shows: curves over swept numbers, and a table whose jobs lead to theirs."""

from __future__ import annotations

import json
from pathlib import Path

from telltale.sweeps.curves import Measured, curves_of, drawn
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.page import write_page
from telltale.sweeps.states import FINISHED
from telltale.sweeps.summary import write_summary
from tests.sweeps.worlds import results

METRIC = {"auc": {"value": 0.7, "low": 0.6, "high": None}, "tpr": {"value": None, "low": None, "high": None}}


def measured(*words: str, auc: float = 0.7) -> Measured:
    return Measured.of(words, {**METRIC, "auc": {**METRIC["auc"], "value": auc}}, ["auc", "tpr", "f1"])


def test_a_swept_number_has_a_line_for_each_setting_of_the_others() -> None:
    """Catches a line through jobs that differ in another option, points out of order, and words taken for numbers."""
    jobs = [
        measured(f"defense={d}", f"epsilon={e}", auc=auc)
        for d, e, auc in [("a", 10, 0.9), ("a", 2, 0.6), ("b", 2, 0.5)]
    ]
    (curve,) = curves_of(jobs)
    assert (curve.option, curve.metric, curve.seeds) == ("epsilon", "auc", 1)
    assert curve.lines == {
        "defense=a": [(2.0, 0.6, 0.6, 0.6), (10.0, 0.9, 0.6, 0.9)],
        "defense=b": [(2.0, 0.5, 0.6, 0.5)],
    }
    assert drawn(curve).startswith(b"\x89PNG")


def test_seeds_are_one_point_with_their_interval() -> None:
    """Catches a curve over seeds, and an interval that is one run's."""
    jobs = [measured(f"k={k}", f"seed={seed}", auc=0.5 + seed / 10) for k in (1, 2) for seed in (0, 1, 2)]
    (curve,) = curves_of(jobs)
    x, value, low, high = next(iter(curve.lines.values()))[0]
    assert (curve.option, curve.seeds, x) == ("k", 3, 1.0)
    assert [round(end, 3) for end in (value, low, high)] == [0.6, 0.352, 0.848]  # 0.6 ± 4.303 × 0.1 / √3


def test_equal_jobs_are_one_seed() -> None:
    """Catches an interval of no width over the same bits twice, and a single run's own beside those over seeds."""
    equal = [measured(f"k={k}", "seed=0", f"attack={a}", auc=0.5) for k in (1, 2) for a in ("a", "a")]
    (curve,) = curves_of(equal)
    assert curve.seeds == 1 and curve.lines == {"": [(1.0, 0.5, 0.6, 0.5), (2.0, 0.5, 0.6, 0.5)]}
    (curve,) = curves_of([*equal, measured("k=2", "seed=1", "attack=a", auc=0.7)])
    single, (_, value, low, high) = next(iter(curve.lines.values()))
    assert curve.seeds == 2 and single == (1.0, 0.5, 0.5, 0.5)
    assert [round(end, 2) for end in (value, low, high)] == [0.6, -0.67, 1.87]  # 0.6 ± 12.706 × 0.1414 / √2


def test_a_metrics_file_that_cannot_be_read_is_one_row(tmp_path: Path) -> None:
    """Catches a page, a table and its other jobs lost by one damaged file, and one that does not say whose."""
    ledger = Ledger(tmp_path / "night")
    ledger.begin([(f"k={k}",) for k in range(4)])
    for number, text in enumerate(['{"metrics": {"auc": {}}}', "{", "[]", '{"metrics": {}}']):
        with ledger.job(number, (f"k={number}",), ledger.folder / str(number)):
            results(ledger.folder / str(number))
            run = json.loads((ledger.folder / str(number) / "run.json").read_text()) | {"overrides": [], "words": {}}
            (ledger.folder / str(number) / "run.json").write_text(json.dumps(run))
            (ledger.folder / str(number) / "metrics.json").write_text(text)
    rows = write_summary(ledger.folder)
    assert [row["status"] for row in rows] == [FINISHED] * 4
    assert ["error" in row for row in rows] == [True, True, True, False]
    write_page(ledger.folder, rows, "night")
    assert "2/metrics.json cannot be read" in (ledger.folder / "sweep.html").read_text()


def test_nothing_is_drawn_where_nothing_is_a_number() -> None:
    """Catches a figure of one point, and one of words."""
    assert not curves_of([measured("attack=a"), measured("attack=b")])
    assert not curves_of([measured("k=1", "attack=a"), measured("k=2", "attack=b")])
