"""The table of defences on encoders: its words compose, its figures are those of the runs, its page reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.encoder_defenses.page import figure, page, table
from scripts.encoder_defenses.rows import ATTACKS, ROWS, SCALES, read, words_of
from scripts.encoder_defenses.untrained import tasks_of
from scripts.matrix.__main__ import reason_against


def one(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def written(folder: Path, name: str, membership: float, use: float) -> None:
    tasks = {f"probe_auc_bbbp{end}": use + more for end, more in (("", 0.0), ("_low", -0.02), ("_high", 0.02))}
    documents: dict[str, dict[str, Any]] = {
        "membership": {
            "metrics": {"auc": one(membership)},
            "controls": {"untrained": {"auc": one(0.49)}, "disjoint": {"auc": one(0.52)}},
            "rivals": {"norm": {"auc": one(0.6)}, "norm_calibrated": {"auc": one(0.7)}},
            "target": {"chance": 0.5, **tasks},
            "guarantee": {"epsilon": 7.987} if "dp" in name else None,
        },
        "extraction": {
            "metrics": {"precision_at_50": one(0.9), "novel_precision_at_50": one(0.25)},
            "controls": {"zero_query": {"novel_precision_at_50": one(0.3)}, "disjoint": {}},
        },
    }
    for attack in ATTACKS:
        (folder / name / attack).mkdir(parents=True)
        (folder / name / attack / "metrics.json").write_text(json.dumps(documents[attack]))


def test_the_page_has_what_the_runs_said(tmp_path: Path) -> None:
    """Catches a column of another figure, a control that is not the best, an interval taken for a task."""
    rows = [row for row in ROWS if row.name in ("none", "noise-1", "layer-none", "layer-dp-8")]
    for row, membership in zip(rows, (0.9, 0.7, 0.6, 0.5), strict=True):
        written(tmp_path, row.name, membership, 0.8)
    found = [read(row, tmp_path) for row in rows]
    head, *lines = table(found)
    assert head[-1] == "probe: BBBP" and len(head) == len(lines[0])
    assert lines[1][2:6] == [
        "0.250 [0.15, 0.35]",
        "0.300 [0.20, 0.40] zero query",
        "0.700 [0.60, 0.80]",
        "0.520 disjoint",
    ]
    assert lines[1][6:] == ["0.600 / 0.700", "0.800 [0.78, 0.82]"]
    assert lines[3][1] == "DP-SGD, ε 8 (spent 7.99)"
    text = page(found, "small", tasks=False)
    assert "membership 0.900 → 0.700 (50 % of the lead over one half); +0.000" in text
    assert "membership 0.600 → 0.500 (0 % of the lead" in text
    never = {"infograph": tasks_of({"probe_auc_bbbp": 0.7, "probe_auc_bbbp_low": 0.6, "probe_auc_bbbp_high": 0.8})}
    assert len(figure(found, never).axes) == 1
    assert table(found, never)[-1] == ["infograph", "never trained", *["–"] * 5, "0.700 [0.60, 0.80]"]


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_row_goes_together_at_every_scale(attack: str, scale: str, tmp_path: Path) -> None:
    """Catches a row that would be refused after hours of others."""
    for row in ROWS if scale == "small" else ROWS[:1]:
        assert reason_against((*words_of(row, attack, scale, None), f"paths.outputs={tmp_path}"), tmp_path) == ""
