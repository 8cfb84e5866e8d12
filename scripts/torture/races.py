"""Begin several commands at one moment: one store is filled once, and no folder is shared."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import yaml

from scripts.same_numbers import differences, figures_of
from scripts.torture.fork import QUICK, begin
from scripts.torture.row import Row
from scripts.torture.scene import COMMANDS, SMALL, Scene, entries, placed, row

AT_ONCE = 3
LIMIT_S = 300


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Race for an empty store, for a name in one second, and for one folder: each a tenth of the trials."""
    races = max(1, trials // 10)
    scenes = [Scene.of(name, folder / name) for name in list(COMMANDS)[: 1 if races < 2 else 2]]
    return [
        row(f"{AT_ONCE} processes, one empty store", [_store(scenes[i % len(scenes)], folder) for i in range(races)]),
        row("two commands in one second", [_second(flags, folder) for flags in ((), ("-m",)) for _ in range(races)]),
        row("two commands, one given folder", [_given(scenes[0], folder) for _ in range(races)]),
    ]


def _store(scene: Scene, folder: Path) -> str:
    """All end with the undisturbed figures, and each model was trained by one of them alone."""
    place = _fresh(folder)
    runs = [f"run{number}" for number in range(AT_ONCE)]
    children = [begin(placed(scene.words, place, name), place / f"{name}.log") for name in runs]
    ended = [child.wait(LIMIT_S) for child in children]
    if any(end.has_traceback for end in ended):
        return "traceback"
    if any(end.code != 0 for end in ended):
        return f"wrong: exit codes {[end.code for end in ended]}"
    if any(list(differences(scene.figures, figures_of(place / name))) for name in runs):
        return "silent: other figures"
    trained = sum(_trainings(end.output) for end in ended)
    if trained != _trainings(scene.ended.output) or entries(place) != scene.store:
        return f"wrong: {trained} trainings, alone {_trainings(scene.ended.output)}"
    return ""


def _second(flags: tuple[str, ...], folder: Path) -> str:
    """Each has a folder of its own, whose configuration and results are of one command."""
    place = _fresh(folder)
    defenses = ("none", "rounding")
    words = [*flags, *QUICK, *SMALL, "attack=threshold", f"paths.outputs={place}"]
    children = [begin([*words, f"defense={word}"], place / f"{word}.log", _stop_the_clock) for word in defenses]
    ended = [child.wait(LIMIT_S) for child in children]
    if any(end.has_traceback for end in ended):
        return "traceback"
    if any(end.code != 0 for end in ended):
        return f"wrong: exit codes {[end.code for end in ended]}"
    found = sorted(_word(file.parent) for file in place.glob("*/*/**/metrics.json"))
    return "" if found == sorted(defenses) else f"silent: folders of {found}"


def _given(scene: Scene, folder: Path) -> str:
    """One is refused in a line, or comes so late that the other has ended; what is left is whole."""
    place = _fresh(folder)
    children = [begin(placed(scene.words, place), place / f"{number}.log") for number in range(2)]
    ended = [child.wait(LIMIT_S) for child in children]
    if any(end.has_traceback for end in ended):
        return "traceback"
    refused = [end for end in ended if end.is_one_line and "another run is in there now" in end.output]
    if len(refused) > 1 or any(end.code != 0 for end in ended if end not in refused):
        return f"wrong: exit codes {[end.code for end in ended]}"
    return "silent: other figures" if list(differences(scene.figures, figures_of(place / "run"))) else ""


def _word(run: Path) -> str:
    """Return the defence that a run's folder is of, where run.json and config.yaml agree."""
    said = yaml.safe_load((run / "run.json").read_text(encoding="utf-8"))["words"]["defense"]
    chosen = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["defense"]
    return str(said) if (chosen["_target_"].endswith("Rounding")) == (said == "rounding") else "both"


def _trainings(output: str) -> int:
    return sum(line.startswith("trained ") for line in output.splitlines())


def _fresh(folder: Path) -> Path:
    place = folder / "trial"
    shutil.rmtree(place, ignore_errors=True)
    return place


class _Clock(datetime.datetime):
    """Stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> _Clock:
        """Return always the same."""
        return cls(2026, 1, 2, 3, 4, 5)


def _stop_the_clock() -> None:
    import hydra.core.utils

    setattr(hydra.core.utils, "datetime", _Clock)  # noqa: B010 (a type checker would not have it)
