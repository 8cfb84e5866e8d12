"""Which jobs a named sweep has and how each stands, whatever happens to whoever writes it down."""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from submitit.core.utils import UncompletedJobError

from telltale.errors import InputError
from telltale.process import this_process
from telltale.store.locks import Lock
from telltale.sweeps.ledger import KILLED, Ledger
from telltale.sweeps.states import FAILED, FINISHED, INTERRUPTED, PENDING, RUNNING
from tests.sweeps.worlds import results

WORDS = [("seed=0",), ("seed=1",), ("seed=2",)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "night")
    made.begin(WORDS)
    return made


def states(ledger: Ledger) -> list[str]:
    return [job.state for job in ledger.read().jobs]


def play(ledger: Ledger, number: int, error: BaseException | None = None) -> bool:
    """Begin a job and end it; tells whether it was begun."""
    with ledger.job(number, WORDS[number], ledger.folder / str(number)) as run:
        if run is None:
            return False
        if error is not None:
            raise error
        run.value = 0.5
        results(ledger.folder / str(number))
    return True


def test_each_way_to_end_is_written_down(ledger: Ledger) -> None:
    """Catches a failure without its reason, and one of a user who pressed Ctrl-C."""
    assert play(ledger, 0)
    with pytest.raises(ValueError, match="too"):
        play(ledger, 1, ValueError("too\nfew"))
    with pytest.raises(UncompletedJobError):
        play(ledger, 2, UncompletedJobError("timed-out too many times"))
    assert states(ledger)[2] == INTERRUPTED
    with pytest.raises(KeyboardInterrupt):
        play(ledger, 2, KeyboardInterrupt("while training"))
    jobs = ledger.read().jobs
    assert [job.state for job in jobs] == [FINISHED, FAILED, INTERRUPTED]
    assert [job.reason for job in jobs] == ["", "ValueError: too few", "KeyboardInterrupt: while training"]
    assert jobs[0].value == 0.5 and jobs[0].folder == "0"
    assert not play(ledger, 0) and play(ledger, 1) and ledger.read().jobs[1].tries == 2


def test_a_job_whose_process_was_killed_was_interrupted(ledger: Ledger) -> None:
    """Catches a job that runs for ever in the ledger, and one that had finished and is thrown away."""
    running = replace(ledger.read().jobs[1], state=RUNNING, folder="1", process={"pid": 1, "host": "a"})
    ledger.change(lambda page: page.with_job(running))
    assert ledger.standing().jobs[1].state == INTERRUPTED and states(ledger)[1] == RUNNING
    assert ledger.settle().jobs[1].reason == KILLED
    results(ledger.folder / "1")
    (ledger.folder / "1" / "run.json").write_text(json.dumps({"status": "finished", "process": running.process}))
    ledger.change(lambda page: page.with_job(running))
    assert ledger.settle().jobs[1].state == FINISHED


def test_a_ledger_that_can_only_be_read_is_told_all_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a list of runs that needs to write into somebody else's folder."""
    gone = replace(ledger.read().jobs[1], state=RUNNING, process=this_process() | {"pid": 2**22 + 1})
    ledger.change(lambda page: page.with_job(gone).with_job(replace(gone, number=2, process=this_process())))

    def refused(lock: Lock, wait: bool = True) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Lock, "acquire", refused)
    assert [job.state for job in ledger.standing().jobs] == [PENDING, INTERRUPTED, RUNNING]


def test_a_job_that_runs_is_left_alone(ledger: Ledger) -> None:
    """Catches one job in two processes."""
    with ledger.job(0, WORDS[0], ledger.folder / "0") as run:
        assert run is not None and not play(ledger, 0)
        assert ledger.settle().jobs[0].state == RUNNING
        run.value = float("nan")
        results(ledger.folder / "0")
    assert ledger.read().jobs[0].value is None


def test_deleted_results_are_made_again(ledger: Ledger) -> None:
    """Catches a finished job of which nothing is left."""
    play(ledger, 0)
    (ledger.folder / "0" / "metrics.json").unlink()
    assert ledger.settle().jobs[0].state == PENDING and play(ledger, 0)


