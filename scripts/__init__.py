"""Commands that measure, fetch and write pages; each runs the checkout it stands in, whatever copy is installed."""

import os
import sys
from pathlib import Path

_SOURCES = str(Path(__file__).resolve().parent.parent / "src")
sys.path.insert(0, _SOURCES)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_SOURCES, os.environ.get("PYTHONPATH"))))
