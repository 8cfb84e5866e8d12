"""What another process computes ahead: the store has what the flow would have made itself, and nobody is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from telltale.data import ahead
from telltale.data.ahead import settle
from telltale.data.kept import Kept
from telltale.store.store import Store


def numbers(seconds: float = 0.0) -> dict[str, np.ndarray]:
    time.sleep(seconds)
    return {"made by": np.array(os.getpid())}


def fails() -> dict[str, np.ndarray]:
    raise ValueError("no number")


def asked(kept: Kept, of: str) -> int:
    return int(kept.arrays("numbers", {"of": of}, numbers, __name__)["made by"])


def begun(kept: Kept, of: str) -> int:
    kept.begin("numbers", {"of": of}, numbers, __name__)
    time.sleep(0.1)  # until it is come to
    return asked(kept, of)


def test_what_was_begun_is_there_and_the_rest_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches work done twice or waited for, an error that is lost, and workers that hear Ctrl-C or are left behind."""
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    kept = Kept(Store(tmp_path))
    with ahead.ahead():
        worker = begun(kept, "first")
        assert worker != os.getpid()
        os.kill(worker, signal.SIGINT)  # it waits for a task
        time.sleep(0.2)
        assert begun(kept, "second") == worker, "Ctrl-C is for who started it"
        kept.begin("numbers", {"of": "failed"}, fails, __name__)
        kept.begin("numbers", {"of": "long"}, partial(numbers, 60.0), __name__)
        kept.begin("numbers", {"of": "waits"}, partial(numbers, 60.0), __name__)
        assert asked(kept, "waits") == os.getpid(), "it is taken back"
        with pytest.raises(ValueError, match="no number"):
            kept.arrays("numbers", {"of": "failed"}, fails, __name__)
        assert len(kept.store.served) == 3  # type: ignore[union-attr]
        began = time.monotonic()
    assert time.monotonic() - began < 30, "nobody waits for what is wanted no more"
    assert not [child for child in multiprocessing.active_children() if "Spawn" in type(child).__name__]


def test_outside_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches processes that a call from Python, or one core, starts without an end, and work that nobody can find."""
    monkeypatch.setattr(ahead, "_Workers", None)
    kept = Kept(Store(tmp_path))
    kept.begin("numbers", {"of": "a"}, numbers, __name__)
    (tmp_path / "release").mkdir()
    with ahead.ahead(), monkeypatch.context() as read_only:
        read_only.setattr(ahead, "cores", lambda: 2)
        read_only.setattr("os.access", lambda *_: False)
        kept.begin("numbers", {"of": "a"}, numbers, __name__)
    monkeypatch.setattr(ahead, "cores", lambda: 1)
    with ahead.ahead():
        kept.begin("numbers", {"of": "a"}, numbers, __name__)
        settle("a")
        assert asked(kept, "a") == os.getpid()
