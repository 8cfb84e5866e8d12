"""Fits side by side in processes: the weights of fits in turn, told as those are, and only where it pays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.owner import pool as pools
from telltale.owner import side_by_side
from telltale.owner.executor import Local
from telltale.owner.owner import Request
from telltale.owner.releasing import release_of
from telltale.store.store import Store
from tests.owned import Owned
from tests.training.small import CPU, model_of, molecules, objective_of, recipe_in

POOL = molecules(16)
ROWS = np.stack([np.arange(16) < 8, np.arange(16) >= 8])


class Here:
    """A pool of one worker, which is this process."""

    def __init__(self, workers: int, mp_context: Any, initializer: Any, initargs: Any) -> None:
        self.workers = workers
        pools._shared[:] = initargs[1:]

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def submit(self, function: Any, job: Any) -> Any:
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []), "Ctrl-C is for who starts a worker"
        job = ForkingPickler.loads(ForkingPickler.dumps(job))  # as a process is sent it
        future: Future[str] = Future()
        try:
            future.set_result(function(job))
        except InputError as error:
            future.set_exception(error)
        return future


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Workers that are this process, on a machine of two cores, from the first record on."""
    started: list[int] = []

    def pool(workers: int, **options: Any) -> Here:
        started.append(workers)
        return Here(workers, **options)

    monkeypatch.setattr(pools, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(pools, "_begins", lambda context: True)
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    monkeypatch.setattr(side_by_side, "WORTH", 1)
    return started


def test_what_the_store_lacks_is_trained_by_workers_and_told(here: list[int], tmp_path: Path) -> None:
    """Catches models trained twice, a loss curve that nobody hears of, and workers for what is there."""
    heard: list[tuple[dict[str, float], int]] = []
    owned = recipe_in(tmp_path, on_epoch=lambda values, epoch: heard.append((values, epoch)))
    owned.train_many(POOL, ROWS, [1, 2], ["one", "two"])
    assert here == [2] and [epoch for _, epoch in heard] == [1, 2, 1, 2]
    assert sorted(next(iter(values)) for values, _ in heard) == ["one/loss"] * 2 + ["two/loss"] * 2
    owned.train_many(POOL, ROWS, [1, 2], ["one", "two"])
    assert here == [2] and len(heard) == 4


def test_requests_are_trained_ahead_and_found(here: list[int], tmp_path: Path) -> None:
    """Catches a request on another's records, and models that are asked for and not found."""
    owned, other = recipe_in(tmp_path), molecules(8, 100)
    rows = np.ones((1, 8), bool)
    requests = Request(owned.recipe, POOL, ROWS[:1], [1], ["one"]), Request(owned.recipe, other, rows, [2], ["other"])
    owned.owner.ahead(requests)
    assert here == [2] and len(list((tmp_path / "release").iterdir())) == 2
    for request in requests:
        owned.owner.train_many(*request)
    assert here == [2] and len(list((tmp_path / "release").iterdir())) == 2


def test_few_records_a_table_or_one_core_start_no_worker(
    here: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches seconds of start-up for a fit of one, and for fits that use all cores by themselves."""
    monkeypatch.setattr(side_by_side, "WORTH", 2 * 8 * 2 + 1)
    recipe_in(tmp_path / "few").train_many(POOL, ROWS, [1, 2])
    monkeypatch.setattr(side_by_side, "WORTH", 1)
    recipe_in(tmp_path / "one").train_many(POOL, ROWS[:1], [1])
    monkeypatch.setattr(side_by_side, "cores", lambda: 1)
    recipe_in(tmp_path / "core").train_many(POOL, ROWS, [1, 2])
    assert here == []


def test_an_error_in_a_worker_comes_back_as_itself(
    here: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a crash where bad input is told in one line."""

    def refuse(job: Any) -> str:
        raise InputError("model", "x", "another")

    monkeypatch.setattr(pools, "_do", refuse)
    with pytest.raises(InputError, match="model=x: another"):
        recipe_in(tmp_path).train_many(POOL, ROWS, [1, 2])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "while training on two; what the store has is kept; the same command goes on from there"),
        (KeyboardInterrupt("epoch 3 is kept"), "epoch 3 is kept"),
        (InputError("model", "x", "another"), "model=x: another"),
    ],
)
def test_any_error_stops_the_others_and_an_interruption_says_what_is_kept(error: BaseException, told: str) -> None:
    """Catches workers that go on for nobody, and a Ctrl-C in a worker that is told as one here."""
    stopped: list[bool] = []
    with pytest.raises(type(error), match=told), pools.stopped_whole("on two", lambda: stopped.append(True)):
        raise error
    assert stopped == [True]


def test_what_a_killed_worker_leaves_is_trained_here(
    here: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a run that ends because one of its workers did."""

    def killed(pool: Here, function: Any, job: Any) -> Any:
        future: Future[str] = Future()
        future.set_exception(BrokenProcessPool())
        return future

    monkeypatch.setattr(Here, "submit", killed)
    assert len(recipe_in(tmp_path).train_many(POOL, ROWS, [1, 2])) == 2 and here == [2]


UNGUARDED = """
from telltale.owner.pool import in_processes

class Job:
    def detached(self): return self
    def __call__(self, shared): return "done"

print(in_processes([Job()] * 9, bytes(2**20), 2, int, title="jobs", how="so"))
"""


def test_a_script_that_no_process_can_import_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Catches a pool that hands records to a process which has ended: more than a pipe holds."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    path = {**os.environ, "PYTHONPATH": str(Path(pools.__file__).parents[2])}
    done = subprocess.run([sys.executable, script], env=path, stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout.decode().strip() == "False"


def test_a_model_that_is_gone_on_from_can_be_sent(tmp_path: Path) -> None:
    """Catches a closure in a release, which no process can be sent: fine-tuning side by side could not begin."""
    owned = Owned.of(model_of(), objective_of("infograph", epochs=1), CPU, Store(tmp_path))
    release = owned.train_many(POOL, ROWS[:1], [1])[0]
    there = owned.owner.store.detached()
    found = release_of(owned.recipe.detached(), there, there.entry("release", release.entry), 0, "parent")
    sent = ForkingPickler.loads(ForkingPickler.dumps(found))
    np.testing.assert_array_equal(sent.embeddings(POOL), release.embeddings(POOL))


@pytest.mark.slow
def test_processes_train_the_weights_of_fits_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches another number of threads in workers, a seed of the process, and jobs that cannot be sent."""
    objective = objective_of("infograph", batch_size=16, epochs=2)
    pool, rows = molecules(64), np.stack([np.arange(64) < 32, np.arange(64) >= 32])
    weights = []
    for name, worth in (("turn", 10**9), ("side", 1)):
        monkeypatch.setattr(side_by_side, "WORTH", worth)
        monkeypatch.setattr(side_by_side, "cores", lambda: 2)
        owned = Owned.of(model_of(width=64), objective, CPU, Store(tmp_path / name), executor=Local())
        weights.append([release.weights() for release in owned.train_many(pool, rows, [1, 2])])
    for mine, theirs in zip(*weights, strict=True):
        assert all(np.array_equal(mine[key], theirs[key]) for key in mine)
