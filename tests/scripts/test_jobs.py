"""Runs that scripts start: found again, told apart, counted, and ended."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from scripts.jobs import Run, command, environment, play_all

ENDS = ("-c", "import sys; print('said', sys.argv[1]); sys.exit(int(sys.argv[1]))")


def run(folder: Path, code: int = 0, made_by: dict | None = None) -> Run:
    """A run that ends with `code`."""
    return Run((str(code),), folder / "run", folder / "run.log", made_by, start=ENDS)


def test_a_run_is_found_again_only_by_what_made_it(tmp_path: Path) -> None:
    """Catches figures of older code in a new table, and a finished run that is played again."""
    makers = {"words": ["seed=0"], "code": "a"}
    assert not run(tmp_path, 0, makers).is_finished()
    assert run(tmp_path, 0, makers).play(threads=1)
    assert run(tmp_path, 0, makers).is_finished()
    assert not run(tmp_path, 0, {**makers, "code": "b"}).is_finished()
    assert not run(tmp_path, 0, {**makers, "words": ["seed=1"]}).is_finished()
    assert not run(tmp_path).is_finished()


def test_a_failed_run_is_not_finished_and_leaves_its_words_in_the_log(tmp_path: Path) -> None:
    """Catches a failure that is taken for a result."""
    failing = run(tmp_path, 3, {"code": "a"})
    assert not failing.play() and not failing.is_finished()
    assert (tmp_path / "run.log").read_text() == "said 3\n"


def test_jobs_begin_in_their_order_and_no_more_than_allowed_at_a_time() -> None:
    """Catches a machine that is asked for more than it has, and failures that are not told."""
    lock, now, most, begun = Lock(), 0, 0, []

    def play(job: int) -> bool:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
            begun.append(job)
        time.sleep(0.02)
        with lock:
            now -= 1
        return job != 3

    ended = dict(play_all(range(7), play, at_once=2))
    assert most == 2 and begun == list(range(7))
    assert ended == {job: job != 3 for job in range(7)}


def test_who_interrupts_begins_no_further_job() -> None:
    """Catches a command that, interrupted, goes on for hours."""
    begun = []

    def play(job: int) -> bool:
        begun.append(job)
        if job == 1:
            raise KeyboardInterrupt
        time.sleep(0.02)
        return True

    with pytest.raises(KeyboardInterrupt):
        list(play_all(range(20), play, at_once=1))
    assert len(begun) < 10


@pytest.mark.parametrize("name", ["plain", "with a space, and (brackets)", "quoted 'here'", "a=b"])
def test_the_folder_reaches_the_run_as_it_is(name: str, tmp_path: Path) -> None:
    """Catches a path that the command line reads as something else."""
    override = OverridesParser.create().parse_override(command(["seed=0"], tmp_path / name)[-1])
    assert override.key_or_group == "hydra.run.dir" and override.value() == str(tmp_path / name)


def test_threads_are_set_only_where_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches runs that share cores and each take all of them."""
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert environment(2)["OMP_NUM_THREADS"] == environment(2)["MKL_NUM_THREADS"] == "2"
    assert environment(None)["OMP_NUM_THREADS"] == "5"
