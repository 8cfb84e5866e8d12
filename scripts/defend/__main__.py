"""Search the best defence against all attacks of a game, or the strongest attack on one defence.

python -m scripts.defend [--game WORD …] [--find defense|attack] [--trials 32] [--scale smoke] [--ceiling 0.1]

--find defense  the least leak and the most utility: a Pareto front over defences and their options
--find attack   the largest leak, over attacks and their options, on the model and defence that --game names

The search looks at one seed. What it chose is played again on seeds that it never saw, and these alone are reported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from scripts.defend.page import Chosen, Searched, write
from scripts.defend.search import Found, Space, front, search
from scripts.ending import exit_code
from scripts.jobs import Run, code_digest, play_all
from scripts.matrix.__main__ import reason_against
from scripts.matrix.cells import read
from telltale.configuration.command_line import SCALES
from telltale.errors import InputError
from telltale.papers.results import Measured
from telltale.papers.seeds import over_seeds
from telltale.progress import track

GAME = ("attack=lira", "dataset=fashion_mnist")
SPACES: dict[str, Space] = yaml.safe_load(Path(__file__).with_name("spaces.yaml").read_text(encoding="utf-8"))
SEARCHED, MOST = 0, 6  # the seed that the search sees; so many of what it chose are played again


@dataclass(frozen=True)
class Setting:
    """What all runs of one command share."""

    find: str
    game: tuple[str, ...]
    scale: str
    folder: Path
    jobs: int
    code: str

    def run(self, word: str, options: Sequence[str], seed: int) -> Run:
        """Return the run of one choice."""
        tried = (f"{self.find}={word}", *options)
        kept = [other for other in self.game if not other.startswith(f"{self.find}=")]
        words = (*kept, *tried, f"scale={self.scale}", f"seed={seed}", "logger=none")
        place = self.folder / "runs" / blake2b(" ".join(words).encode(), digest_size=8).hexdigest()
        return Run(words, place, place / "output.log", {"words": list(words), "code": self.code})

    def leader(self, word: str) -> str:
        """Return the word of the attack that leads a run."""
        named = [other.removeprefix("attack=") for other in self.game if other.startswith("attack=")]
        return word if self.find == "attack" else named[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, play again what was chosen, write; 0 where something was found, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", nargs="*", default=list(GAME), help=f"words of the command line: {' '.join(GAME)}")
    parser.add_argument("--find", default="defense")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--ceiling", type=float, default=0.1, help="the most an attack may find beyond its control")
    parser.add_argument("--seeds", type=int, default=3, help="that what was chosen is played on again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time; the cores are shared out")
    parser.add_argument("--folder", type=Path, default=Path("outputs/defend"))
    options = parser.parse_args(arguments)
    try:
        setting = setting_of(options)
        space = playable(setting)
        found = searched(setting, space, options.trials)
        chosen = play_again(setting, best_of(setting, found), options.seeds)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    outcome = Searched(setting.find, setting.game, setting.scale, found, chosen, options.ceiling)
    for line in outcome.told():
        print(line)
    for file in write(outcome, setting.folder):
        print(file)
    return 0 if chosen else 1


def setting_of(options: argparse.Namespace) -> Setting:
    """Check the options. Raises InputError for the first that will not do."""
    if options.find not in ("defense", "attack"):
        raise InputError("--find", options.find, "one of defense, attack")
    if options.scale not in SCALES:
        raise InputError("SCALE", options.scale, f"one of {', '.join(SCALES)}")
    if options.seeds < 2:
        raise InputError("--seeds", options.seeds, "at least 2, for an interval")
    game = tuple(options.game)
    if not any(word.startswith("attack=") for word in game):
        raise InputError("--game", " ".join(game) or "nothing", "words of the command line, attack=… among them")
    folder = options.folder / options.find / options.scale
    return Setting(options.find, game, options.scale, folder, max(1, options.jobs), code_digest())


def playable(setting: Setting) -> Space:
    """Return what of the space goes together with the game. Raises InputError, with a reason, where nothing does."""
    space = SPACES[f"{setting.find}s"]
    with TemporaryDirectory() as folder:
        asked = track(space, f"asking which {setting.find}s go together", len(space))
        reasons = {word: reason_against(setting.run(word, (), SEARCHED).words, Path(folder)) for word in asked}
    kept = {word: options for word, options in space.items() if not reasons[word]}
    if not kept:
        raise InputError("--game", " ".join(setting.game), next(iter(reasons.values())))
    for word, reason in reasons.items():
        if reason:
            print(f"left out: {word}: {reason}", file=sys.stderr)
    return kept


def searched(setting: Setting, space: Space, trials: int) -> list[Found]:
    """Search on the one seed."""

    def play(tried: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[float, ...] | None]:
        runs = [setting.run(word, options, SEARCHED) for word, options in tried]
        played(setting, runs, "searching")
        return [values_of(setting, word, run) for (word, _), run in zip(tried, runs, strict=True)]

    directions = ["minimize", "maximize"] if setting.find == "defense" else ["maximize"]
    return search(space, directions, trials, SEARCHED, play)


def played(setting: Setting, runs: Sequence[Run], what: str) -> None:
    """Run what is not finished, each once."""
    waiting = list({run.folder: run for run in runs if not run.is_finished()}.values())
    threads = max(1, (os.cpu_count() or 1) // setting.jobs)
    for run, succeeded in track(play_all(waiting, lambda run: run.play(threads), setting.jobs), what, len(waiting)):
        if not succeeded:
            print(f"failed: {' '.join(run.words)}; see {run.log}", file=sys.stderr)


def values_of(setting: Setting, word: str, run: Run) -> tuple[float, ...] | None:
    """Return leak and utility, or the leak alone where an attack is searched; None where the run failed."""
    if not run.is_finished():
        return None
    _, leak, utility = strongest(setting, word, run)
    return (leak, utility) if setting.find == "defense" else (leak,)


def strongest(setting: Setting, word: str, run: Run, attack: str | None = None) -> tuple[str, float, float]:
    """Return the attack that finds most, by its lead over its control or over guessing, this lead, and the utility.

    attack: the one to look at, whatever the others find
    """
    outcome = read(run.folder, setting.leader(word))
    leads = {name: cell.leak.value for name, cell in outcome.attacks.items() if cell.leak is not None}
    if not leads:
        expected = "a game whose attacks are compared with a control or with guessing, e.g. without controls=none"
        raise InputError("--game", " ".join(setting.game), expected)
    name = attack or max(leads, key=leads.__getitem__)
    return name, leads.get(name, float("nan")), next(iter(outcome.utility.values()), float("nan"))


def best_of(setting: Setting, found: Sequence[Found]) -> list[Found]:
    """Return what is played again: the front, thinned to a handful, beside no defence; or the strongest attacks."""
    done = list({(one.word, one.options): one for one in found if one.values is not None}.values())
    if setting.find == "attack":
        return sorted(done, key=lambda one: -(one.values or (0.0,))[0])[: MOST // 2]
    places = front([(one.values[0], one.values[1]) for one in done if one.values])
    order = sorted(places, key=lambda place: (done[place].values or (0.0,))[0])
    step = max(1, -(-len(order) // MOST))
    kept = [done[place] for place in order[::step]]
    without = [one for one in done if one.word == "none" and one not in kept][:1]
    return [*kept, *without]


def play_again(setting: Setting, chosen: Sequence[Found], seeds: int) -> list[Chosen]:
    """Play what was chosen on seeds that the search never saw; the attack looked at is the one it chose."""
    fresh = range(SEARCHED + 1, SEARCHED + 1 + seeds)
    runs = {(one, seed): setting.run(one.word, one.options, seed) for one in chosen for seed in fresh}
    played(setting, list(runs.values()), "playing again what was chosen")
    outcomes = []
    for one in chosen:
        attack, _, _ = strongest(setting, one.word, setting.run(one.word, one.options, SEARCHED))
        done = [runs[one, seed] for seed in fresh if runs[one, seed].is_finished()]
        found = [strongest(setting, one.word, run, attack) for run in done]
        found = [line for line in found if np.isfinite(line[1])]
        if len(found) < 2:
            continue
        _, leaks, utilities = zip(*found, strict=True)
        leak, utility = (over_seeds([Measured(value) for value in values]).cell for values in (leaks, utilities))
        outcomes.append(Chosen(one, attack, leak, utility, len(found)))
    return outcomes


if __name__ == "__main__":
    sys.exit(exit_code(main))
