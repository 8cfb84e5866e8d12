"""What a search came to: the front as a figure, and what was played again as a table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.defend.search import Found
from scripts.pages import html
from telltale.reporting.figures import MISS, RIVALS, TARGET, new_figure, save_png
from telltale.writing import write_table, write_text

TEMPLATE = Path(__file__).with_name("defend.html.jinja")
COLUMNS = ("choice", "options", "attack", "leak", "low", "high", "utility", "low", "high", "seeds")
Cell = tuple[float, float, float]


@dataclass(frozen=True)
class Chosen:
    """One choice of the search on fresh seeds.

    attack         the strongest on the search's seed
    leak, utility  value, low, high over the seeds
    """

    found: Found
    attack: str
    leak: Cell
    utility: Cell
    seeds: int

    @property
    def name(self) -> str:
        """The choice as one types it, less the group."""
        shown = [option.partition("=") for option in self.found.options]
        return ", ".join([self.found.word, *(f"{name.rpartition('.')[2]} {value}" for name, _, value in shown)])


@dataclass(frozen=True)
class Searched:
    """All of one command."""

    find: str
    game: Sequence[str]
    scale: str
    found: Sequence[Found]
    chosen: Sequence[Chosen]
    ceiling: float

    @property
    def below(self) -> list[Chosen]:
        """Those whose leak is surely below the ceiling, the most useful first."""
        kept = [one for one in self.chosen if one.leak[2] <= self.ceiling]
        return sorted(kept, key=lambda one: -one.utility[0])

    @property
    def perhaps_below(self) -> list[Chosen]:
        """Those whose leak lies below the ceiling, but not surely, the most useful first."""
        kept = [one for one in self.chosen if one.leak[0] <= self.ceiling < one.leak[2]]
        return sorted(kept, key=lambda one: -one.utility[0])

    def told(self) -> list[str]:
        """Say what was found, in sentences."""
        failed = sum(one.values is None for one in self.found)
        lines = [f"{len(self.found)} trials of {len({one.word for one in self.found})} words, {failed} failed"]
        if not self.chosen:
            return [*lines, "nothing was found: no choice could be played again"]
        if self.find == "attack":
            best = max(self.chosen, key=lambda one: one.leak[0])
            surely = "surely" if best.leak[1] > 0 else "not surely"
            return [
                *lines,
                f"strongest: {best.name}; it finds {text(best.leak)} more than its control, {surely} above 0",
            ]
        if not self.below:
            least = min(self.chosen, key=lambda one: one.leak[2])
            nearest = f"the nearest is {least.name} with {text(least.leak)}"
            return [*lines, f"no defence is surely below the ceiling of {self.ceiling:g}: {nearest}"]
        best, undefended = self.below[0], [one for one in self.chosen if one.found.word == "none"]
        useful = f"utility {text(best.utility)}" + "".join(f", undefended {text(one.utility)}" for one in undefended)
        lines += [f"best below the ceiling of {self.ceiling:g}: {best.name}; leak {text(best.leak)}, {useful}"]
        for one in self.perhaps_below:
            if one.utility[0] > best.utility[0]:
                found = f"leak {text(one.leak)}, utility {text(one.utility)}"
                lines += [f"more useful, and perhaps below it, which more seeds would tell: {one.name}; {found}"]
        return lines


def write(searched: Searched, folder: Path) -> list[Path]:
    """Write defend.html, its table as CSV, and the figure; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    page, table, picture = folder / "defend.html", folder / "chosen.csv", folder / "front.png"
    rows = [
        [one.found.word, " ".join(one.found.options), one.attack, *one.leak, *one.utility, one.seeds]
        for one in searched.chosen
    ]
    write_table(table, [COLUMNS, *rows])
    words = {
        **{"searched": searched, "lines": searched.told(), "text": text, "picture": None},
        "trials": [(number, one) for number, one in enumerate(searched.found)],
        "seeds": searched.chosen[0].seeds if searched.chosen else 0,
    }
    files = [page, table]
    if searched.find == "defense" and searched.chosen:
        files.append(draw(searched, picture))
        words["picture"] = base64.b64encode(picture.read_bytes()).decode()
    what = "Defences" if searched.find == "defense" else "Attacks"
    write_text(page, html(TEMPLATE, f"{what} searched: {' '.join(searched.game)}, scale {searched.scale}", words))
    return files


def draw(searched: Searched, file: Path) -> Path:
    """Draw leak against utility: each trial a dot, what was played again with its intervals and a number."""
    figure, axes = new_figure("Leak against utility", "leak of the strongest attack, over control", "utility", 5.0)
    dots = np.array([one.values for one in searched.found if one.values is not None])
    axes.scatter(dots[:, 0], dots[:, 1], s=16, color=MISS, label="trials, on the seed searched", zorder=2)
    for number, one in enumerate(searched.chosen, 1):
        colour = TARGET if one in searched.below else RIVALS[0]
        axes.errorbar(
            one.leak[0],
            one.utility[0],
            xerr=[[one.leak[0] - one.leak[1]], [one.leak[2] - one.leak[0]]],
            yerr=[[one.utility[0] - one.utility[1]], [one.utility[2] - one.utility[0]]],
            fmt="o",
            color=colour,
            markersize=5,
            linewidth=1.2,
            label=f"{number}: {one.name}",
        )
        corner = (5.0, 5.0)
        axes.annotate(str(number), (one.leak[0], one.utility[0]), xytext=corner, textcoords="offset points", fontsize=9)
    axes.axvline(searched.ceiling, color="#374151", linewidth=1, linestyle=(0, (4, 3)), label="ceiling")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=1, frameon=False, fontsize=9)
    return save_png(figure, file)


def text(cell: Cell) -> str:
    """Write a value with its interval."""
    value, low, high = cell
    return f"{value:.3f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{value:.3f}"
