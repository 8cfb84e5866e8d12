"""How seconds and memory grow with victims and points: the slope of each stage and rival in a plot of logarithms."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.command import Run, run
from telltale.papers.grid_view import markdown

EPOCHS = 10
VICTIMS, POINTS = (16, 64, 256), (500, 1000, 2000, 4000)
FLOOR = 0.5  # seconds of a stage at the largest size, below which a slope says nothing
STEEPEST, LARGEST_GB = 1.3, 1.2
MEMORY = "peak memory"


def stages(words: Sequence[str], scale: str = "small") -> dict[str, float]:
    """Run `attack=lira` from an empty store: seconds by stage and by rival, and gigabytes of peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        given = ["attack=lira", f"scale={scale}", *words, "logger=none", f"paths.outputs={folder}/outputs"]
        ended: Run = run([*given, f"hydra.run.dir={folder}/run"])
        found = json.loads((Path(folder) / "run" / "metrics.json").read_text())
        peak = json.loads((Path(folder) / "run" / "run.json").read_text())["peak_memory_gb"]
        rivals = {f"{name}, of rivals": found["costs"][name]["seconds"] for name in found["rivals"]}
        return {**found["seconds"], **rivals, "whole command": ended.seconds, MEMORY: peak}


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds over log size by least squares: 1 is proportional.

    >>> round(slope([10, 20, 40], [1.0, 4.0, 16.0]), 3)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def steepest(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the larger of the slope over all sizes and that of the last two, where fixed costs hide least."""
    return max(slope(sizes, seconds), slope(sizes[-2:], seconds[-2:]))


def table(what: str, found: Mapping[int, Mapping[str, float]]) -> str:
    """Tabulate seconds by stage and size, with the slope of those that take long enough to have one."""
    sizes, rows = [*found], []
    for stage in found[sizes[-1]]:
        seconds = [max(found[size].get(stage, 0.0), 0.001) for size in sizes]
        if stage == MEMORY:
            said = f"at most {LARGEST_GB:g} GB wanted"
        elif seconds[-1] < FLOOR:
            said = f"below {FLOOR:g} s"
        else:
            at = steepest(sizes, seconds)
            said = f"{at:.2f}" + ("" if at <= STEEPEST else f", **above {STEEPEST:g}**")
        unit = "GB" if stage == MEMORY else "s"
        rows.append([stage, *(f"{one:.2f} {unit}" for one in seconds), said])
    return markdown([[what, *(f"{size:,}" for size in sizes), "slope"], *rows])


def section() -> str:
    """Return the section of docs/benchmarks.md."""
    victims: dict[int, dict[str, float]] = {}
    points: dict[int, dict[str, float]] = {}
    epochs = f"objective.epochs={EPOCHS}"
    for size in VICTIMS:
        print(f"measuring {size} victims …", file=sys.stderr)
        victims[size] = stages([f"victims={size}", epochs])
    for size in POINTS:
        print(f"measuring {size} points …", file=sys.stderr)
        points[size] = stages([f"pools.members={size // 2}", "pools.auxiliary=500", epochs])
    return (
        f"## Growth\n\n`attack=lira scale=small objective.epochs={EPOCHS}` with its rivals and controls, from an empty "
        "store. The slope is that of the logarithms of seconds and size, 1 = proportional: the larger of all sizes' "
        f"and of the last two's; none should be above {STEEPEST:g}.\n\n{table('victims, of 1,000 points', victims)}\n\n"
        f"{table('points, 64 victims', points)}\n"
    )
