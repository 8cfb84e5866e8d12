"""One thread a test process: small matrices gain nothing from more, and wait for them ten times as long when busy."""

from __future__ import annotations

import os
from pathlib import Path

SOURCES = str(Path(__file__).resolve().parents[1] / "src")
# processes that tests start run this checkout too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCES, os.environ.get("PYTHONPATH"))))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; commands started by tests inherit it
os.environ.setdefault("MKL_NUM_THREADS", "1")
