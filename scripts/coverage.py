"""Do intervals cover what they say, and paired tests find what there is? Thousands of games whose truth is known.

python -m scripts.coverage [--games 2000] [--jobs 2] [--seed 0] [--replicates 1000] [--worlds 13]

Prints two Markdown tables. Scores are Gaussian: a record's membership, its own difficulty, its model's and chance add
up, so that AUC and TPR at 1 % FPR are known in closed form. Needs numpy and scipy alone.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np  # noqa: E402 (after the number of threads is set)
from scipy.special import ndtr, ndtri  # noqa: E402

from scripts.ending import exit_code  # noqa: E402
from telltale.evaluation.comparison import PairedTest  # noqa: E402
from telltale.evaluation.membership import auc_replicates, tpr_replicates  # noqa: E402
from telltale.evaluation.statistics import Estimate, Resampling, groups_of  # noqa: E402

METRICS = ("auc", "tpr_at_fpr_0.01")
FPR = 0.01
BATCH = 20  # games that one task of a process plays


@dataclass(frozen=True)
class World:
    """What shapes a score: s = (shift + leak of the point + leak of the victim) m + point + victim + N(0, 1).

    victims, points  of a game
    paired           victims 2i and 2i + 1 have complementary members
    shift            of members
    point, victim    standard deviation of what all scores of a point, of a victim, have in common
    leaks            standard deviations of the shift over points and over victims
    """

    name: str
    victims: int
    points: int
    paired: bool = True
    shift: float = 0.0
    point: float = 0.0
    victim: float = 0.0
    leaks: tuple[float, float] = (0.0, 0.0)

    def truth(self) -> dict[str, float]:
        """Return AUC and TPR at 1 % FPR of scores without end."""
        outside = math.sqrt(1 + self.point**2 + self.victim**2)
        inside = math.sqrt(outside**2 + self.leaks[0] ** 2 + self.leaks[1] ** 2)
        tpr = ndtr((self.shift + ndtri(FPR) * outside) / inside)
        return {"auc": float(ndtr(self.shift / math.hypot(inside, outside))), METRICS[1]: float(tpr)}

    def game(self, rng: np.random.Generator, attacks: int = 1, extra: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Draw membership (victims, points) and the scores of so many attacks, the first shifted by `extra` more."""
        shape = (self.victims, self.points)
        members = rng.random(shape) < 0.5
        if self.paired:
            members[1::2] = ~members[: self.victims - 1 : 2]
        leak = self.shift + self.leaks[0] * rng.normal(size=shape[1]) + self.leaks[1] * rng.normal(size=(shape[0], 1))
        common = self.point * rng.normal(size=shape[1]) + self.victim * rng.normal(size=(shape[0], 1))
        shifts = leak + np.array([extra] + [0.0] * (attacks - 1))[:, None, None]
        return members, shifts * members + common + rng.normal(size=(attacks, *shape))


WORLDS = (
    World("null, cell noise, paired 20 × 500", 20, 500),
    World("null, cell noise, unpaired 20 × 500", 20, 500, False),
    World("null, point effect sd 2, paired 20 × 500", 20, 500, point=2),
    World("null, point effect sd 2, unpaired 20 × 500", 20, 500, False, point=2),
    World("planted shift .5, paired 20 × 500", 20, 500, shift=0.5),
    World("planted, leak varies over points, paired 20 × 500", 20, 500, shift=0.5, leaks=(0.8, 0)),
    World("planted shift .5, point effect sd 2, paired 20 × 500", 20, 500, shift=0.5, point=2),
    World("planted shift 2, paired 20 × 500", 20, 500, shift=2),
    World("planted, leak varies over victims, 4 × 1000 paired", 4, 1000, shift=0.5, leaks=(0, 0.25)),
    World("null, victim effect sd .5, 4 × 1000 unpaired", 4, 1000, False, victim=0.5),
    World("null, 2 × 500 unpaired", 2, 500, False),
    World("one victim, planted shift .5, 1 × 1000", 1, 1000, shift=0.5),
    World("one victim, null, 1 × 1000", 1, 1000),
)
# Of 467d40d, by 300 games a world: coverage of AUC, of TPR; standard error over the true deviation of AUC, of TPR
BEFORE = (
    (1.000, 1.000, 1.62, 1.70),
    (1.000, 1.000, 1.78, 1.71),
    (1.000, 1.000, 3.00, 1.91),
    (0.997, 1.000, 1.73, 1.66),
    (0.997, 1.000, 1.61, 1.70),
    (0.983, 0.997, 1.31, 1.58),
    (1.000, 1.000, 2.66, 1.84),
    (0.997, 1.000, 1.60, 1.68),
    (0.987, 1.000, 1.34, 1.56),
    (0.993, 1.000, 1.63, 1.64),
    (0.983, 0.993, 1.34, 1.45),
    (0.923, 0.963, 0.94, 1.04),
    (0.923, 0.953, 0.97, 1.07),
)
# Two attacks on one game: the first's shift is larger by this much where the exact test finds about four in five
TESTED = (
    (WORLDS[4], 0.08),
    (World("planted shift .5, unpaired 20 × 500", 20, 500, False, shift=0.5), 0.08),
    (WORLDS[6], 0.25),
    (World("planted shift .5, paired 64 × 500", 64, 500, shift=0.5), 0.048),
    (WORLDS[11], 0.27),
)


