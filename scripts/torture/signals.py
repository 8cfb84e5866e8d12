"""Ctrl-C, SIGTERM and a closed terminal in every stage: one line, `interrupted` in run.json, and a rerun that ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scripts.torture.fork import Child, Ended, begin
from scripts.torture.row import Row
from scripts.torture.scene import COMMANDS, Scene, leftovers, placed, row

STAGES = ("opening", "data", "preparation", "training", "attack", "controls", "evaluation", "figures", "closing")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LATER_S = 0.2  # after a stage has begun, at most
LIMIT_S = 120


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Send SIGTERM in every stage, and the others in as many as the trials allow."""
    rng = np.random.default_rng(seed)
    scene = Scene.of(next(iter(COMMANDS)), folder / "scene")
    tasks = [(number, stage) for number in SIGNALS for stage in STAGES][: max(len(STAGES), trials)]
    rows = []
    for number in SIGNALS:
        said: list[str] = []
        faults = [
            _send(scene, number, stage, float(rng.uniform(0, LATER_S)), folder / "trial", said)
            for one, stage in tasks
            if one == number
        ]
        if faults:
            rows.append(row(number.name, faults, ", ".join(said)))
    return rows


def _send(scene: Scene, number: signal.Signals, stage: str, later: float, place: Path, said: list[str]) -> str:
    shutil.rmtree(place, ignore_errors=True)
    child = begin(placed(scene.words, place), place / "log", lambda: _arm(number, stage, later))
    ended = child.wait(LIMIT_S)
    file = place / "run" / "run.json"
    status = json.loads(file.read_text(encoding="utf-8"))["status"] if file.exists() else "no run.json"
    said.append(f"{stage}: {status}")
    return _fault(ended, child, number, status) or scene.fault_of_rerun(place)


def _fault(ended: Ended, child: Child, number: signal.Signals, status: str) -> str:
    lines = [line for line in ended.output.splitlines() if line.startswith("interrupted: ")]
    if ended.has_traceback:
        return "traceback"
    if left := leftovers(child):
        return f"wrong: {len(left)} processes outlived it"
    if ended.code == 0:  # it came when all was written
        return "" if status == "finished" else f"wrong: ended well, but {status}"
    if ended.code != 128 + number or len(lines) != 1:
        return f"wrong: ended with {ended.code}, said {ended.output.strip()[-200:]!r}"
    return "" if status in ("interrupted", "no run.json") else f"wrong: run.json says {status}"


def _arm(number: signal.Signals, stage: str, later: float) -> None:
    """Have this process sent the signal so many seconds after the stage has begun."""
    from telltale.reporting import run_folder

    def send() -> None:
        threading.Timer(later, os.kill, (os.getpid(), number)).start()

    if stage in ("opening", "closing"):
        method = {"opening": "_open", "closing": "_end"}[stage]
        setattr(run_folder.RunFolder, method, _preceded(send, getattr(run_folder.RunFolder, method)))
    else:
        plain = run_folder.RunFolder.stage

        def watched(self: run_folder.RunFolder, name: str) -> object:
            if name == stage and name not in self.seconds:
                send()
            return plain(self, name)

        run_folder.RunFolder.stage = watched  # type: ignore[method-assign, assignment]


def _preceded(first: Callable[[], None], then: Callable[..., object]) -> Callable[..., object]:
    def both(*arguments: object) -> object:
        first()
        return then(*arguments)

    return both
