"""What a paper's runs need that only its user has: folders, each named by an environment variable (`needs:` there)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telltale.errors import InputError


def unmet(paper: Mapping[str, Any]) -> InputError | None:
    """Return the mistake that names the first folder which is not there; None where all are.

    paper: a file of conf/paper, whose `needs` says of each variable what folder it names.
    """
    for variable, what in paper.get("needs", {}).items():
        folder = os.environ.get(variable, "")
        if not folder or not Path(folder).expanduser().is_dir():
            return InputError(variable, folder or "unset", f"an environment variable that names {what}")
    return None


def require(papers: Mapping[str, Mapping[str, Any]], alone: bool) -> dict[str, str]:
    """Say of each paper that cannot be run why: name -> line. Raises InputError where it is `alone` asked for."""
    refused = {name: mistake for name, paper in papers.items() if (mistake := unmet(paper))}
    if alone:
        for mistake in refused.values():
            raise mistake
    return {name: f"{name} is left out: {mistake}" for name, mistake in refused.items()}
