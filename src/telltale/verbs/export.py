"""`telltale export`: what the models of a run answered, in the files of another tool."""

from __future__ import annotations

import sys
from pathlib import Path

from telltale.errors import InputError
from telltale.game.answer_files import read_answers, write_answers
from telltale.game.answers import RANDOM
from telltale.reporting.next_steps import program
from telltale.verbs.found import run_named
from telltale.writing import counted

KEPT = "answers.npz"


def export(name: str, outputs: Path, layout: str, folder: Path) -> None:
    """Write a run's answers.npz in a layout into a new folder, and say what had no place there."""
    run = run_named(name, outputs)
    if not (run.folder / KEPT).exists():
        words = " ".join(f"{program(sys.argv)} {run.typed} report.answers=true".split())
        raise InputError("RUN", run.name, f"has kept no answers; run it again with them: {words}")
    answers = read_answers(run.folder / KEPT)
    left = write_answers(answers, layout, folder)
    what = f"{answers.gives} of {counted(answers.models, 'model')} about {counted(answers.points, 'point')}"
    print(f"{folder}: {what}, layout {layout}")
    if left:
        print(f"no place there for: {', '.join(left)}")
    again = folder / KEPT if layout == "npz" else folder
    split = f" scores.split={answers.split}" if answers.split == RANDOM and layout != "npz" else ""
    print(f"read it again:\n  $ {program(sys.argv)} attack=scores scores={again} scores.layout={layout}{split}")
