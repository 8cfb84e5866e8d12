"""What intervals over seeds cover, and how often a claim whose truth is at its bound is decided all the same.

python -m scripts.seeds_coverage [--trials 20000]

Three rules: `before`, seeds drawn with replacement and of each one of its bootstrap replicates; `mix`, after
Satterthwaite, the spread within runs with a normal quantile where it is the larger one, else Student's t; `student`,
what `telltale.papers.seeds.over_seeds` does. Skewed: the spread between seeds is exponential, to which
Student's t has no answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from scripts.ending import exit_code
from telltale.papers.claims import Claim, Verdict
from telltale.papers.decision import decide
from telltale.papers.quantity import Quantity
from telltale.papers.results import Measured
from telltale.papers.seeds import over_seeds

SEEDS = (3, 5, 8)
RATIOS = (0.0, 0.5, 1.0, 2.0, 5.0)  # spread between seeds over that within a run
WITHIN, BOUND = 0.01, 0.5
REPLICATES = 400
CHUNK = 500  # trials whose replicates are drawn at once
CLAIM = Claim("at the bound", "simulated", quantity=Quantity(["auc"], ["one"]), above=BOUND)

Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
Ends = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Outcome:
    """Shares of the trials: the interval holds the truth, lies above it ("holds"), below it; its mean length."""

    covered: float
    holds: float
    fails: float
    length: float

    @classmethod
    def of(cls, low: np.ndarray, high: np.ndarray) -> Outcome:
        """Count over trials; low and high are (trials,)."""
        above, below = np.mean(low > BOUND), np.mean(high < BOUND)
        return cls(float(1 - above - below), float(above), float(below), float(np.mean(high - low)))


def draw(seeds: int, ratio: float, trials: int, rng: np.random.Generator, between: Noise | None = None) -> np.ndarray:
    """Draw the values of claims whose truth is at the bound, (trials, seeds); between: of mean 0 and spread 1."""
    shape = (trials, seeds)
    spread = rng.standard_normal(shape) if between is None else between(rng, shape)
    return BOUND + WITHIN * (ratio * spread + rng.standard_normal(shape))


def student(values: np.ndarray, rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals that papers get, (trials,) each."""
    cells = np.array([over_seeds([Measured(value) for value in row]).cell for row in values])
    return cells[:, 1], cells[:, 2]


def verdicts(values: np.ndarray) -> dict[Verdict, float]:
    """Return how often papers' rule comes to each verdict."""
    said = [decide(CLAIM, over_seeds([Measured(value) for value in row]), {}).verdict for row in values]
    return {verdict: said.count(verdict) / len(said) for verdict in Verdict}


def before(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of percentile intervals of seeds drawn with replacement, (trials,) each."""
    ends = []
    for rows in np.split(values, range(CHUNK, len(values), CHUNK)):
        trials, seeds = rows.shape
        drawn = rng.integers(seeds, size=(trials, REPLICATES * seeds))
        chosen = np.take_along_axis(rows, drawn, axis=1) + WITHIN * rng.standard_normal(drawn.shape)
        means = chosen.reshape(trials, REPLICATES, seeds).mean(2)
        ends.append(np.percentile(means, [2.5, 97.5], axis=1))
    low, high = np.concatenate(ends, axis=1)
    return low, high


def mix(values: np.ndarray, rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals by the larger of both spreads, each with its own quantile, (trials,) each."""
    from scipy.special import ndtri, stdtrit

    seeds, spread = values.shape[1], values.std(axis=1, ddof=1)
    by_runs = ndtri(0.975) * WITHIN
    half = np.where(spread > WITHIN, stdtrit(seeds - 1, 0.975) * spread, by_runs) / np.sqrt(seeds)
    return values.mean(1) - half, values.mean(1) + half


RULES: dict[str, Ends] = {"before": before, "mix": mix, "student": student}


def table(trials: int, seed: int = 0) -> list[list[str]]:
    """Return a line for each number of seeds and ratio: coverage, "holds" and "does not hold" by each rule."""
    rng = np.random.default_rng(seed)
    lines = [["seeds", "between / within", *(f"{name}: covers, holds, fails, length" for name in RULES)]]
    worlds: list[tuple[str, Noise | None]] = [("", None), (" skewed", skewed)]
    for (label, noise), seeds, ratio in product(worlds, SEEDS, RATIOS):
        if noise is not None and ratio < RATIOS[-1]:
            continue
        values = draw(seeds, ratio, trials, rng, noise)
        found = [Outcome.of(*rule(values, rng)) for rule in RULES.values()]
        best = 2 * 1.96 * WITHIN * np.sqrt((1 + ratio**2) / seeds)
        lines.append([str(seeds), f"{ratio:g}{label}", *(_text(one, best) for one in found)])
    return lines


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw exponential spread between seeds: now and then one far above the others."""
    return rng.standard_exponential(shape) - 1


def _text(outcome: Outcome, best: float) -> str:
    return f"{outcome.covered:.3f} {outcome.holds:.3f} {outcome.fails:.3f} {outcome.length / best:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; lengths are in units of the shortest interval, by the true spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    lines = table(parser.parse_args(arguments).trials)
    print("\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]))


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
