"""What pages that scripts write have in common."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from telltale import reporting


def machine(*libraries: str) -> str:
    """Say on what the figures of a page were measured, and when: cores, versions, the day."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}; {time.strftime('%Y-%m-%d')}."


def html(template: Path, heading: str, words: Mapping[str, Any]) -> str:
    """Render a template that extends page.html.jinja; every text is escaped, as some repeat what a user typed."""
    style = Path(reporting.__file__).parent  # what all pages look like
    loader = FileSystemLoader([template.parent, Path(__file__).parent, style])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template.name).render(heading=heading, **words)
