"""`python -m src.run …` runs this checkout's code, in the processes it starts too, whatever copy is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SOURCES = str(Path(__file__).resolve().parent)
sys.path.insert(0, SOURCES)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCES, os.environ.get("PYTHONPATH"))))

from telltale.command import main  # noqa: E402 (only now is it this checkout's)

if __name__ == "__main__":
    main()
