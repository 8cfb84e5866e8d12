"""What the machine refuses is one line: a file and a reason."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from telltale.configuration.command_line import FAILED, configuration_folder, explain
from telltale.configuration.disk import told_of

FULL = Path("/dev/full")
WRITERS = {
    "text": lambda file: file.write_text("x" * 100_000),
    "numpy": lambda file: np.zeros(100_000).tofile(file),
    "torch": lambda file: torch.save(torch.zeros(100_000), file),
    "weights": lambda file: save_file({"w": torch.zeros(100_000)}, file / "x"),
}


@pytest.mark.skipif(not FULL.exists(), reason="a system without /dev/full")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_a_file_and_a_reason_whoever_writes(writer: str) -> None:
    """Catches a traceback of 109 lines, and a library that says it in its own way."""
    with pytest.raises(Exception) as raised:
        WRITERS[writer](FULL)
    code, line = explain(raised.value, configuration_folder())
    assert code == FAILED and line.startswith("error: /dev/full") and "\n" not in line, line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE])
def test_every_refusal_of_the_machine_is_told(number: int) -> None:
    """Catches a reason that only a full disk has, one hidden behind another error, and a bug taken for a full disk."""
    refused = OSError(number, os.strerror(number), "store/x")
    behind = RuntimeError("could not keep it")
    behind.__cause__ = refused
    assert told_of(refused) == told_of(behind) == f"store/x: {os.strerror(number)}"
    bug = KeyError("a bug")
    bug.__context__ = refused
    assert told_of(bug) is None
