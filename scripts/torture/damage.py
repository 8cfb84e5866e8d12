"""Damage one file of a store, a cache or unfinished work, and repeat the command: the same metrics, or one line."""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.same_numbers import figures_of
from scripts.torture.fork import QUICK, Ended, call
from scripts.torture.row import Row

DAMAGES = ("truncated", "empty", "garbage", "head", "flip", "deleted")
MOLECULES = ("model=gin", "attack.rings=3", "attack.motifs=6", "pools.members=150", "objective.epochs=2")
COMMANDS: dict[str, tuple[str, ...]] = {
    "lira": ("attack=lira", *QUICK),
    "dp_sgd": ("attack=threshold", "defense=dp_sgd", *QUICK),
    "molextract": ("attack=molextract", *MOLECULES, *QUICK, "controls=none", "evaluation.replicates=20"),
}
SLOW, LONG = "molextract", 50  # its caches are damaged, each once, where there are so many trials
CACHES = {"cache/candidates-*.json": "flip", "cache/graphs-*.npz": "truncated", "cache/molecules-*.parquet": "flip"}
KILLED_AFTER = 1  # checkpoints of the fit that is killed


@dataclass(frozen=True)
class Scene:
    """A command, and what a run of it left.

    name      of the command
    folder    of its outputs; copied for each trial
    numbers   that an undisturbed run found
    """

    name: str
    folder: Path
    numbers: dict[str, Any]

    def files(self) -> dict[str, list[Path]]:
        """Return the files that may be damaged, relative to `folder`, by their kind."""
        kinds: dict[str, list[Path]] = defaultdict(list)
        for file in sorted(self.folder.rglob("*")):
            part = file.relative_to(self.folder)
            if file.is_file() and part.parts[0] != "run" and file.suffix != ".lock":
                kinds[_kind(part)].append(part)
        return dict(kinds)


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Damage so many files, each kind of file in turn, in ways and places drawn from the seed."""
    rng = np.random.default_rng(seed)
    caches = CACHES if trials >= LONG else {}
    scenes = [_whole(name, folder / name) for name in COMMANDS if name != SLOW]
    scenes.append(_killed(scenes[0], folder / "killed"))
    kinds = {kind: (scene, kind, files) for scene in scenes[::-1] for kind, files in scene.files().items()}
    rounds = [list(kinds.values())[number % len(kinds)] for number in range(trials - len(caches))]
    faults = [(*fault, DAMAGES[(number + number // len(kinds)) % 6]) for number, fault in enumerate(rounds)]
    if caches:
        slow = _whole(SLOW, folder / SLOW)
        faults += [(slow, kind, slow.files()[kind], damage) for kind, damage in caches.items()]
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for scene, kind, files, damage in faults:
        file = files[rng.integers(len(files))]
        verdict = _outcome(scene, file, damage, rng, folder / "trial")
        found[scene.name].append((verdict, f"{damage} {kind}"))
        print(f"damage: {scene.name}, {damage} {file}: {verdict}", file=sys.stderr, flush=True)
    return [_row(name, outcomes) for name, outcomes in found.items()]


def _whole(name: str, folder: Path) -> Scene:
    ended = _call(name, folder)
    if ended.code != 0:
        raise RuntimeError(f"{name} does not run undisturbed:\n{ended.output}")
    return Scene(name, folder, figures_of(folder / "run"))


def _killed(scene: Scene, folder: Path) -> Scene:
    """Return the same command's outputs as a kill in the midst of training leaves them."""

    def kill_after_checkpoints() -> None:
        from telltale.training.checkpoints import EpochCheckpoint

        save, left = EpochCheckpoint.on_train_epoch_end, [KILLED_AFTER]

        def saved(self: EpochCheckpoint, *arguments: Any) -> None:
            save(self, *arguments)
            left[0] -= (self.folder / self.FILE).exists()
            if left[0] < 0:
                os.kill(os.getpid(), 9)

        EpochCheckpoint.on_train_epoch_end = saved  # type: ignore[method-assign,assignment]

    ended = _call(scene.name, folder, kill_after_checkpoints)
    if ended.code != -9:
        raise RuntimeError(f"{scene.name} was not killed while it trained:\n{ended.output}")
    return Scene(f"{scene.name}, killed", folder, scene.numbers)


def _call(name: str, folder: Path, before: Callable[[], None] | None = None) -> Ended:
    words = [*COMMANDS[name.split(",")[0]], f"paths.outputs={folder}", f"hydra.run.dir={folder / 'run'}"]
    return call(words, folder.with_name(f"{folder.name}.txt"), 900, before)


def _outcome(scene: Scene, file: Path, damage: str, rng: np.random.Generator, folder: Path) -> str:
    """Say what becomes of the command after one file was damaged: healed, refused, or what must not be."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scene.folder, folder)
    shutil.rmtree(folder / "run", ignore_errors=True)
    _damage(folder / file, damage, rng)
    ended = _call(scene.name, folder)
    if ended.has_traceback:
        return "traceback"
    if ended.code == 0:
        return "healed" if figures_of(folder / "run") == scene.numbers else "silent"
    return "refused" if ended.is_one_line else "wrong"


def _damage(file: Path, damage: str, rng: np.random.Generator) -> None:
    content = bytearray(file.read_bytes())
    if damage == "deleted":
        file.unlink()
        return
    if damage == "flip" and content:
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    damaged: dict[str, bytes] = {
        "truncated": bytes(content[: len(content) // 2]),
        "empty": b"",
        "garbage": rng.bytes(max(8, len(content))),
        "head": rng.bytes(16) + bytes(content[16:]),
        "flip": bytes(content),
    }
    file.write_bytes(damaged[damage])


def _kind(file: Path) -> str:
    """Name what a file is for: its place without keys."""
    parts = [part for part in file.parts if len(part) < 24 and "-" not in part]
    return "/".join([*parts[:-1], file.name if len(file.stem) < 24 else f"{file.stem.split('-')[0]}-*{file.suffix}"])


def _row(name: str, outcomes: Sequence[tuple[str, str]]) -> Row:
    count = {verdict: sum(found == verdict for found, _ in outcomes) for verdict, _ in outcomes}
    bad = [what for verdict, what in outcomes if verdict not in ("healed", "refused")]
    note = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()))
    return Row(
        f"{name}: one damaged file",
        len(outcomes),
        count.get("healed", 0) + count.get("refused", 0),
        count.get("wrong", 0),
        count.get("silent", 0),
        count.get("traceback", 0),
        "; ".join([note, *bad]),
    )
