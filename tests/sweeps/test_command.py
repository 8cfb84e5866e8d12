"""`-m … sweep=NAME` as one types it, with experiments that only write what a run would."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from telltale.configuration.arguments import in_full
from telltale.configuration.trust import CheckingLoader
from telltale.sweeps.ledger import Ledger
from tests.experiment.commands import Ended, command

AUC = {"value": 0.7, "low": 0.6, "high": 0.8}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """List (number, seed) of the jobs that were run; one of seed 13 fails."""
    made: list[tuple[int, int]] = []

    def run(cfg: DictConfig) -> float:
        hydra = HydraConfig.get()
        made.append((hydra.job.num, cfg.seed))
        if cfg.seed == 13:
            raise ValueError("thirteen")
        folder, words = Path(hydra.runtime.output_dir), {"attack": "lira", "model": "mlp", "objective": "task"}
        metrics = {"metrics": {"auc": {**AUC, "value": 0.6 + cfg.pools.members / 1000}}, "answer": {"kind": "leaks"}}
        said = {"status": "finished", "seed": cfg.seed, "words": words, "overrides": list(hydra.overrides.task)}
        for name, document in (("metrics.json", metrics), ("run.json", said)):
            (folder / name).write_text(json.dumps(document))
        (folder / "report.html").write_text("<p>")
        return float(cfg.seed)

    monkeypatch.setattr("telltale.experiment.run", run)
    return made


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., Ended]:
    return lambda *words: command("-m", "attack=lira", f"paths.outputs={tmp_path}", "sweep=night", *words)


def test_the_same_command_goes_on(
    ran: list[tuple[int, int]], night: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches finished jobs run or composed again, failed ones that are not, and a table or page without its reason."""
    folder = tmp_path / "sweeps" / "night"
    ended = night("seed=12,13", "pools.members=50,100", "sweep.on_failure=stop")
    assert ended.code == 1 and "ValueError: thirteen" in ended.err
    assert ran == [(0, 12), (1, 12), (2, 13)]
    assert "sweep night: 4 jobs: 2 finished, 1 failed, 1 pending" in ended.out
    assert "job 2: ValueError: thirteen" in ended.out and "the same command goes on" in ended.out
    rows = (folder / "summary.csv").read_text().splitlines()
    assert len(rows) == 5 and rows[3].startswith("2,") and rows[3].endswith("ValueError: thirteen")
    page = (folder / "sweep.html").read_text()
    assert 'href="0/report.html"' in page and "ValueError: thirteen" in page and "http" not in page
    ran.clear()
    composed: list[list[str]] = []
    whole = CheckingLoader.load_configuration

    def compose(self: CheckingLoader, config_name: str, overrides: list[str], *rest: Any, **others: Any) -> DictConfig:
        composed.append(overrides)
        return whole(self, config_name, overrides, *rest, **others)

    monkeypatch.setattr(CheckingLoader, "load_configuration", compose)
    monkeypatch.setattr("telltale.sweeps.page.drawn", lambda curve: curve.caption.encode())
    ended = night("pools.members=50,100", "seed=12,13", "verbose=true")  # words in another order, the same jobs
    assert ended.code == 1 and ran == [(2, 13), (3, 13)]
    assert not any("seed=12" in words for words in composed)
    assert sum("seed=13" in words for words in composed) == 4  # each job to look at it, and to run it
    assert [job.tries for job in Ledger(folder).read().jobs] == [1, 1, 2, 1]
    caption = base64.b64encode(b"AUC against pools.members: each run's own 95 % interval").decode()
    assert (folder / "sweep.html").read_text().count(caption) == 1
    (folder / "sweep.html").unlink()
    shown = command("sweep", "night", "--outputs", str(tmp_path))
    assert "sweep night: 4 jobs: 2 finished, 2 failed" in shown.out and (folder / "sweep.html").exists()
    listed = command("sweep", "--outputs", str(tmp_path)).out.splitlines()
    assert listed[1].split()[0] == "night" and listed[1].endswith("4 jobs: 2 finished, 2 failed")
    assert "sweep night: 4 jobs: 2 finished, 2 failed" in command("runs", "--outputs", str(tmp_path)).out
    (folder / "ledger.json").write_text("{")
    assert "sweep night: its ledger cannot be read" in command("runs", "--outputs", str(tmp_path)).out


def test_a_changed_grid_is_refused(ran: list[tuple[int, int]], night: Callable[..., Ended], tmp_path: Path) -> None:
    """Catches a refusal that has begun something, or prints the table of the other sweep."""
    assert night("seed=1,2").code == 0
    files = {file: file.read_bytes() for file in (tmp_path / "sweeps" / "night").glob("[!.]*.*")}
    ended = night("seed=1,3")
    assert ended.code == 2 and ended.out == "" and len(ran) == 2
    assert ended.err.startswith("error: sweep.name=night: its jobs are others: seed was 1,2 and is 1,3; give")
    assert {file: file.read_bytes() for file in files} == files


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep=x"], "sweep.name=x: names a sweep, and a sweep needs -m"),
        (["-m", "sweep=x,y"], "sweep.name=x,y: one value, for the sweep as a whole"),
        (["-m", "sweep=../x"], "sweep.name=../x: a word of letters, digits, `_`, `.` and `-`"),
        (["-m", "sweep=x", "sweep.on_failure=no"], "sweep.on_failure=no: one of keep_going, stop"),
        (["-m", "sweep=x", "model=mlp,gim"], "model=gim: no such model"),
        (["-m", "sweep=x", "hydra.sweep.dir=/dev/null/x"], "hydra.sweep.dir=/dev/null/x: cannot be written (Not a dir"),
    ],
)
def test_what_cannot_be_a_sweep_is_one_line(words: list[str], told: str, ran: list[int], tmp_path: Path) -> None:
    """Catches a mistake found after the first job, and one that leaves folders."""
    ended = command(*words, "attack=lira", f"paths.outputs={tmp_path / 'outputs'}")
    assert ended.code == 2 and ended.err.startswith(f"error: {told}"), ended.err
    assert not ran and not [*tmp_path.iterdir()]


def test_a_job_that_would_only_be_planned_is_refused(ran: list[tuple[int, int]], night: Callable[..., Ended]) -> None:
    """Catches a job that is planned again and again, as it never finishes."""
    ended = night("seed=1", "plan=false,true")
    assert ended.code == 2 and "plan=True: false in a named sweep, which keeps results" in ended.err
    assert ran == [(0, 1)] and "2 jobs: 1 finished, 1 failed" in ended.out


def test_a_sweep_is_named_in_short() -> None:
    """Catches a short form that swallows the long one."""
    assert [in_full(word) for word in ("sweep=a", "sweep.on_failure=stop", "sweep={name: a}", "scores=f")] == [
        *("sweep.name=a", "sweep.on_failure=stop", "sweep={name: a}", "scores.file=f"),
    ]
