"""Growing molecules by a policy: all at once against one after the other, and the time of a whole search."""

from __future__ import annotations

import gzip
import statistics
import time
from typing import Any

import numpy as np
import torch

from scripts.bench.substructure import MOLECULES
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.growth.random_growth import rolled_out
from telltale.attacks.molextract.policy.network import Policy
from telltale.attacks.molextract.policy.rollout import by_policy, motifs_of, roll_out
from telltale.attacks.molextract.policy.search import by_policy_gradient, by_soft_actor_critic
from telltale.attacks.molextract.scorers import ScorerOptions, begun
from telltale.attacks.molextract.vocabulary import learn
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.models.gin import GIN
from telltale.owner.release import Release
from telltale.papers.grid_view import markdown
from telltale.threads import one_thread

AUXILIARY, RINGS, MOTIFS, LARGEST, STEPS = 2000, 24, 80, 10, 2  # of scale=small
LAYERS, WIDTH, POLICY_WIDTH = 3, 128, 128
TOGETHER, REPEATS = (64, 256, 1024), 7
EPOCHS, MOLECULES_EACH, UPDATES, WANTED = 30, 256, 16, 200
SEARCHES = {"policy": by_soft_actor_critic, "policy_gradient": by_policy_gradient}


def roll_outs(environment: Environment, repeats: int = REPEATS) -> dict[int, tuple[float, float]]:
    """Return molecules a second of processor, by how many grow together: at once, and by a loop of the same network.

    Both ways take turns with the same weights; the loop grows some of the molecules, one by one. Medians.
    """
    motifs, generator = motifs_of(environment), torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        chooser = by_policy(Policy(POLICY_WIDTH), motifs, generator)
    speeds: dict[int, list[tuple[float, float]]] = {n: [] for n in TOGETHER}
    rings = np.random.default_rng(0).integers(RINGS, size=max(TOGETHER))
    with one_thread():
        roll_out(environment, motifs, rings[:32], chooser)
        for _ in range(repeats):
            for n in TOGETHER:
                at_once = _seconds(lambda n=n: roll_out(environment, motifs, rings[:n], chooser)) / n
                few = rings[:32, None]
                looped = _seconds(lambda few=few: [roll_out(environment, motifs, one, chooser) for one in few]) / len(
                    few
                )
                speeds[n].append((1 / at_once, 1 / looped))
    return {n: tuple(statistics.median(way) for way in zip(*of, strict=True)) for n, of in speeds.items()}


def searched(environment: Environment, auxiliary: list[str], name: str) -> dict[str, float]:
    """Search from the first ring with the settings of scale=small; a GIN with drawn weights answers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = GIN(LAYERS, WIDTH).eval()
    oracle = Oracle(Release(lambda: encoder, "drawn"))
    names = [block.smiles for block in (*environment.vocabulary.rings, *environment.vocabulary.motifs)]
    oracle.embeddings(names)
    scorer, contained = begun("paper", WIDTH, 0, ScorerOptions()), SubstructureIndex(auxiliary).contains
    options: dict[str, Any] = {"epochs": EPOCHS, "molecules": MOLECULES_EACH, "width": POLICY_WIDTH, "updates": UPDATES}
    problem = Problem(environment, oracle, scorer, contained, np.array([0]), 0, options)
    began, busy = time.perf_counter(), time.process_time()
    warm_up = rolled_out(environment, np.zeros(MOLECULES_EACH, np.int64), np.random.default_rng(0))
    problem.judge(warm_up)
    problem.relearn(warm_up)
    grown = SEARCHES[name](problem, 10**9)
    rewards, smiles = problem.judge(grown).rewards, environment.smiles(grown)
    best = list(dict.fromkeys(smiles[np.argsort(-rewards, kind="stable")].tolist()))[:WANTED]
    assert len(best) == WANTED
    return {
        "seconds": time.perf_counter() - began,
        "processors": time.process_time() - busy,
        "molecules": len(set(smiles.tolist())),
        "queries": oracle.asked - len(set(names)),
    }


def measure() -> dict[str, Any]:
    """Measure roll-outs, and whole searches."""
    with gzip.open(MOLECULES, "rt", encoding="utf-8") as lines:
        auxiliary = [line.strip() for _, line in zip(range(AUXILIARY), lines, strict=False)]
    environment = Environment(learn(auxiliary, RINGS, MOTIFS, LARGEST), STEPS)
    speeds = roll_outs(environment)
    return {"speeds": speeds, "searches": {name: searched(environment, auxiliary, name) for name in SEARCHES}}


def section() -> str:
    """Return the section of docs/benchmarks.md."""
    found = measure()
    speeds = [
        [f"{n:,}", f"{at_once:,.0f}", f"{looped:,.0f}", f"{at_once / looped:.1f}"]
        for n, (at_once, looped) in found["speeds"].items()
    ]
    head = ["molecules grown together", "a second at once", "a second one by one", "times"]
    rows = [
        [
            f"`attack.search={name}`",
            f"{of['seconds']:.0f} s",
            f"{of['processors']:.0f} s",
            f"{of['molecules']:,}",
            f"{of['queries']:,}",
        ]
        for name, of in found["searches"].items()
    ]
    heads = [f"the best {WANTED} of one ring, {STEPS} steps", "whole", "of processors", "molecules grown", "queries"]
    return (
        f"## Growing molecules by a policy\n\n{RINGS} rings, {MOTIFS} motifs, {STEPS} steps, networks of width "
        f"{POLICY_WIDTH}. The same network with the same weights, all molecules in one pass a stage or a pass each; "
        f"motifs are embedded once for both; in turn, medians of {REPEATS}, seconds of one processor.\n\n"
        f"{markdown([head, *speeds])}\n\nWhole searches with the settings of `scale=small`, {EPOCHS} epochs of "
        f"{MOLECULES_EACH} molecules: warm-up, queries of a GIN {LAYERS} × {WIDTH}, learning and ranking. Below 180 s "
        f"wanted.\n\n{markdown([heads, *rows])}\n"
    )


def _seconds(work: Any) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
