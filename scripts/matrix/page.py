"""The matrix as a page, and as a table that other programs read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.matrix.cells import Cell, Played
from scripts.pages import html
from telltale.papers.results import Measured
from telltale.writing import write_table, write_text

TEMPLATE = Path(__file__).with_name("matrix.html.jinja")
COLUMNS = (
    *("kind", "game", "attack", "defense", "metric", "value", "low", "high"),
    *("leak", "leak_low", "leak_high", "over", "verdict", "utility", "utility_value", "seconds", "run"),
)


@dataclass(frozen=True)
class Refused:
    """Why a game was not played under a defence, or failed."""

    reason: str
    failed: bool = False


@dataclass(frozen=True)
class Block:
    """One game: the attack that leads it, and what came out under each defence; folders: of the runs."""

    kind: str
    game: str
    leader: str
    outcomes: Mapping[str, Played | Refused]
    folders: Mapping[str, Path]

    @property
    def attacks(self) -> list[str]:
        """All attacks that some run had, the leader first."""
        played = [outcome for outcome in self.outcomes.values() if isinstance(outcome, Played)]
        return list(dict.fromkeys([self.leader, *(name for one in played for name in one.attacks)])) if played else []

    @property
    def utility(self) -> str:
        """Name of the figure that says what the model is still good for; empty where nothing was played."""
        played = [outcome.utility for outcome in self.outcomes.values() if isinstance(outcome, Played)]
        return next((name for name in (played[0] if played else {})), "")


def write(blocks: Sequence[Block], scale: str, folder: Path) -> list[Path]:
    """Write matrix.html and matrix.csv; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    page, table = folder / "matrix.html", folder / "matrix.csv"
    write_table(table, [COLUMNS, *lines(blocks, folder)])
    words = {
        **{"scale": scale, "kinds": _by_kind(blocks), "counts": counts(blocks)},
        **{"shown": shown, "signed": signed, "number": number, "title": title},
        "link": lambda run: _link(run, folder),
        "is_played": lambda outcome: isinstance(outcome, Played),
    }
    write_text(page, html(TEMPLATE, f"Attacks against defences, scale {scale}", words))
    return [page, table]


def lines(blocks: Sequence[Block], folder: Path) -> list[list[Any]]:
    """Return a line a cell, what was not played included."""
    rows: list[list[Any]] = []
    for block in blocks:
        for defense, outcome in block.outcomes.items():
            place = [block.kind, block.game]
            if isinstance(outcome, Refused):
                rows.append([*place, block.leader, defense, *[""] * 8, outcome.reason, *[""] * 4])
                continue
            useful = [block.utility, outcome.utility.get(block.utility, "")]
            for name, cell in outcome.attacks.items():
                leak = [cell.leak.value, cell.leak.low, cell.leak.high] if cell.leak else ["", "", ""]
                found = [cell.metric, cell.found.value, cell.found.low, cell.found.high]
                run = _link(block.folders[defense], folder)
                rows.append(
                    [*place, name, defense, *found, *leak, cell.control, cell.verdict, *useful, cell.seconds, run]
                )
    return rows


def counts(blocks: Sequence[Block]) -> dict[str, int]:
    """Count cells by what came out."""
    found = {"leaks": 0, "not above": 0, "unclear": 0, "not judged": 0, "not played": 0}
    for block in blocks:
        for outcome in block.outcomes.values():
            if isinstance(outcome, Refused):
                found["not played"] += 1
                continue
            for cell in outcome.attacks.values():
                found[cell.verdict] += 1
    return found


def shown(interval: Measured) -> str:
    """Write a value with its interval."""
    if not math.isfinite(interval.low):
        return number(interval.value)
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"


def signed(cell: Cell) -> str:
    """Write the leak with its sign, and over what."""
    if cell.leak is None:
        return "nothing to compare with"
    return f"{cell.leak.value:+.2f} [{cell.leak.low:+.2f}, {cell.leak.high:+.2f}] over {cell.control}"


def number(value: float) -> str:
    """Write a figure short enough for a cell."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def title(name: str) -> str:
    """Write a name as words."""
    return name.replace("_", " ")


def _by_kind(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    kinds: dict[str, list[Block]] = {}
    for block in blocks:
        kinds.setdefault(block.kind, []).append(block)
    return kinds


def _link(run: Path, folder: Path) -> str:
    return Path(os.path.relpath(run / "report.html", folder)).as_posix()
