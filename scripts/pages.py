"""What pages that scripts write have in common."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time


def machine(*libraries: str) -> str:
    """Say on what the figures of a page were measured, and when: cores, versions, the day."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}; {time.strftime('%Y-%m-%d')}."
