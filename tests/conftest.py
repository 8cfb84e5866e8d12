"""Every test begins alike, whatever ran before it in its process; processes that tests start run this checkout.

One thread a process: small matrices gain nothing from more, and wait for them ten times as long when busy.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

SOURCES = str(Path(__file__).resolve().parents[1] / "src")
# processes that tests start run this checkout too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCES, os.environ.get("PYTHONPATH"))))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; commands started by tests inherit it
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # workers are given one: what is printed must not depend on who runs the tests


@pytest.fixture(autouse=True)
def as_at_the_start() -> None:
    """Forget what a command in this process leaves behind: Hydra, the handlers of our log, torch's global generator."""
    GlobalHydra.instance().clear()
    log = logging.getLogger("telltale")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    log.propagate = True
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say the order, which `-q` keeps pytest-randomly from saying: by its seed the order can be had again."""
    seed = getattr(terminalreporter.config.option, "randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"this order again: --randomly-seed={seed}")
