"""What a notebook shows of a result: an interval beside each number, and nothing of others' as HTML."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import telltale
from telltale.reporting.notebook import view


def test_a_notebook_shows_intervals_and_no_missing_numbers() -> None:
    """Catches a bare AUC, a NaN, and names of metrics as they stand in files."""
    truth = np.repeat([False, True], 60)
    result = telltale.score(truth + np.random.default_rng(0).normal(size=120), truth, replicates=50)
    shown = result._repr_html_()
    auc = result.auc
    assert f"{auc.value:.3f} [{auc.low:.2f}, {auc.high:.2f}]" in shown
    assert "TPR at 1 % FPR" in shown and "AUC" in shown
    assert "nan" not in shown.lower() and "tpr_at" not in shown
    assert result.sentence in shown


def test_a_name_of_others_is_text() -> None:
    """Catches a title that runs as a script in whoever's notebook."""
    truth = np.repeat([False, True], 60)
    summary = telltale.score(truth + 0.0, truth, replicates=20).summary
    heading = replace(summary.heading, attack="<script>")
    assert "<script>" not in view(replace(summary, heading=heading), ("auc",))
    assert "&lt;script&gt;" in view(replace(summary, heading=heading), ("auc",))
