"""One table over a sweep, printed when its last job has ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from telltale.reporting.status import status_of
from telltale.writing import write_table

SHOWN = (
    *("auc", "novel_auc", "discordant_auc", "exact_membership_auc", "balanced_accuracy", "tpr_at_fpr_0.01"),
    *("accuracy", "correlation", "mape", "minmax_mape", "ssim", "badly_encoded", "recognised"),
)


class SweepSummary(Callback):
    """Hydra callback: keeps `summary.csv` of every job's metrics.json up to date, and ends with a console table."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Write what there is so far: a sweep that breaks off has its summary too."""
        if config.hydra.mode == RunMode.MULTIRUN:
            write_summary(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read what the jobs left behind and show it."""
        from telltale.reporting.console import print_sweep_table

        folder = Path(config.hydra.sweep.dir)
        if rows := write_summary(folder):
            print_sweep_table(rows, title=f"sweep of {len(rows)} jobs in {folder}")


def write_summary(folder: Path) -> list[dict[str, Any]]:
    """Write `summary.csv`, whole or not at all, and return its rows, one a job."""
    lines = [row(job) for job in sorted(folder.iterdir(), key=_number) if (job / "run.json").exists()]
    names = list(dict.fromkeys(name for line in lines for name in line))
    written = folder / f".summary.{os.getpid()}.csv"
    write_table(written, [names, *([line.get(name) for name in names] for line in lines)])
    written.replace(folder / "summary.csv")
    return lines


def row(job: Path) -> dict[str, Any]:
    """Return one job as a row: what differs by name, how it ended, its headline metrics with intervals."""
    import yaml

    run = json.loads((job / "run.json").read_text(encoding="utf-8"))
    cfg = yaml.safe_load((job / "config.yaml").read_text(encoding="utf-8"))
    words = {group: _word(group, run, cfg) for group in ("attack", "model", "objective")}
    swept = dict(override.lstrip("+~").partition("=")[::2] for override in run["overrides"])
    named = {name: value for name, value in swept.items() if name not in (*words, "seed")}
    line: dict[str, Any] = {"job": job.name, **words, **named, "seed": cfg["seed"], "status": status_of(run)}
    if (job / "metrics.json").exists():
        document = json.loads((job / "metrics.json").read_text(encoding="utf-8"))
        metrics = document["metrics"]
        line |= {"answer": document["answer"]["kind"]} if "answer" in document else {}
        line |= {name: _text(metrics[name]) for name in SHOWN if name in metrics}
    return line


def _word(group: str, run: dict[str, Any], cfg: dict[str, Any]) -> str:
    """Return what one types for it; runs of an older version know the class alone."""
    return str(run.get("words", {}).get(group) or cfg[group]["_target_"].rpartition(".")[2])


def _text(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "–"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.2f}, {metric['high']:.2f}]"


def _number(job: Path) -> tuple[int, str]:
    return (int(job.name), "") if job.name.isdigit() else (10**9, job.name)
