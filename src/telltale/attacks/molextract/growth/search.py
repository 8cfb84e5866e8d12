"""How molecules are searched for: `attack.search` and its options."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.growth.state import State
from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.checks import choice, whole_number
from telltale.errors import InputError

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
    policy: Mapping[str, int | float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choice("attack.search", self.search, SEARCHES)
        whole_number("attack.steps", self.steps)
        whole_number("attack.query_budget", self.query_budget, or_null=True)
        whole_number("attack.most", self.most)
        PolicyOptions.of(self.policy)

    @property
    def grows(self) -> bool:
        """Tell whether this is more than to rank every candidate of one join."""
        return (self.search, self.steps, self.query_budget) != ("enumerate", 1, None)

    @property
    def function(self) -> Search:
        """Return the search."""
        module, name = SEARCHES[self.search]
        search: Search = getattr(importlib.import_module(f"{ROOM}.{module}"), name)
        return search

    def blocks(self, candidates: Candidates) -> int:
        """Count the different rings and motifs, with which each search begins."""
        return len({block.smiles for block in (*candidates.vocabulary.rings, *candidates.vocabulary.motifs)})

    def least_queries(self, candidates: Candidates, learned: bool) -> int:
        """Count the queries of the smallest search: rings, motifs, one roll-out, one candidate to learn from."""
        return self.blocks(candidates) + self.steps + learned

    def check(self, candidates: Candidates, environment: Environment, learned: bool, allowed: int | None) -> None:
        """Refuse, by InputError, what cannot be grown or paid for; allowed: queries that the owner allows."""
        environment.check()
        least = self.least_queries(candidates, learned)
        blocks = self.blocks(candidates)
        said = f"{blocks} rings and motifs, {self.steps} for one roll-out{', 1 to learn from' * learned}"
        for field_name, budget in (("attack.query_budget", self.query_budget), ("defense.queries", allowed)):
            if budget is not None and budget < least:
                raise InputError(field_name, budget, f"at least {least} ({said}), or null")
