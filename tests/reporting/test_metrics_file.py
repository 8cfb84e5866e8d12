from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from telltale.evaluation.comparison import PairedTest
from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.metrics_file import metrics_document, read_estimates, write_estimates, write_json
from telltale.reporting.outcome import Cost


def strict(path: Path) -> dict:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


UNDEFINED = ("value", "low", "high", "standard_error", "degrees")


def test_estimates_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """Catches a note, a degree of freedom or a limit that a paper's verdict would then not know of."""
    rng = np.random.default_rng(0)
    kept = {
        "target": {
            "auc": Estimate(0.6, rng.normal(0.6, 0.01, (3, 50)), 10, "a note", "p", 9.0, 5, (0, 1)),
            "count": Estimate.exact(3, 3),
            "undefined": Estimate(float("nan"), np.full(5, np.nan), 0),
        },
        "control": {"auc": Estimate(0.5, rng.normal(0.5, 0.01, (3, 50)), 10, plan="p", degrees=9.0)},
    }
    write_estimates(kept, tmp_path / "replicates.npz")
    read = read_estimates(tmp_path / "replicates.npz")
    assert list(read) == ["target/auc", "target/count", "target/undefined", "control/auc"]
    for name, estimate in read.items():
        evidence, metric = name.split("/")
        before, after = kept[evidence][metric].to_json(), estimate.to_json()
        for key, value in before.items():
            assert after[key] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value), (name, key)
    difference = read["target/auc"] - read["control/auc"]
    assert difference.low == pytest.approx((kept["target"]["auc"] - kept["control"]["auc"]).low, rel=1e-4)


def test_metrics_json_has_the_documented_layout_and_no_nan(tmp_path: Path) -> None:
    auc = Estimate(0.6, np.array([0.5, 0.7]), 10, plan="p")
    undefined = Estimate(float("nan"), np.array([np.nan]), 0, "why")
    document = metrics_document(
        {"auc": auc, "novel_auc": undefined},
        controls={"untrained": {"auc": auc}},
        rivals={"random": {"auc": auc}},
        leakage={"auc": LeakageEstimate(0.1, float("nan"), 0.2, 10, "untrained")},
        target={"loss": np.float32(np.inf), "rows": np.arange(2)},
        queries={"embeddings": np.int64(5)},
        seconds={"train": 1.23456},
    )
    read = strict(write_json(tmp_path / "deep" / "metrics.json", document))
    groups = ["metrics", "controls", "rivals", "leakage", "guarantee", "target", "queries", "seconds"]
    assert list(read) == groups
    assert list(read["metrics"]["auc"]) == ["value", "low", "high", "n", "standard_error", "degrees"]
    assert read["metrics"]["novel_auc"] == {**dict.fromkeys(UNDEFINED), "n": 0, "note": "why"}
    assert read["leakage"]["auc"] == {"value": 0.1, "low": None, "high": 0.2, "n": 10, "control": "untrained"}
    assert read["guarantee"] is None and read["target"] == {"loss": None, "rows": [0, 1]}
    assert read["queries"] == {"embeddings": 5} and read["seconds"] == {"train": 1.235}


def test_tests_against_rivals_and_costs_are_written_where_there_are_any(tmp_path: Path) -> None:
    document = metrics_document(
        {},
        versus_rivals={"loss": {"auc": PairedTest(0.1, 0.05, float("nan"), 10, 0.002, 999, 0.03, 9.0)}},
        costs={"target": Cost({"probabilities": np.int64(5)}, 1.23456)},
    )
    read = strict(write_json(tmp_path / "metrics.json", document))
    numbers = {"value": 0.1, "low": 0.05, "high": None, "n": 10, "p": 0.002, "standard_error": 0.03, "degrees": 9.0}
    assert read["versus_rivals"] == {"loss": {"auc": numbers}}
    assert read["costs"] == {"target": {"queries": {"probabilities": 5}, "seconds": 1.235}}
    assert not {"versus_rivals", "costs"} & set(metrics_document({}))


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = write_json(tmp_path / "metrics.json", {"a": 1})
    with pytest.raises(TypeError, match="no place"):
        write_json(path, {"a": object()})
    assert strict(path) == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


def test_mappings_keep_their_order_and_sets_get_one(tmp_path: Path) -> None:
    read = strict(write_json(tmp_path / "x.json", {"b": {3, 1, 2}, "a": (True, np.bool_(False), Path("x"))}))
    assert list(read) == ["b", "a"] and read["b"] == [1, 2, 3] and read["a"] == [True, False, "x"]
