"""Does this released model give away its training data, and what would stop it?

From Python: `telltale.audit` asks a model that you have, `telltale.score` judges scores that you have, `telltale.run`
plays any command line. Nothing slow is imported before one of them is asked for; `__init__.pyi` gives their types.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.19.0"
__all__ = ["Result", "audit", "run", "score"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("telltale.api"), name)
    raise AttributeError(f"module 'telltale' has no attribute {name!r}")
