"""How molecules are searched for: `attack.search`, and what every search begins with."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.problem import Contained, Problem
from telltale.attacks.molextract.growth.state import State
from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.attacks.molextract.scorers import ScorerOptions, begun
from telltale.attacks.molextract.scoring import Parts
from telltale.checks import choice, whole_number
from telltale.errors import InputError
from telltale.owner.release import Release

Search = Callable[[Problem, int], State]  # of a problem, and how many molecules are enough where no budget ends it
ROOM = "telltale.attacks.molextract"
SEARCHES = {  # name -> module and function, imported where it is asked for
    "enumerate": ("growth.enumeration", "enumerated"),
    "beam": ("growth.enumeration", "beam"),
    "policy": ("policy.search", "by_soft_actor_critic"),
    "policy_gradient": ("policy.search", "by_policy_gradient"),
}


@dataclass(frozen=True)
class SearchOptions:
    """How molecules are grown.

    search        one of SEARCHES
    steps         joins a molecule
    query_budget  molecules that one release may be asked about, None = any number
    most          molecules that are grown where no budget ends the search
    policy        options of the policy network
    """

    search: str = "enumerate"
    steps: int = 1
    query_budget: int | None = None
    most: int = 20_000
    policy: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choice("attack.search", self.search, SEARCHES)
        whole_number("attack.steps", self.steps)
        whole_number("attack.query_budget", self.query_budget, or_null=True)
        whole_number("attack.most", self.most)
        PolicyOptions.of(self.policy)

    @property
    def function(self) -> Search:
        """Return the search."""
        module, name = SEARCHES[self.search]
        search: Search = getattr(importlib.import_module(f"{ROOM}.{module}"), name)
        return search

    def least_queries(self, candidates: Candidates, learned: bool) -> int:
        """Count the queries of the smallest search: rings, motifs, one roll-out, one candidate to learn from."""
        blocks = {block.smiles for block in (*candidates.vocabulary.rings, *candidates.vocabulary.motifs)}
        return len(blocks) + self.steps + learned

    def check(self, candidates: Candidates, environment: Environment, learned: bool) -> None:
        """Refuse, by InputError, what cannot be grown or paid for."""
        environment.check()
        least = self.least_queries(candidates, learned)
        if self.query_budget is not None and self.query_budget < least:
            blocks = least - self.steps - learned
            said = f"{blocks} rings and motifs, {self.steps} for one roll-out{', 1 to learn from' * learned}"
            raise InputError("attack.query_budget", self.query_budget, f"at least {least} ({said}), or null")


def begun_problem(
    candidates: Candidates,
    environment: Environment,
    release: Release,
    scorer: str,
    scorer_options: ScorerOptions,
    options: SearchOptions,
    contained: Contained,
    seed: int,
) -> Problem:
    """Ask about rings and motifs, and learn the scorer of one-step candidates by Eq. (3): the warm-up.

    All candidates where half of the queries left pay for them, else a random sample that takes so many.
    """
    limits = [limit for limit in (options.query_budget, release.budget) if limit is not None]
    oracle, vocabulary = Oracle(release, min(limits, default=None)), candidates.vocabulary
    rings = oracle.embeddings([block.smiles for block in vocabulary.rings])
    motifs = oracle.embeddings([block.smiles for block in vocabulary.motifs])
    judge = begun(scorer, rings.shape[1], seed, scorer_options)
    if scorer != "fixed":
        rows = np.arange(len(candidates))
        if oracle.left is not None:
            number = min(len(rows), max(1, (oracle.left - options.steps) // 2))
            rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:number])
        ring, motif = candidates.ring[rows], candidates.motif[rows]
        sizes = (size[rows] for size in candidates.sizes)
        parts = Parts(rings[ring], motifs[motif], oracle.embeddings(candidates.smiles[rows].tolist()), *sizes)
        judge.learn(parts, candidates.in_auxiliary[rows])
    of_vocabulary = np.arange(len(vocabulary.rings))
    return Problem(environment, oracle, judge, contained, of_vocabulary, seed, dict(options.policy))