def test_a_write_that_breaks_off_leaves_the_ledger_as_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches half a ledger after a kill or on a full disk."""
    before = ledger.file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ledger.change(lambda page: replace(page, session=9))
    assert ledger.file.read_bytes() == before
    monkeypatch.undo()
    assert ledger.change(lambda page: replace(page, session=9)) == ledger.read()


def test_no_change_is_lost_between_many_writers(ledger: Ledger) -> None:
    """Catches a writer that puts back what it read before another wrote."""

    def count() -> None:
        for _ in range(8):
            Ledger(ledger.folder).change(lambda page: replace(page, session=page.session + 1))

    writers = [threading.Thread(target=count) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert ledger.read().session == 1 + 8 * 4


def test_a_second_command_is_told_who_is_at_work(ledger: Ledger) -> None:
    """Catches two commands that run the same jobs, and one that is told of a process that has long ended."""
    ledger.change(lambda page: replace(page, process=this_process() | {"pid": 2**22 + 1}))
    with ledger.alone(), pytest.raises(InputError, match=f"another command is at work on it: process {os.getpid()} on"):
        Ledger(ledger.folder).alone().__enter__()
    with ledger.alone():
        pass


def test_a_claim_that_names_nobody_can_be_got_rid_of(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sweep that is locked for ever, by what an older version left on a full disk."""
    monkeypatch.setattr("telltale.sweeps.ledger.PATIENCE_S", 0.0)
    claim = ledger.folder / ".locks" / "sweep.claim"
    claim.touch()
    with pytest.raises(InputError, match=f"at work on it; if it is long gone, delete {claim}"):
        ledger.alone().__enter__()


def test_a_folder_behind_a_link_has_its_jobs_below_it(tmp_path: Path) -> None:
    """Catches a table and a page that lead to `../../../link/night/0`."""
    (tmp_path / "disk" / "of" / "results").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "of" / "results")
    ledger = Ledger(tmp_path / "link" / "night")
    ledger.begin(WORDS)
    assert play(ledger, 0) and ledger.settle().jobs[0].folder == "0"


def test_a_ledger_that_was_just_replaced_is_read_anew(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sweep on NFS that ends because another machine wrote its ledger meanwhile."""
    whole, stale = ledger.read(), [True]
    read = Path.read_text

    def read_text(file: Path, **options: str) -> str:
        if stale.pop() if stale else False:
            raise OSError(errno.ESTALE, "Stale file handle", str(file))
        return read(file, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert ledger.read() == whole and not stale


def test_a_job_of_another_number_is_refused(ledger: Ledger) -> None:
    """Catches a launcher that numbers jobs in its own way, which would run one and note another."""
    told = r"hydra.job.num=1: it is the job of seed=1 in .*ledger.json"
    with pytest.raises(InputError, match=told), ledger.job(1, ("seed=0",), ledger.folder / "1"):
        pass
    assert states(ledger) == [PENDING] * 3


def test_stop_begins_nothing_after_a_failure_of_this_command(ledger: Ledger) -> None:
    """Catches jobs begun after a failure, and a sweep that an old failure stops for ever."""
    with pytest.raises(ValueError):
        play(ledger, 0, ValueError())
    with ledger.job(1, WORDS[1], ledger.folder / "1", "stop") as run:
        assert run is None
    ledger.begin(WORDS)
    with ledger.job(1, WORDS[1], ledger.folder / "1", "stop") as run:
        assert run is not None


@pytest.mark.parametrize("text", ["", "{", '{"session": 1, "process": {}, "jobs": [{"number": 0}]}', "[]"])
def test_a_ledger_that_cannot_be_read_is_one_line(text: str, ledger: Ledger) -> None:
    """Catches a traceback, and a sweep begun anew over results."""
    ledger.file.write_text(text)
    with pytest.raises(InputError, match=r"ledger.json: its ledger cannot be read .* begin the sweep anew"):
        ledger.settle()
