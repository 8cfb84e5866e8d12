"""Worker processes: only where starting them does no harm."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from telltale.data import workers


@pytest.mark.parametrize(
    ("text", "name", "several"),
    [
        ('if __name__ == "__main__":\n    run()\n', "", True),
        ("run()\n", "", False),
        ("run()\n", "package.__main__", True),
        (None, "", False),
    ],
    ids=["guarded", "unguarded", "python -m package", "standard input"],
)
def test_a_script_that_a_child_would_run_again_has_one_core(
    text: str | None, name: str, several: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a user's script that is played once by each worker, and each time writes a run of its own."""
    script = tmp_path / "script.py"
    if text is not None:
        script.write_text(text, encoding="utf-8")
    main = SimpleNamespace(__file__=str(script), __spec__=SimpleNamespace(name=name) if name else None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert workers.cores() == (2 if several else 1)
