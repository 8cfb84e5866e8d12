"""Files of a job of a sweep, whichever version wrote them and however they lasted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)  # a file that says nothing


def read_document(file: Path) -> dict[str, Any]:
    """Return what a file says; nothing where it is not there. Raises one of UNREADABLE."""
    document = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if not isinstance(document, dict):
        raise TypeError(f"a {type(document).__name__} where names with values were expected")
    return document
