"""One table over a sweep, printed when its last job has ended, and when it breaks off."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from telltale.reporting.earlier import ASIDE
from telltale.reporting.masking import mask_file, masked, masked_text
from telltale.reporting.status import status_of
from telltale.sweeps.documents import UNREADABLE, read_document
from telltale.sweeps.grid import BESIDE
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FINISHED, RUNNING, STATES
from telltale.writing import counted, write_table

SHOWN = (
    *("auc", "novel_auc", "discordant_auc", "exact_membership_auc", "balanced_accuracy", "tpr_at_fpr_0.01"),
    *("accuracy", "correlation", "mape", "minmax_mape", "ssim", "badly_encoded", "recognised"),
)

GROUPS = ("attack", "model", "objective")  # words that a table always shows

open_sweep: list[Path] = []  # the folder of the sweep that this process is in, whose table is still to be shown
release_sweep: list[Callable[[], None]] = []  # let other commands have it, after that


class SweepSummary(Callback):
    """Hydra callback: keeps `summary.csv` of every job's metrics.json up to date, and ends with a console table."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the folder: where a job fails, Hydra tells nobody that the sweep has ended."""
        open_sweep[:] = [Path(config.hydra.sweep.dir)]

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Write what there is so far: a sweep that breaks off has its summary too."""
        if config.hydra.mode == RunMode.MULTIRUN:
            keep_failure(job_return, Path(config.hydra.runtime.output_dir))
            write_summary(Path(config.hydra.runtime.cwd) / config.hydra.sweep.dir)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read what the jobs left behind and show it."""
        show_open_sweep()


def show_open_sweep() -> None:
    """Show the table of the sweep that this process is in, once, also where a job failed: then with each reason."""
    try:
        while open_sweep:
            folder = open_sweep.pop()
            mask_file(folder / "multirun.yaml")  # a sweep that was refused has started no job that would have done it
            if Ledger(folder).exists():
                Ledger(folder).settle()
            show_sweep(folder)
    finally:
        while release_sweep:
            release_sweep.pop()()


def show_sweep(folder: Path, anew: bool = False) -> None:
    """Write what is known of a sweep into its folder, and print its table; of a named one, its page too.

    anew: write the page also where no job was begun since.
    """
    from telltale.reporting.console import print_reasons, print_sweep_table

    rows = write_summary(folder) if folder.is_dir() else []
    if not rows:
        return
    reasons = {str(line["job"]): str(line["error"]) for line in rows if line.get("error")}
    failed = f", {len(reasons)} failed" if reasons else ""
    title = f"sweep of {counted(len(rows), 'job')} in {folder}{failed}"
    ledger = Ledger(folder)
    if ledger.exists():
        title = f"sweep {folder.name}: {standing_of(line['status'] for line in rows)}"
    print_sweep_table([{k: value for k, value in line.items() if k != "error"} for line in rows], title=title)
    print_reasons(reasons)
    if ledger.exists():
        from telltale.sweeps.page import bring_up_to_date

        print(f"page     {bring_up_to_date(folder, rows, title, anew)}")
        if any(line["status"] not in (FINISHED, RUNNING) for line in rows):
            print("the same command goes on with the jobs that have not finished")


def standing_of(states: Iterable[str]) -> str:
    """Count jobs by how they stand.

    >>> standing_of(["finished", "failed", "finished"])
    '3 jobs: 2 finished, 1 failed'
    """
    count = Counter(states)
    order = [*STATES, *(state for state in count if state not in STATES)]
    parts = ", ".join(f"{count[state]} {state}" for state in order if count[state])
    return f"{counted(count.total(), 'job')}: {parts}"


def keep_failure(job_return: JobReturn, folder: Path) -> None:
    """Write the run.json of a job that failed before it could write its own."""
    error = job_return._return_value
    if isinstance(error, BaseException) and folder.is_dir() and not (folder / "run.json").exists():
        from telltale.reporting.metrics_file import write_json

        choices = job_return.hydra_cfg.hydra.runtime.choices if job_return.hydra_cfg else {}
        words = {str(group): word for group, word in choices.items() if "hydra/" not in str(group)}
        document = {"status": "failed", "error": masked_text(f"{type(error).__name__}: {error}"), "words": words}
        write_json(folder / "run.json", {**document, "overrides": masked(list(job_return.overrides or ()))})


