"""Interrupted training, gone on with, gives the uninterrupted weights bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telltale.owner import single
from telltale.owner.release import Release
from tests.training.small import fitted, model_of, molecules, objective_of, recipe_in, rows, same

RECORDS = molecules(20)
EPOCHS = 6
SETTINGS = {"model": model_of(dropout=0.3), "objective": objective_of(epochs=EPOCHS)}


class KilledErrorError(Exception):
    pass


def trained(store: Path, on_epoch: object = None) -> Release:
    return recipe_in(store, on_epoch=on_epoch, **SETTINGS).train(RECORDS, rows(RECORDS), 0, "victim")


def stop_at(epoch: int, error: type[BaseException]) -> object:
    def on_epoch(values: dict[str, float], now: int) -> None:
        if now == epoch:
            raise error

    return on_epoch


def equal(one: Release, other: Release) -> bool:
    mine, theirs = one.weights(), other.weights()
    return one.key == other.key and all((mine[name] == theirs[name]).all() for name in mine)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return trained(tmp_path_factory.mktemp("uninterrupted"))


@pytest.mark.parametrize("epoch", [1, 2, EPOCHS])
def test_a_crash_in_any_epoch_costs_that_epoch_only(epoch: int, uninterrupted: Release, tmp_path: Path) -> None:
    """Catches an optimiser state, an order, a mask or a dropout that starts anew; dropout is on."""
    with pytest.raises(KilledErrorError):
        trained(tmp_path, stop_at(epoch, KilledErrorError))
    assert not (tmp_path / "release").exists()
    seen: list[int] = []
    again = trained(tmp_path, lambda values, now: seen.append(now))
    assert equal(again, uninterrupted)
    assert seen == list(range(epoch, EPOCHS + 1))
    assert list((tmp_path / ".partial").iterdir()) == []


def test_a_crash_after_the_last_epoch_trains_nothing_again(
    uninterrupted: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches initial weights kept as trained ones, or one epoch too many, where there is nothing left to train."""
    with monkeypatch.context() as patch:
        patch.setattr("telltale.owner.single.write_weights", lambda *_: (_ for _ in ()).throw(KilledErrorError))
        with pytest.raises(KilledErrorError):
            trained(tmp_path)
    seen: list[int] = []
    assert equal(trained(tmp_path, lambda values, now: seen.append(now)), uninterrupted)
    assert seen == []


def test_ctrl_c_says_what_is_kept_and_can_be_pressed_again(uninterrupted: Release, tmp_path: Path) -> None:
    """Catches Lightning's SystemExit, and the signal that it leaves ignored."""
    with pytest.raises(KeyboardInterrupt, match=r"while training victim; nothing of it is kept yet"):
        trained(tmp_path, stop_at(1, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt, match=f"while training victim; epoch 3 of {EPOCHS} is kept; the same comm"):
        trained(tmp_path, stop_at(4, KeyboardInterrupt))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert equal(trained(tmp_path), uninterrupted)


def test_a_long_fit_writes_about_twenty_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a checkpoint every epoch of a hundred, and a resume from one that is not the last epoch's."""
    monkeypatch.setattr(single, "SHORT", 1)  # so few records are long
    settings = objective_of(epochs=45)
    with pytest.raises(KeyboardInterrupt, match="epoch 8 of 45"):
        recipe_in(tmp_path, objective=settings, on_epoch=stop_at(10, KeyboardInterrupt)).train(
            RECORDS, rows(RECORDS), 0
        )
    resumed = recipe_in(tmp_path, objective=settings).train(RECORDS, rows(RECORDS), 0)
    whole = fitted(RECORDS, tmp_path / "whole", settings).model.state_dict()
    assert all((value == whole[name].numpy()).all() for name, value in resumed.weights().items())


def test_going_on_with_a_fit_equals_a_fit_in_one_go(tmp_path: Path) -> None:
    """Catches a resume that depends on how long the first part was meant to be."""
    fitted(RECORDS, tmp_path / "parts", objective_of(epochs=2))
    parts = fitted(RECORDS, tmp_path / "parts", objective_of(epochs=5))
    assert same(parts.state_dict(), fitted(RECORDS, tmp_path / "whole", objective_of(epochs=5)).state_dict())


VICTIM = """
import sys
from pathlib import Path
import torch
from tests.training.test_resume import trained

torch.set_num_threads(1)
trained(Path(sys.argv[1]), lambda values, epoch: print(epoch, flush=True) or sys.stdin.readline())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_gone_on_from(number: signal.Signals, uninterrupted: Release, tmp_path: Path) -> None:
    """Catches half a checkpoint, and a lock that outlives its holder."""
    job = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stdin and job.stdout
    for epoch in range(1, 4):
        assert job.stdout.readline() == f"{epoch}\n"
        if epoch < 3:
            job.stdin.write("\n")
            job.stdin.flush()
    os.kill(job.pid, number)
    _, errors = job.communicate(timeout=60)
    # whether Python dies of the interrupt or ends with 1 depends on what torch has imported
    assert job.returncode in ({-signal.SIGKILL} if number == signal.SIGKILL else {-signal.SIGINT, 1}), errors
    assert not (tmp_path / "release").exists()
    seen: list[int] = []
    assert equal(trained(tmp_path, lambda values, now: seen.append(now)), uninterrupted)
    assert seen == [3, 4, 5, 6]
