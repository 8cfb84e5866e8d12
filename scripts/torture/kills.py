"""Kill the command at a moment drawn from the seed, and give it again: it must finish, with the same bits."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np

from scripts.torture.fork import begin
from scripts.torture.row import Row
from scripts.torture.scene import COMMANDS, Scene, leftovers, placed, row
from telltale.reporting.status import status_of


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Kill about so many times: a fleet most often, private training and molecules a quarter each."""
    rng = np.random.default_rng(seed)
    shares = dict(zip(COMMANDS, (trials - 2 * (trials // 4), trials // 4, trials // 4), strict=True))
    return [_killed(Scene.of(name, folder / name), kills, rng, folder) for name, kills in shares.items() if kills]


def _killed(scene: Scene, kills: int, rng: np.random.Generator, folder: Path) -> Row:
    """One row: each fault is a kill, by SIGKILL, and some runs are killed two or three times before they may end."""
    faults: list[str] = []
    stages: Counter[str] = Counter()
    while len(faults) < kills:
        place = folder / "trial"
        shutil.rmtree(place, ignore_errors=True)
        found = []
        for _ in range(min(int(rng.integers(1, 4)), kills - len(faults))):
            found.append(_kill(scene, float(rng.uniform(0.02, 1)) * scene.ended.seconds, place, stages))
        again = scene.fault_of_rerun(place)
        faults += [fault or again for fault in found]
    shutil.rmtree(folder / "trial", ignore_errors=True)
    when = ", ".join(f"{count} {stage}" for stage, count in stages.most_common())
    return row(f"kill -9, {scene.name}", faults, f"undisturbed {scene.ended.seconds:.1f} s; {when}")


def _kill(scene: Scene, after: float, place: Path, stages: Counter[str]) -> str:
    child = begin(placed(scene.words, place), place / "log")
    time.sleep(after)
    child.send(signal.SIGKILL)
    code = child.wait(10).code
    stages["as late as the end" if code == 0 else _said(place)] += 1
    if left := leftovers(child):
        return f"wrong: {len(left)} processes outlived it"
    file = place / "run" / "run.json"
    if (
        code != 0
        and file.exists()
        and (said := status_of(json.loads(file.read_text(encoding="utf-8")))) != "interrupted"
    ):
        return f"wrong: the killed run is shown as {said}"
    return ""


def _said(place: Path) -> str:
    """Say in which stage a run was, from what it left."""
    store = place / "store"
    if not (place / "run" / "run.json").exists():
        return "before the folder"
    if (place / "run" / "figures").exists():
        return "in the report"
    if list(store.glob("answers/*")):
        return "after the first answers"
    if list(store.glob("release/*")):
        return "after the first models"
    return "in training" if list(store.glob(".partial/*")) else "in the data"
