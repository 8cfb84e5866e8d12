"""Locks for a folder that several machines see: also where flock is missing, and where a holder died elsewhere."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from telltale.process import this_process
from telltale.store import locks
from telltale.store.digests import document_in, fault_of
from telltale.store.locks import Lock


class WithoutFlock:
    """What filelock says on a file system that has no flock: NFS without lockd."""

    def __init__(self, file: Path, **options: Any) -> None:
        pass

    def acquire(self, **options: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    def release(self) -> None:
        pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LONGEST", 0.02)
    monkeypatch.setattr(locks, "STALE", 0.3)


def claimed_by(file: Path, **holder: Any) -> Path:
    claim = file.with_suffix(".claim")
    claim.write_text(json.dumps(this_process() | {"token": "theirs"} | holder))
    return claim


@pytest.mark.parametrize("flock", [FileLock, WithoutFlock])
def test_one_at_a_time(flock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches two who hold the same lock, and one that nobody gets any more."""
    monkeypatch.setattr(locks, "FileLock", flock)
    inside, most, turns = [0], [0], []

    def work() -> None:
        for _ in range(5):
            lock = Lock(tmp_path / "work.lock")
            lock.acquire()
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.001)
            turns.append(1)
            inside[0] -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] and len(turns) == 30
    assert not (tmp_path / "work.claim").exists()


def test_who_does_not_wait_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a claim that is not asked for where flock gives the lock to everybody: NFS mounted with nolock."""
    held = Lock(tmp_path / "work.lock")
    held.acquire()
    monkeypatch.setattr(locks, "FileLock", WithoutFlock)
    with pytest.raises(Timeout):
        Lock(tmp_path / "work.lock").acquire(wait=False)
    held.release()
    Lock(tmp_path / "work.lock").acquire(wait=False)


def test_the_claim_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path: Path) -> None:
    """Catches a run that waits for one that was killed, and one that takes a new process for the old."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for gone in ({"pid": ended.pid}, {"started": 1.0}):
        claimed_by(tmp_path / "work.lock", **gone)
        lock = Lock(tmp_path / "work.lock")
        lock.acquire(wait=False)
        lock.release()
    claimed_by(tmp_path / "work.lock")
    with pytest.raises(Timeout):
        Lock(tmp_path / "work.lock").acquire(wait=False)
    assert [file.name for file in tmp_path.iterdir() if "taken" in file.name] == []


@pytest.mark.parametrize("unfinished", [False, True])
def test_the_claim_of_another_machine_ends_with_its_heartbeat(unfinished: bool, tmp_path: Path) -> None:
    """Catches a lock that a dead machine holds for ever, and one taken from a machine whose clock errs."""
    claim = claimed_by(tmp_path / "work.lock", host="elsewhere", pid=1)
    if unfinished:
        claim.write_text("")
    os.utime(claim, (1, 1))  # by their clock
    taken = threading.Event()

    def want() -> None:
        Lock(tmp_path / "work.lock").acquire()
        taken.set()

    thread = threading.Thread(target=want)
    thread.start()
    for beat in range(2, 6):
        os.utime(claim, (beat, beat))
        assert not taken.wait(0.1)
    assert taken.wait(10)
    thread.join()
    assert json.loads(claim.read_text())["pid"] == os.getpid()


def test_a_claim_that_another_one_took_over_meanwhile_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches two machines that both find a claim stale, and the slower one taking it from the faster."""
    claim = claimed_by(tmp_path / "work.lock", pid=1, started=1.0)

    def slow(holder: Any) -> bool:
        claimed_by(tmp_path / "work.lock", token="of the faster")
        return holder["token"] == "theirs"

    monkeypatch.setattr(locks, "_is_gone", slow)
    with pytest.raises(Timeout):
        Lock(tmp_path / "work.lock").acquire(wait=False)
    assert json.loads(claim.read_text())["token"] == "of the faster"


def test_a_held_claim_has_a_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a long training whose lock others take for a dead one's."""
    monkeypatch.setattr(locks, "HEARTBEAT", 0.02)
    monkeypatch.setattr(locks, "hearts", locks._Hearts())
    lock = Lock(tmp_path / "work.lock")
    lock.acquire()
    os.utime(lock.claim, (1, 1))
    end = time.monotonic() + 10
    while lock.claim.stat().st_mtime == 1:
        assert time.monotonic() < end
        time.sleep(0.01)
    lock.release()