def write_summary(folder: Path) -> list[dict[str, Any]]:
    """Write `summary.csv`, whole or not at all, and return its rows, one a job, wherever below the folder it lies."""
    lines = [*_rows_of_ledger(folder)] if Ledger(folder).exists() else [*_rows_below(folder)]
    names = list(dict.fromkeys(name for line in lines for name in line))
    names = [*(name for name in names if name != "error"), *(["error"] if "error" in names else [])]
    written = folder / f".summary.{os.getpid()}.csv"
    write_table(written, [names, *([line.get(name) for name in names] for line in lines)])
    written.replace(folder / "summary.csv")
    return lines


def _rows_below(folder: Path) -> Iterator[dict[str, Any]]:
    found = (file.parent for file in folder.rglob("run.json") if file.parent.name != ASIDE)
    for job in sorted(found, key=lambda job: _number(job.relative_to(folder))):
        yield row(job, folder)


def _rows_of_ledger(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row a job of a named sweep, begun or not; how it stands is the ledger's word."""
    for job in Ledger(folder).standing().jobs:
        place, shown = folder / job.folder, dict[str, Any]()
        if job.folder and (place / "run.json").exists():
            shown = row(place, folder)
            line = {name: value for name, value in shown.items() if name.split(".")[0] not in (*BESIDE, "error")}
        else:
            swept = dict(word.lstrip("+~").partition("=")[::2] for word in job.words)
            groups = [group for group in GROUPS if group in swept]
            line = {"job": job.folder or str(job.number), **{group: swept.pop(group) for group in groups}, **swept}
        line["status"] = job.state
        reason = job.reason or (shown.get("error") if job.state == FINISHED else None)
        yield line | ({"error": reason} if reason else {})


def row(job: Path, folder: Path) -> dict[str, Any]:
    """Return one job of a sweep's folder as a row: what differs by name, how it ended, its headline metrics.

    Where it failed, `error` says why; a run.json or metrics.json that cannot be read is a job that failed.
    """
    name = str(job.relative_to(folder))
    try:
        run = read_document(job / "run.json")
        cfg = {} if "words" in run and "seed" in run else _configuration(job)  # of an older version
    except UNREADABLE as error:
        return {"job": name, "status": "failed", "error": _unreadable(job / "run.json", error)}
    words = {group: _word(group, run, cfg) for group in GROUPS}
    swept = dict(override.lstrip("+~").partition("=")[::2] for override in run["overrides"])
    hidden = (*words, "seed", "sweep.name", "sweep.on_failure")
    named = {option: value for option, value in swept.items() if option not in hidden}
    seed = run.get("seed", cfg.get("seed", swept.get("seed", "0")))
    line: dict[str, Any] = {"job": name, **words, **named, "seed": seed, "status": status_of(run)}
    try:
        line |= _headline(read_document(job / "metrics.json"))
    except UNREADABLE as error:
        return line | {"status": "failed", "error": _unreadable(job / "metrics.json", error)}
    reason = str(run.get("error") or "").removeprefix("InputError: ")
    return line | ({"error": " ".join(reason.split())} if reason else {})


def _headline(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row shows of a metrics.json."""
    metrics = document.get("metrics", {})
    answer = {"answer": document["answer"]["kind"]} if "answer" in document else {}
    return answer | {name: _text(metrics[name]) for name in SHOWN if name in metrics}


def _unreadable(file: Path, error: Exception) -> str:
    return f"{file} cannot be read ({type(error).__name__}: {error})"


def _configuration(job: Path) -> dict[str, Any]:
    import yaml

    file = job / "config.yaml"
    return (yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None) or {}


def _word(group: str, run: dict[str, Any], cfg: dict[str, Any]) -> str:
    """Return what one types for it; runs of an older version know the class alone."""
    return str(run.get("words", {}).get(group) or cfg.get(group, {}).get("_target_", "").rpartition(".")[2])


def _text(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "–"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.2f}, {metric['high']:.2f}]"


def _number(job: Path) -> tuple[tuple[int, str], ...]:
    """Order jobs by their numbers, and folders of other names after them."""
    return tuple((int(part), "") if part.isdigit() else (10**9, part) for part in job.parts)
