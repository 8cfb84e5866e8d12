"""A full disk, a folder without permission, a store that is gone: said as a file and a reason."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

# of libraries that write by themselves: Rust and Arrow say the number, torch and numpy only that it failed
NUMBER = re.compile(r"\((?:os )?error (\d+)\)|\[[Ee]rrno (\d+)\]")
FAILED_WRITE = re.compile(
    r"PytorchStreamWriter failed|unexpected pos \d+ vs \d+|file write failed|requested and \d+ written"
)
NAMES = ("filename", "filepath", "file", "path", "fname")  # a text under such a name is a file


def told_of(error: BaseException) -> str | None:
    """Return "<file>: <reason>" where the machine refused a file, by whatever library; None for any other error.

    An error that was raised `from` such a one is one, too; one that came about while it was being handled is not.
    """
    cause: BaseException | None = error
    while cause is not None:
        if reason := _reason(cause):
            file = getattr(cause, "filename", None) or next(_files_at_hand(cause.__traceback__), None)
            return reason if file is None else f"{os.fsdecode(file)}: {reason}"
        cause = cause.__cause__
    return None


def _reason(error: BaseException) -> str | None:
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    number = NUMBER.search(text) if isinstance(error, Exception) else None
    if number and (known := int(number[1] or number[2])) in errno.errorcode:
        return os.strerror(known)
    if isinstance(error, RuntimeError | OSError) and FAILED_WRITE.search(text):
        return "cannot be written (is the disk full?)"
    return text or type(error).__name__ if isinstance(error, OSError) else None


def _files_at_hand(trace: TracebackType | None) -> Iterator[str]:
    """Yield names of files that the code was busy with, innermost first: a failed write does not say to what."""
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        for name, value in frame.f_locals.items():
            if isinstance(value, io.IOBase) and isinstance(getattr(value, "name", None), str):
                yield str(value.name)  # type: ignore[attr-defined]
            elif isinstance(value, Path) or (isinstance(value, str) and name in NAMES and os.sep in value):
                yield str(value)
