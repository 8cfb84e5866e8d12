"""The attack where molecules are grown: each release is searched, and what was proposed becomes evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from telltale.attacks.molextract.growth.lists import (
    Searched,
    distinct_paths,
    evidence_of_searches,
    judged_alike,
    searched,
)
from telltale.attacks.molextract.growth.pool import GrownCandidates, GrownPool
from telltale.attacks.molextract.growth.search import SearchOptions
from telltale.attacks.molextract.growth.state import concatenated
from telltale.attacks.molextract.growth.warm_up import begun_problem
from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.attacks.molextract.ranking import ListSizes
from telltale.attacks.molextract.scorers import ScorerOptions
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evidence import Evidence, ExtractedMolecules
from telltale.game.world import Knowledge, World

BLIND = "zero_query"  # the guess without a query
COMPARED = ("target", "disjoint")  # evidence whose models judge what either proposed


@dataclass(frozen=True, eq=False)
class Grower:
    """Searches releases for molecules.

    pool            what is grown without a model
    search          how molecules are grown
    scorer          of steps, by name
    scorer_options  its options
    lists           sizes of the published lists
    """

    pool: GrownPool
    search: SearchOptions
    scorer: str
    scorer_options: ScorerOptions
    lists: ListSizes

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, what cannot be grown or paid for, and lists that are longer than what is grown."""
        one_step, environment = self.pool.pool.of(knowledge.auxiliary), self.pool.environment(knowledge.auxiliary)
        self.search.check(one_step, environment, self.scorer != "fixed", knowledge.query_budget)
        for k in self.lists.pooled:
            if k > (most := self._most(knowledge)):
                raise InputError("attack.k", k, f"at most {most}, the molecules that are grown")

    def _most(self, knowledge: Knowledge) -> int:
        """Count the molecules that a list may have: what is enumerated or rolled out, as far as it can be paid for."""
        pool, options = self.pool.of(knowledge.auxiliary), PolicyOptions.of(self.search.policy)
        most = len(pool) if pool.whole or self.search.search == "enumerate" else self.search.most
        if self.search.search not in ("enumerate", "beam"):
            most = min(most, options.epochs * options.molecules)
        blocks = self.search.blocks(self.pool.pool.of(knowledge.auxiliary))
        budgets = self.search.query_budget, knowledge.query_budget
        return min([most, *(budget - blocks for budget in budgets if budget is not None)])

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say how molecules were grown, and what the rivals rank."""
        pool, search = self.pool.of(knowledge.auxiliary), self.search
        allowed = knowledge.query_budget  # by the owner, for the search and what comes after it
        limits = [limit for limit in (search.query_budget, allowed) if limit is not None]
        budget = f"at most {min(limits):,} queries" if limits else "any number of queries"
        of_pool = f"all {len(pool):,} there are" if pool.whole else f"a random sample, {len(pool):,}"
        steps = "1 step" if search.steps == 1 else f"{search.steps} steps"
        grown = f"molecules grown by {search.search} over {steps}, {budget} a model"
        grown += " (the membership test's aside)" if allowed is None else ""
        return grown, f"enumeration and rivals without a search of their own rank {of_pool}"

    def run(self, world: World) -> ExtractedMolecules:
        """Search every victim, each under a budget of its own."""
        candidates, before = self.pool.of(world.knowledge.auxiliary), world.queries.total()
        searches = [
            self._searched(candidates, world, victim, derive(world.knowledge.seed, "scorer", victim))
            for victim in range(len(world.releases))
        ]
        queries = world.queries.total() - before
        found = evidence_of_searches(searches, set(candidates.one_step.smiles.tolist()), queries, self.lists)
        return replace(found, told=self._ended(searches))

    def _ended(self, searches: Sequence[Searched]) -> tuple[str, ...]:
        """Say what a search that learns has asked where its epochs, and not its budget, ended it."""
        oracles, search = [searched.problem.oracle for searched in searches], self.search
        spent = [oracle for oracle in oracles if oracle.budget is None or oracle.asked + search.steps >= oracle.budget]
        if search.search in ("enumerate", "beam") or spent or oracles[0].budget is None:
            return ()
        asked = " to ".join(
            dict.fromkeys(f"{of:,}" for of in (min(o.asked for o in oracles), max(o.asked for o in oracles)))
        )
        why = f"its epochs (attack.policy.epochs={PolicyOptions.of(search.policy).epochs}) or attack.most ended it"
        return (f"{search.search} asked {asked} of {oracles[0].budget:,} queries: {why} before its budget",)

    def _searched(self, candidates: GrownCandidates, world: World, victim: int, seed: int) -> Searched:
        release = world.releases[victim]
        problem = begun_problem(candidates, release, self.scorer, self.scorer_options, self.search, seed)
        return searched(problem, self.search.function(problem, self.search.most))


def together(evidence: Mapping[str, Evidence | None]) -> dict[str, Evidence | None]:
    """Have the models of target and disjoint control judge all that either search proposed, as evidence in `common`.

    So does the blind guess. Where both proposed the same there is nothing to do. Neither the truth nor a score decides
    what is judged.
    """
    grown = {name: guess for name, guess in evidence.items() if isinstance(guess, ExtractedMolecules)}
    done: dict[str, Evidence | None] = {name: replace(guess, searches=()) for name, guess in grown.items()}
    searched = [grown[name] for name in COMPARED if name in grown and grown[name].searches]
    judging = [grown[name] for name in (*COMPARED, BLIND) if name in grown and grown[name].searches]
    if len(searched) == len(COMPARED) and not all(_alike(judging[0], other) for other in judging):
        searches = [search for guess in searched for search in guess.searches]
        problem = searches[0].problem
        state = distinct_paths(concatenated([search.state for search in searches]))
        for name in (*COMPARED, BLIND):
            if name in grown and grown[name].searches:
                judges = [judge.unlimited() for judge in grown[name].searches]
                common = judged_alike(judges, grown[name], state, problem.environment, problem.contained)
                done[name] = replace(grown[name], searches=(), common=common)
    return {**evidence, **done}


def _alike(first: ExtractedMolecules, second: ExtractedMolecules) -> bool:
    whole = first.listed is None and second.listed is None
    return whole and np.array_equal(first.smiles, second.smiles)
