"""One thread a test process: small matrices gain nothing from more, and wait for them ten times as long when busy."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; commands started by tests inherit it
os.environ.setdefault("MKL_NUM_THREADS", "1")
