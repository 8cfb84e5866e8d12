"""One table over a sweep, printed when its last job has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

SHOWN = ("auc", "novel_auc", "discordant_auc", "exact_membership_auc", "balanced_accuracy", "tpr_at_fpr_0.01")


class SweepSummary(Callback):
    """Hydra callback: collects every job's metrics.json into `summary.csv` and a console table."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read what the jobs left behind and show it."""
        from src.reporting.console import print_sweep_table

        folder = Path(config.hydra.sweep.dir)
        rows = [row(job) for job in sorted(folder.iterdir(), key=_number) if (job / "run.json").exists()]
        if not rows:
            return
        import pandas as pd

        pd.DataFrame(rows).to_csv(folder / "summary.csv", index=False)
        print_sweep_table(rows, title=f"sweep of {len(rows)} jobs in {folder}")


def row(job: Path) -> dict[str, Any]:
    """Return one job as a row: what differs by name, how it ended, its headline metrics with intervals."""
    import yaml

    run, cfg = json.loads((job / "run.json").read_text()), yaml.safe_load((job / "config.yaml").read_text())
    words = {group: cfg[group]["_target_"].rpartition(".")[2] for group in ("attack", "model", "objective")}
    found: dict[str, Any] = {"job": job.name, **words, "seed": cfg["seed"], "status": run["status"]}
    if (job / "metrics.json").exists():
        metrics = json.loads((job / "metrics.json").read_text())["metrics"]
        found |= {name: _text(metrics[name]) for name in SHOWN if name in metrics}
    return found


def _text(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "–"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.2f}, {metric['high']:.2f}]"


def _number(job: Path) -> tuple[int, str]:
    return (int(job.name), "") if job.name.isdigit() else (10**9, job.name)
