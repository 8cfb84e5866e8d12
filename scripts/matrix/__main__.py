"""Play every attack against every defence that it can meet, and show leak, utility and time on one page.

python -m scripts.matrix [--scale smoke] [--only molecules pictures …] [--jobs 2] [--folder outputs/matrix] [--fresh]

What does not go together is not played; the page says why. Runs that are finished are found again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig

from scripts.ending import exit_code
from scripts.jobs import ROOT, Run, code_digest, play_all
from scripts.matrix.cells import Played, read
from scripts.matrix.page import Block, Refused, write
from telltale.configuration.assembly import assemble
from telltale.configuration.command_line import SCALES
from telltale.configuration.parsed import composed, told_as_input
from telltale.errors import InputError
from telltale.progress import track
from telltale.reporting.metrics_file import write_json

CHOSEN: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("games.yaml").read_text(encoding="utf-8"))
GAMES: Mapping[str, Mapping[str, list[str]]] = CHOSEN["games"]  # kind -> game -> words
ADAPTED: Mapping[str, Mapping[str, list[str]]] = CHOSEN["adapted"]  # defence -> kind or game -> words it needs there


@dataclass(frozen=True)
class Job:
    """One game under one defence."""

    kind: str
    game: str
    defense: str
    words: tuple[str, ...]
    folder: Path

    @property
    def attack(self) -> str:
        """The word of the attack that leads the game."""
        return next(word.removeprefix("attack=") for word in self.words if word.startswith("attack="))

    def run(self, code: str) -> Run:
        """Return the run that this digest of the code makes."""
        return Run(self.words, self.folder, self.folder / "output.log", {"words": list(self.words), "code": code})


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is to be played and write the page; 0 where every run ended well, 1 where one failed, 2 = bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--only", nargs="*", default=[], help=f"kinds of data: {', '.join(GAMES)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time; the cores are shared out")
    parser.add_argument("--folder", type=Path, default=Path("outputs/matrix"))
    parser.add_argument("--fresh", action="store_true", help="run again what is finished; trained models are kept")
    options = parser.parse_args(arguments)
    try:
        jobs = jobs_of(options.scale, options.only, options.folder)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code, folder = code_digest(), options.folder / options.scale
    refused = refusals(jobs, folder / "together.json", code)
    failed = play(jobs, refused, max(1, options.jobs), options.fresh, code)
    blocks = blocks_of(jobs, refused, failed)
    for file in write(blocks, options.scale, folder):
        print(file)
    for job in failed:
        print(f"failed: {job.game}, defense={job.defense}; see {job.folder / 'output.log'}", file=sys.stderr)
    return 1 if failed else 0


def jobs_of(scale: str, only: Sequence[str], folder: Path) -> list[Job]:
    """List every game under every defence. Raises InputError for a scale or kind that is not there."""
    if scale not in SCALES:
        raise InputError("SCALE", scale, f"one of {', '.join(SCALES)}")
    for kind in only:
        if kind not in GAMES:
            raise InputError("--only", kind, f"one of {', '.join(GAMES)}")
    defenses = sorted((file.stem for file in (ROOT / "conf" / "defense").glob("[!_]*.yaml")), key=_none_first)
    return [
        Job(
            kind,
            game,
            defense,
            (*words, f"defense={defense}", *adapted(defense, kind, game), f"scale={scale}", "logger=none"),
            folder / scale / kind / game.replace(" ", "_").replace(",", "").replace("'", "") / defense,
        )
        for kind, games in GAMES.items()
        if not only or kind in only
        for game, words in games.items()
        for defense in defenses
    ]


def adapted(defense: str, kind: str, game: str) -> list[str]:
    """Return what a defence needs beside its word in a game, or with all records of a kind."""
    needed = ADAPTED.get(defense, {})
    return [*needed.get(kind, []), *needed.get(game, [])]


def refusals(jobs: Sequence[Job], kept: Path, code: str) -> dict[Job, str]:
    """Say of each job that does not go together why, as its command would: nothing is trained to find out.

    kept: file of what went together the last time, not asked again while the code is the same. Reasons are: what is
    missing on a machine may be there today.
    """
    document = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    asked = dict.fromkeys(document["together"], "") if document.get("code") == code else {}
    unasked = [job for job in jobs if " ".join(job.words) not in asked]
    with TemporaryDirectory() as folder:
        for job in track(unasked, "asking what goes together", len(unasked)):
            asked[" ".join(job.words)] = reason_against(job.words, Path(folder))
    write_json(kept, {"code": code, "together": [words for words, reason in asked.items() if not reason]})
    return {job: asked[" ".join(job.words)] for job in jobs if asked[" ".join(job.words)]}


def reason_against(words: Sequence[str], folder: Path) -> str:
    """Return the line that refuses a command, empty where nothing does; folder: for lists of unreadable records."""
    try:
        with composed(words, folder) as (cfg, _), told_as_input(words):
            assemble(cfg, HydraConfig.get().runtime.choices, folder, _unheard).check()
    except InputError as mistake:
        return str(mistake)
    return ""


def _unheard(values: Mapping[str, float], step: int | None = None) -> None:
    """Hear of each epoch of training, of which there is none."""


def play(jobs: Sequence[Job], refused: Mapping[Job, str], at_once: int, fresh: bool, code: str) -> list[Job]:
    """Run what goes together and is not finished; return the jobs that failed."""
    playable = [job for job in jobs if job not in refused]
    waiting = [job for job in playable if fresh or not job.run(code).is_finished()]
    counts = f"{len(playable)} runs, {len(playable) - len(waiting)} of them finished earlier"
    print(f"{counts}; {len(refused)} do not go together", file=sys.stderr)
    threads = max(1, (os.cpu_count() or 1) // at_once)
    ended = play_all(waiting, lambda job: job.run(code).play(threads), at_once)
    failed = {job for job, succeeded in track(ended, "running the matrix", len(waiting)) if not succeeded}
    return [job for job in waiting if job in failed]


def blocks_of(jobs: Sequence[Job], refused: Mapping[Job, str], failed: Sequence[Job]) -> list[Block]:
    """Gather, game by game, what each defence came to."""
    blocks: dict[tuple[str, str], dict[str, Played | Refused]] = {}
    folders: dict[tuple[str, str], dict[str, Path]] = {}
    leaders = {}
    for job in jobs:
        place = (job.kind, job.game)
        leaders[place] = job.attack
        if job in refused:
            outcome: Played | Refused = Refused(refused[job])
        elif job in failed:
            outcome = Refused(f"failed: {_last_line(job.folder / 'output.log')}", failed=True)
        else:
            outcome = read(job.folder, job.attack)
        blocks.setdefault(place, {})[job.defense] = outcome
        folders.setdefault(place, {})[job.defense] = job.folder
    return [Block(*place, leaders[place], found, folders[place]) for place, found in blocks.items()]


def _last_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines() if file.exists() else []
    return lines[-1].strip() if lines else "nothing was said"


def _none_first(defense: str) -> tuple[bool, str]:
    return defense != "none", defense


if __name__ == "__main__":
    sys.exit(exit_code(main))
