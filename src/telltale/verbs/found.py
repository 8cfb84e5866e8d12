"""Runs that there are: found by their run.json, named by a part of their folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.reporting.earlier import ASIDE
from telltale.reporting.status import status_of

NOT_RUNS = ("store", "cache", "figures", "wandb", ".hydra", ASIDE)  # folders in which no run lies
LONGEST = 80  # characters of what was typed, in a table


@dataclass(frozen=True)
class Run:
    """A run's folder and what its files say; a file that is not there or cannot be read says nothing."""

    folder: Path

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """Return run.json."""
        return self._read("run.json")

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """Return metrics.json."""
        return self._read("metrics.json")

    @cached_property
    def configuration(self) -> Mapping[str, Any]:
        """Return config.yaml."""
        import yaml

        try:
            found = yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def status(self) -> str:
        """Return finished, failed, interrupted (also where it was killed) or running; unreadable without run.json."""
        return status_of(self.document) if self.document else "unreadable"

    @property
    def attack(self) -> str:
        """Return the word of its attack."""
        return str(dict(self.document.get("words") or {}).get("attack", ""))

    @property
    def typed(self) -> str:
        """Return the words that made it, without where it lies."""
        words = [str(word) for word in self.document.get("overrides") or ()]
        return " ".join(word for word in words if not word.startswith(("hydra.", "paths.", "logger=", "sweep.")))

    @property
    def needs(self) -> frozenset[str] | None:
        """Return the entries of the store that it used, as kind/key; None where it does not say."""
        kinds = self.document.get("entries")
        if not isinstance(kinds, Mapping):
            return None
        return frozenset(f"{kind}/{key}" for kind, keys in kinds.items() for key in str(keys).split())

    @property
    def answer(self) -> Mapping[str, Any]:
        """Return what it answered; empty where it did not."""
        return dict(self.metrics.get("answer") or {})

    @property
    def name(self) -> str:
        """Return where it lies, from here where that is shorter."""
        folder = self.folder.resolve()
        return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def runs_below(outputs: Path) -> list[Run]:
    """Return the runs below a folder, newest first. Raises InputError where there is no such folder."""
    if not outputs.is_dir():
        raise InputError("--outputs", outputs, "no such folder; it is the one that paths.outputs names")
    runs = [Run(Path(place)) for place in _places(outputs)]
    return sorted(runs, key=lambda run: (str(run.document.get("began", "")), str(run.folder)), reverse=True)


def _places(outputs: Path) -> Iterator[str]:
    for place, folders, files in os.walk(outputs):
        folders[:] = sorted(name for name in folders if name not in NOT_RUNS)
        if "run.json" in files:
            yield place


def run_named(name: str, outputs: Path) -> Run:
    """Return the run in a folder, or the only one below `outputs` whose folder's name has this part.

    Raises InputError where there is none, or more than one.
    """
    place = Path(name).expanduser()
    if (place / "run.json").is_file():
        return Run(place)
    runs = runs_below(outputs)
    exact = [run for run in runs if run.folder.name == name]
    found = exact or [run for run in runs if name in str(run.folder.relative_to(outputs))]
    if len(found) == 1:
        return found[0]
    if not found:
        newest = f"; the newest are {', '.join(run.name for run in runs[:3])}" if runs else ""
        raise InputError("RUN", name, f"no folder with a run.json, and no run below {outputs} is called so{newest}")
    shown = ", ".join(run.name for run in found[:3]) + (", …" if len(found) > 3 else "")
    raise InputError("RUN", name, f"{len(found)} runs are called so: {shown}")


def shortened(text: str) -> str:
    """Cut a text to what a table has room for."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a heading, each column as wide as its widest cell."""
    lines = [heading, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def number(metric: Mapping[str, Any]) -> str:
    """Write a metric of metrics.json with its interval."""
    if metric.get("value") is None:
        return "–"
    if metric.get("low") is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
