"""A named sweep goes on where it was, however often and whenever it is killed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hydra.core.utils import JobStatus
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.errors import InputError, JobsLostError
from telltale.sweeps.launching import LedgerLauncher, Numbers
from telltale.sweeps.ledger import Ledger
from telltale.sweeps.states import FAILED, FINISHED, INTERRUPTED, PENDING
from tests.sweeps.worlds import Clock, Killed, configuration, sweep

GRID = ("attack=lira,rmia", "seed=0,1")
MEANT = [("attack=lira", "seed=0"), ("attack=lira", "seed=1"), ("attack=rmia", "seed=0"), ("attack=rmia", "seed=1")]


@settings(max_examples=12, deadline=None)
@given(kills=st.lists(st.tuples(st.integers(1, 14), st.booleans()), max_size=5), failing=st.sets(st.integers(0, 3)))
def test_any_kills_and_failures_end_with_every_job_finished_under_its_number(
    kills: list[tuple[int, bool]], failing: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Catches a job lost, renumbered or run again after it had finished, whatever write of the ledger a kill hits."""
    folder, done = tmp_path_factory.mktemp("sweeps") / "night", Counter[int]()
    left = set(failing)

    def work(number: int, words: Sequence[str]) -> float:
        assert tuple(sorted(words)) == MEANT[number]
        assert not (folder / str(number) / "run.json").exists(), "it had finished"
        if number in left:
            left.remove(number)
            raise ValueError("once")
        done[number] += 1
        return float(number)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        for write, after in [(2, False), *kills]:
            with suppress(Killed):
                sweep(folder, work, *GRID, clock=Clock(write, after))
        for words in (GRID, reversed(GRID)):  # what failed in the first is tried again in the second
            ends = sweep(folder, work, *words)
    jobs = Ledger(folder).read().jobs
    assert [job.state for job in jobs] == [FINISHED] * 4 and [job.words for job in jobs] == MEANT
    assert set(done) == {0, 1, 2, 3} and all(end.status == JobStatus.COMPLETED for end in ends)
    assert [end.return_value for end in sweep(folder, work, *GRID)] == [job.value for job in jobs]


def test_finished_jobs_are_not_run_again_and_failed_ones_are(tmp_path: Path) -> None:
    """Catches a retry that runs all again, a failure that is not told, and numbers without gaps."""
    ran: list[int] = []

    def work(number: int, words: Sequence[str]) -> float:
        ran.append(number)
        if number in (1, 3) and len(ran) <= 4:
            raise ValueError(f"{number} is odd")
        return 0.0

    (failure, *_) = sweep(tmp_path / "night", work, *GRID)
    with pytest.raises(ValueError, match="1 is odd"):
        _ = failure.return_value
    sweep(tmp_path / "night", work, *GRID)
    assert ran == [0, 1, 2, 3, 1, 3]


def test_stop_leaves_what_has_not_begun(tmp_path: Path) -> None:
    """Catches jobs begun after a failure, and a sweep that cannot go on afterwards."""
    fails = [True]

    def work(number: int, words: Sequence[str]) -> float:
        if number == 1 and fails:
            raise ValueError("no")
        return 0.0

    sweep(tmp_path / "night", work, *GRID, on_failure="stop")
    assert [job.state for job in Ledger(tmp_path / "night").read().jobs] == [FINISHED, FAILED, PENDING, PENDING]
    fails.clear()
    sweep(tmp_path / "night", work, *GRID, on_failure="stop")
    assert [job.state for job in Ledger(tmp_path / "night").read().jobs] == [FINISHED] * 4


def test_ctrl_c_ends_the_sweep_and_the_job_is_run_again(tmp_path: Path) -> None:
    """Catches jobs begun after Ctrl-C, and one that counts as failed."""
    stopped: list[int] = []

    def work(number: int, words: Sequence[str]) -> float:
        if number == 1 and not stopped:
            stopped.append(number)
            raise KeyboardInterrupt("epoch 3 is kept")
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path / "night", work, *GRID)
    assert [job.state for job in Ledger(tmp_path / "night").read().jobs] == [FINISHED, INTERRUPTED, PENDING, PENDING]
    sweep(tmp_path / "night", work, *GRID)
    assert [job.tries for job in Ledger(tmp_path / "night").read().jobs] == [1, 2, 1, 1]


