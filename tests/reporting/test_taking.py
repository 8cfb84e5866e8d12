"""Whose folder it is."""

from __future__ import annotations

import os
from pathlib import Path

import hydra.core.utils
import pytest

from telltale.data.workers import end_with_parent
from telltale.reporting import taking
from tests.experiment.commands import command


class StoppedClock:
    @staticmethod
    def now() -> StoppedClock:
        return StoppedClock()

    @staticmethod
    def strftime(pattern: str) -> str:
        return "then"


def test_a_second_folder_of_one_name_is_another(tmp_path: Path) -> None:
    """Catches two runs begun in one second that share a folder."""
    wanted = tmp_path / "day" / "run"
    assert [taking.take(wanted).name for _ in range(3)] == ["run", "run-2", "run-3"]
    assert taking.take(wanted, new=False) == wanted
    (tmp_path / "day" / "run-2" / "results").write_text("")
    taking.leave_no_trace()
    assert [folder.name for folder in (tmp_path / "day").iterdir()] == ["run-2"]


@pytest.mark.parametrize(("flags", "kind"), [((), "runs"), (("-m",), "sweeps")])
def test_a_command_takes_a_folder_and_leaves_none_where_it_is_refused(
    flags: tuple[str, ...], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a folder that two commands of one second share, in a sweep too, and one of a command that did nothing."""
    monkeypatch.setattr(hydra.core.utils, "datetime", StoppedClock)
    there = tmp_path / kind / "then" / ("then" if flags else "then-lira-mlp-seed0")
    there.mkdir(parents=True)
    made: list[str] = []

    def run(cfg: object) -> float:
        made.append(os.fspath(taking.HydraConfig.get().runtime.output_dir))
        return 0.0

    monkeypatch.setattr("telltale.experiment.run", run)
    assert command(*flags, "attack=lira", "model=mlp", f"paths.outputs={tmp_path}").code == 0
    assert made == [str(there.with_name(f"{there.name}-2") / ("0" if flags else ""))]
    monkeypatch.undo()
    monkeypatch.setattr(hydra.core.utils, "datetime", StoppedClock)
    assert command(*flags, "attack=no", f"paths.outputs={tmp_path}").code == 2
    assert sorted(folder.name for folder in there.parent.iterdir()) == [there.name, f"{there.name}-2"]


def test_only_a_worker_watches_over_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a command that ends when the shell that started it does."""
    monkeypatch.setattr("telltale.data.workers.threading.Thread", lambda *_, **__: pytest.fail("a thread"))
    end_with_parent()