def test_a_full_disk_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a claim that names nobody, on which everybody waits: with links, and where no file has two names."""

    def no_room(*of: Any, **options: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_links(*names: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(locks.json, "dump", no_room)
        patched.setattr(Path, "write_text", no_room)
        with pytest.raises(OSError, match="No space"):
            Lock(tmp_path / "work.lock").acquire()
    assert {file.name for file in tmp_path.iterdir()} <= {"work.lock"}
    monkeypatch.setattr(os, "link", no_links)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(Path, "open", lambda file, mode, **options: Full(io.FileIO(file, mode)))
        locks._made(tmp_path / "work.claim", "who")
    assert {file.name for file in tmp_path.iterdir()} <= {"work.lock"}
    lock = Lock(tmp_path / "work.lock")
    lock.acquire()
    assert lock.holder()["pid"] == os.getpid()
    with pytest.raises(Timeout):
        Lock(tmp_path / "work.lock").acquire(wait=False)
    lock.release()
    assert lock.holder() == {}


class Full:
    """A file on a disk that has no room."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *error: Any) -> None:
        self.stream.close()

    def write(self, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_link_that_was_made_and_denied_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a claim of our own that we wait for: NFS loses an answer, asks again, and the name is taken."""
    link = os.link

    def denied(file: Path, name: Path) -> None:
        link(file, name)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", denied)
    lock = Lock(tmp_path / "work.lock")
    lock.acquire(wait=False)
    lock.release()


def test_a_forked_process_keeps_no_claim_of_its_parents_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a child that takes a lock of its own, and holds its parent's for it when that is gone."""
    hearts = locks._Hearts()
    monkeypatch.setattr(hearts, "_beat", lambda: None)
    hearts.start(tmp_path / "parent.claim")
    monkeypatch.setattr(os, "getpid", lambda: hearts.process + 1)
    hearts.start(tmp_path / "child.claim")
    assert hearts.claims == {tmp_path / "child.claim"}


def test_a_stale_handle_is_looked_up_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a run that ends because another machine replaced or deleted the file that it was reading, on NFS."""
    read, stale = Path.read_text, [2]

    def read_text(file: Path, *of: Any, **options: Any) -> str:
        if stale[0]:
            stale[0] -= 1
            raise OSError(errno.ESTALE, "Stale file handle", str(file))
        return read(file, *of, **options)

    claim = claimed_by(tmp_path / "work.lock")
    (tmp_path / "entry.json").write_text("{}")
    monkeypatch.setattr(Path, "read_text", read_text)
    assert Lock(tmp_path / "work.lock").holder()["token"] == "theirs" and stale == [0]
    stale[0] = 2
    assert document_in(tmp_path) == {} and stale == [0]
    stale[0] = 10**9
    with pytest.raises(Timeout):  # gone, made anew, gone again: no error of its own
        Lock(tmp_path / "work.lock").acquire(wait=False)
    assert Lock(tmp_path / "work.lock").holder() == {} and document_in(tmp_path) is None and claim.exists()


def test_a_damage_is_not_made_of_a_stale_handle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a sound entry that is set aside, and trained again, because its folder was just replaced."""
    (tmp_path / "entry.json").write_text("{}")
    scandir, stale = os.scandir, [1]

    def listed(folder: Path) -> Any:
        if stale[0]:
            stale[0] -= 1
            raise OSError(errno.ESTALE, "Stale file handle", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", listed)
    assert fault_of(tmp_path) == ""


def test_a_lock_that_was_taken_over_is_not_given_back_twice(tmp_path: Path) -> None:
    """Catches a machine that slept and, on waking, deletes the claim of who went on in its place."""
    lock = Lock(tmp_path / "work.lock")
    lock.acquire()
    claim = claimed_by(tmp_path / "work.lock", host="elsewhere")
    lock.release()
    assert json.loads(claim.read_text())["token"] == "theirs"