def plan_of(world: World, replicates: int, seed: int) -> Resampling:
    """Draw a run's plan; the games of a batch share one."""
    members, _ = world.game(np.random.default_rng(seed))
    return Resampling.crossed(world.victims, world.points, replicates, seed=seed, groups=groups_of(members))


def measured(members: np.ndarray, scores: np.ndarray, plan: Resampling) -> list[Estimate]:
    """Score one attack as `score_membership` does, without the metrics that nothing here asks for."""
    values = [auc_replicates(scores, members, plan), *tpr_replicates(scores, members, plan, [FPR])]
    return [plan.estimate(value, members.size, limits=(0.0, 1.0)) for value in values]


def intervals(world: World, replicates: int, seed: int) -> np.ndarray:
    """Play a batch of games: (BATCH, metrics, 4) value, low, high, standard error."""
    rng, plan, found = np.random.default_rng([seed, 1]), plan_of(world, replicates, seed), []
    for _ in range(BATCH):
        members, scores = world.game(rng)
        found.append([[m.value, m.low, m.high, m.standard_error] for m in measured(members, scores[0], plan)])
    return np.array(found)


def paired_tests(world: World, extra: float, replicates: int, seed: int) -> np.ndarray:
    """Play a batch of games with two attacks: (BATCH, metrics, 2) difference and p-value."""
    rng, plan, found = np.random.default_rng([seed, 2]), plan_of(world, replicates, seed), []
    for _ in range(BATCH):
        members, scores = world.game(rng, 2, extra)
        compared = map(PairedTest.of, *(measured(members, of, plan) for of in scores))
        found.append([[test.value, test.p] for test in compared])
    return np.array(found)


def play(
    task: Callable[..., np.ndarray], arguments: Sequence[tuple[Any, ...]], games: int, jobs: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield what so many games of each arguments' come to, in order."""
    batches = max(1, math.ceil(games / BATCH))
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [
            [pool.submit(task, *of, (seed * 100 + place) * 10**6 + batch) for batch in range(batches)]
            for place, of in enumerate(arguments)
        ]
        for futures in waiting:
            yield np.concatenate([future.result() for future in futures])


def coverage_table(worlds: Sequence[int], games: int, replicates: int, jobs: int, seed: int) -> list[str]:
    """Return the lines of the table of intervals."""
    columns = ("coverage before", "now", "s.e. / true before", "now")
    lines = [f"| world (victims × points) | AUC | {' | '.join(columns)} | TPR at 1 % FPR | {' | '.join(columns)} |"]
    lines += ["| --- " * 11 + "|"]
    chosen = [WORLDS[place] for place in worlds]
    results = play(intervals, [(world, replicates) for world in chosen], games, jobs, seed)
    for place, world, found in zip(worlds, chosen, results, strict=True):
        cells, before = [world.name], BEFORE[place]
        for metric, name in enumerate(METRICS):
            value, low, high, error = found[:, metric].T
            truth = world.truth()[name]
            inside = ((low <= truth) & (truth <= high)).mean()
            cells += [f"{truth:.3f}", f"{before[metric]:.3f}", f"{inside:.3f}", f"{before[2 + metric]:.2f}"]
            cells += [f"{np.sqrt(np.mean(error**2)) / value.std():.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def tests_table(games: int, replicates: int, jobs: int, seed: int) -> list[str]:
    """Return the lines of the table of paired tests; the exact test knows the variance of the difference."""
    columns = ("size, AUC", "size, TPR", "power, AUC", "of the exact test", "power, TPR", "of the exact test")
    lines = [f"| two attacks on one game | {' | '.join(columns)} |", "| --- " * 7 + "|"]
    arguments = [(world, by, replicates) for world, extra in TESTED for by in (0.0, extra)]
    results = list(play(paired_tests, arguments, games, jobs, seed))
    for place, (world, extra) in enumerate(TESTED):
        null, planted = results[2 * place], results[2 * place + 1]
        cells = [f"{world.name}, + {extra}", *(f"{share:.3f}" for share in (null[:, :, 1] < 0.05).mean(axis=0))]
        exact = np.abs(planted[:, :, 0] / planted[:, :, 0].std(axis=0)) > ndtri(0.975)
        for metric in range(len(METRICS)):
            cells += [f"{(planted[:, metric, 1] < 0.05).mean():.3f}", f"{exact[:, metric].mean():.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Play all games and print both tables."""
    parser = argparse.ArgumentParser(prog="python -m scripts.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=2000, help="of each world")
    parser.add_argument("--tests", action=argparse.BooleanOptionalAction, default=True, help="size and power as well")
    parser.add_argument("--replicates", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="another one plays other games")
    parser.add_argument("--worlds", type=int, nargs="*", default=range(1, len(WORLDS) + 1), help="1 to 13; default all")
    chosen = parser.parse_args(words)
    began, places = time.monotonic(), [number - 1 for number in chosen.worlds]
    lines = coverage_table(places, chosen.games, chosen.replicates, chosen.jobs, chosen.seed)
    lines += [""]
    lines += tests_table(chosen.games, chosen.replicates, chosen.jobs, chosen.seed) if chosen.tests else []
    print("\n".join(lines))
    print(
        f"\n{chosen.games} games a row, {chosen.replicates} replicates, seed {chosen.seed}; "
        f"{time.monotonic() - began:.0f} s with {chosen.jobs} processes."
    )
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
