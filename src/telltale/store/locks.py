"""Locks for one folder that several machines see.

Two halves, both held. *flock* is given back by the kernel, or by the file server, when its process ends: on local
disks, NFSv4, NFSv3 with lockd, SMB, Lustre mounted with `flock`. Where there is none, or one that this machine alone
sees (NFS mounted with `nolock`, Lustre with `localflock`), the *claim* keeps others out: a file that is written whole
and then given its name by a link, or, where there are none, made exclusively; each of these file systems does either
for one alone. It names its holder: machine and process; its modification time is a heartbeat. The claim of a dead
process of this machine is taken over at once; that of another machine when its heartbeat has stood still for `STALE`
seconds by the clock of who watches it: no two machines' clocks are compared.
A machine that sleeps for longer may find its work done by another: both make the same bits, and of two entries of the
store the one that was renamed into its place first stays.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from telltale.process import is_of_this_machine, is_there, this_process
from telltale.store.others import exists, look

HEARTBEAT, STALE = 15.0, 120.0  # seconds
POLL, LONGEST = 0.02, 1.0  # seconds between two looks at a claim that another one holds: the first, and the most
LOCK, CLAIM = ".lock", ".claim"  # what the names of files end in
TAKEN, NEW = ".taken", ".new"  # of a claim taken over, and of one that is being written
NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class Lock:
    """Holds the name of a piece of work, `<name>.lock`, beside `<name>.claim`."""

    def __init__(self, file: Path) -> None:
        self.file, self.claim = file, file.with_suffix(CLAIM)
        self._lock, self._token = FileLock(file, fallback_to_soft=False), ""
        self._watched = _Watched()  # also from one question to the next, of who does not wait

    def acquire(self, wait: bool = True) -> None:
        """Take it; raises Timeout where another one has it and `wait` is False."""
        try:
            look(lambda: self._lock.acquire(timeout=-1 if wait else 0))
        except OSError as error:
            if isinstance(error, Timeout) or error.errno not in NO_FLOCK:
                raise
        pause = POLL
        try:
            while not self._claimed(self._watched):
                if not wait:
                    raise Timeout(str(self.claim))
                time.sleep(pause)
                pause = min(LONGEST, 1.5 * pause)
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Give it back."""
        hearts.stop(self.claim)
        with suppress(OSError):
            if _read(self.claim).get("token") == self._token:  # else it was taken over
                self.claim.unlink()
        self._lock.release()

    def holder(self) -> dict[str, object]:
        """Return the process that holds it, as `this_process` describes one; {} where none does, or none is named."""
        try:
            return _read(self.claim)
        except FileNotFoundError:
            return {}

    def forget(self) -> None:
        """Delete its file, while it is held: whoever waits makes another one."""
        with suppress(OSError):  # Windows keeps files that are open
            self.file.unlink()

    def _claimed(self, watched: _Watched) -> bool:
        """Try to write the claim, taking over one whose holder is gone."""
        if self._written():
            return True
        try:
            holder, beat = look(lambda: (_read(self.claim), self.claim.stat().st_mtime_ns))
        except FileNotFoundError:
            return self._written()
        if _is_gone(holder) or watched.for_seconds(holder.get("token"), beat) >= STALE:
            aside = self.claim.with_name(f"{self.claim.stem}-{uuid.uuid4().hex[:8]}{TAKEN}")
            with suppress(FileNotFoundError):  # another one was faster
                look(lambda: self.claim.rename(aside))
                if _read(aside) != holder:  # …and has it by now: what was taken away is given back
                    with suppress(OSError):
                        os.link(aside, self.claim)
                aside.unlink()
        return self._written()

    def _written(self) -> bool:
        """Write the claim, whole or not at all: one that names nobody, as a full disk leaves it, would stay."""
        if exists(self.claim):
            return False
        token = uuid.uuid4().hex
        text = json.dumps(this_process() | {"token": token})
        written = self.claim.with_name(f"{self.claim.stem}-{token[:8]}{NEW}")
        try:
            written.write_text(text, encoding="utf-8")
            made = _linked(written, self.claim, text)
        finally:
            with suppress(OSError):
                written.unlink()
        if made:
            self._token = token
            hearts.start(self.claim)
        return made


class _Watched:
    """How long a heartbeat has stood still, by the clock of this process."""

    def __init__(self) -> None:
        self.seen, self.since = None, 0.0  # type: tuple[object, int] | None, float

    def for_seconds(self, token: object, beat: int) -> float:
        """Return how long nothing has changed."""
        if self.seen != (token, beat):
            self.seen, self.since = (token, beat), time.monotonic()
        return time.monotonic() - self.since


class _Hearts:
    """One thread that touches all claims of this process."""

    def __init__(self) -> None:
        self.claims: set[Path] = set()
        self.thread: threading.Thread | None = None
        self.process = os.getpid()

    def start(self, claim: Path) -> None:
        """Keep a claim alive."""
        if self.process != os.getpid():  # forked: those that are here are another's, and would outlive it
            self.claims, self.thread, self.process = set(), None, os.getpid()
        self.claims.add(claim)
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._beat, name="store-claims", daemon=True)
            self.thread.start()

    def stop(self, claim: Path) -> None:
        """Leave it alone."""
        self.claims.discard(claim)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT)
            for claim in list(self.claims):
                with suppress(OSError):
                    os.utime(claim)


hearts = _Hearts()


def _is_gone(holder: dict[str, object]) -> bool:
    """Say whether a claim's process was one of this machine and is there no more."""
    return is_of_this_machine(holder) and not is_there(holder)


def _linked(written: Path, claim: Path, text: str) -> bool:
    """Give a file with this text the name of a claim too; tells whether the name was free."""
    try:
        os.link(written, claim)
    except FileExistsError:
        with suppress(OSError):  # NFS says so, too, of a link that it made and whose first answer was lost
            return claim.samefile(written)
        return False
    except OSError:  # no file has two names here, or it says why nothing can be written
        return _made(claim, text)
    return True


def _made(claim: Path, text: str) -> bool:
    """Make a claim under its own name; tells whether that was free."""
    try:
        stream = claim.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with stream:
            stream.write(text)
    except OSError:
        claim.unlink()
        raise
    return True


def _read(claim: Path) -> dict[str, object]:
    """Return who holds a claim; {} where it names nobody."""
    try:
        document = json.loads(look(lambda: claim.read_text(encoding="utf-8")))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