def test_a_job_that_leaves_no_results_is_tried_again_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sweep that runs for ever, or ends as if all were well, where a run leaves no finished run.json."""
    from tests.sweeps import worlds

    def work(number: int, words: Sequence[str]) -> float:
        begun[number] += 1
        if begun[number] > 3:
            pytest.fail("it goes on for ever")
        return 0.0

    begun, leave = Counter[int](), worlds.results
    monkeypatch.setattr(worlds, "results", lambda folder: None if folder.name == "1" else leave(folder))
    (failure, *_) = sweep(tmp_path / "night", work, *GRID)
    with pytest.raises(JobsLostError, match="sweep night: job 1 did not finish: it left no results"):
        _ = failure.return_value
    assert begun == {0: 1, 1: 2, 2: 1, 3: 1}


def test_a_sweep_that_a_file_has_planned_is_refused(tmp_path: Path) -> None:
    """Catches a named sweep begun to plan its jobs, none of which would ever finish."""
    planned = configuration(tmp_path / "night", *GRID)
    planned.plan = True
    with pytest.raises(InputError, match="plan=True: false in a named sweep"):
        LedgerLauncher(None, None, planned)  # type: ignore[arg-type]
    assert not (tmp_path / "night").exists()


def test_a_changed_grid_starts_nothing(tmp_path: Path) -> None:
    """Catches jobs of two grids under one set of numbers."""
    sweep(tmp_path / "night", lambda number, words: 0.0, *GRID)
    before = (tmp_path / "night" / "ledger.json").read_bytes()
    told = "sweep.name=night: its jobs are others: seed was 0,1 and is 0,2; give the sweep another name"
    with pytest.raises(InputError, match=told):
        sweep(tmp_path / "night", lambda number, words: pytest.fail("started"), GRID[0], "seed=0,2")
    assert (tmp_path / "night" / "ledger.json").read_bytes() == before


def test_a_folder_that_is_something_else_is_not_taken(tmp_path: Path) -> None:
    """Catches a sweep spread over somebody's folder."""
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"holds thesis\.tex; give the sweep another name"):
        sweep(tmp_path / "night", lambda number, words: 0.0, *GRID)


def test_a_launcher_that_loses_processes_is_asked_again_and_then_told(tmp_path: Path) -> None:
    """Catches a sweep that ends with the first process that is killed, and one that tries for ever."""
    from tests.sweeps import worlds

    class Losing(worlds.InTurn):
        def launch(self, job_overrides, initial_job_idx):  # type: ignore[no-untyped-def]
            ends = super().launch(job_overrides, initial_job_idx)
            if any(end.status == JobStatus.FAILED for end in ends):
                raise RuntimeError("a worker was killed")
            return ends

    def work(number: int, words: Sequence[str]) -> float:
        if number == 2:
            raise SystemExit
        return 0.0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worlds, "InTurn", Losing)
        patched.setattr(Losing, "_job", _caught(Losing._job))
        (failure, *_) = sweep(tmp_path / "night", work, *GRID)
    with pytest.raises(JobsLostError, match="sweep night: job 2 was interrupted"):
        _ = failure.return_value
    assert [job.tries for job in Ledger(tmp_path / "night").read().jobs] == [1, 1, 2, 1]


def _caught(job):  # type: ignore[no-untyped-def]
    def caught(self, number, words):  # type: ignore[no-untyped-def]
        try:
            return job(self, number, words)
        except SystemExit as error:
            from hydra.core.utils import JobReturn

            return JobReturn(list(words), status=JobStatus.FAILED, _return_value=error)

    return caught


def test_a_launcher_that_starts_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    """Catches an endless loop where, say, a cluster's program is not installed."""
    from tests.sweeps import worlds

    def launch(self: object, job_overrides: object, initial_job_idx: int) -> None:
        raise FileNotFoundError("sbatch")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worlds.InTurn, "launch", launch)
        with pytest.raises(FileNotFoundError, match="sbatch"):
            sweep(tmp_path / "night", lambda number, words: 0.0, *GRID)


def test_numbers_are_added_to_as_launchers_do() -> None:
    """Catches a job under the number of its place among those that are left."""
    first = Numbers([3, 7, 8])
    assert [first + place for place in range(3)] == [3, 7, 8]
