"""The torture of the command: what must hold whatever is done to a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.torture import __main__ as torture
from scripts.torture.row import Row
from scripts.torture.scene import row


def test_what_was_not_survived_is_counted_as_what_it_is() -> None:
    """Catches a table that is well where it is not."""
    found = row("kill", ["", "wrong: hung", "silent: other figures", "traceback"], "note")
    assert (found.faults, found.survived, found.wrong, found.silent, found.tracebacks) == (4, 1, 1, 1, 1)
    assert not found.is_well and row("kill", ["", ""]).is_well
    assert not Row("kill", 2, 1).is_well  # one fault of which nobody knows what became


@pytest.mark.slow
@pytest.mark.parametrize("test", torture.TESTS)
def test_the_command_survives_a_short_torture(test: str, tmp_path: Path) -> None:
    """Catches a kill, a race, a damaged file, a full disk, a signal or a nonsense word that something is lost to."""
    code = torture.main([test, "--trials", "9", "--seed", "1", "--folder", str(tmp_path)])
    rows = json.loads((tmp_path / "torture.json").read_text())["rows"]
    assert code == 0, rows
