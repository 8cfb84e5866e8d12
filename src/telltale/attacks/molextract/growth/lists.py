"""Lists of grown molecules: what a search proposed, scored by the scorer that it ended with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.problem import Contained, Problem
from telltale.attacks.molextract.growth.state import State, concatenated
from telltale.attacks.molextract.ranking import ListSizes
from telltale.data.molecules.records import as_texts
from telltale.evidence import ExtractedMolecules


class Judge(Protocol):
    """Whoever can say of any molecules, by how they are made, what they are worth."""

    def scores(self, state: State) -> dict[str, float]:
        """Score what these roll-outs make, by SMILES; one that is made in several ways by its best."""
        ...


@dataclass(frozen=True, eq=False)
class Searched:
    """One release after its search: the problem with its scorer as it is now, and the roll-outs that were judged."""

    problem: Problem
    state: State

    def scores(self, state: State) -> dict[str, float]:
        """Score by the reward of the best way to make each molecule."""
        judged = self.problem.judge(state)
        return best_of(final(judged.smiles, state), judged.rewards)

    def unlimited(self) -> Searched:
        """Return the same without a budget: queries go to a copy and are not counted, no attacker could ask them."""
        return replace(self, problem=replace(self.problem, oracle=self.problem.oracle.unlimited()))


def best_of(names: Sequence[str | None], rewards: np.ndarray) -> dict[str, float]:
    """Return the best reward of each name; those without a name are left out."""
    best: dict[str, float] = {}
    for text, reward in zip(names, rewards.tolist(), strict=True):
        if text is not None:
            best[text] = max(reward, best.get(text, -np.inf))
    return best


def searched(problem: Problem, state: State) -> Searched:
    """Keep of what a search returned the roll-outs that the budget paid for."""
    return Searched(problem, state.take(np.arange(len(problem.judge(state)))))


def final(spelled: np.ndarray, state: State) -> list[str | None]:
    """Return the molecule that each roll-out ends with; None where it failed, is not done, or joined nothing."""
    ended = spelled[np.arange(len(state)), state.taken]
    usable = state.done & ~state.failed & (state.taken > 0)
    return [text if good else None for text, good in zip(ended.tolist(), usable.tolist(), strict=True)]


def evidence_of_searches(
    searches: Sequence[Searched], one_step: set[str], queries: int, lists: ListSizes
) -> ExtractedMolecules:
    """Wrap the lists of all victims as evidence; one_step: molecules that a single join makes.

    A molecule is listed under the most frequent ring that any search made it from.
    """
    of_victims = [search.scores(search.state) for search in searches]
    names = list(dict.fromkeys(text for scores in of_victims for text in scores))
    everything = concatenated([search.state for search in searches])
    problem = searches[0].problem
    rings, fewest = _made_from(problem.environment, everything)
    table = np.array([[scores.get(text, np.nan) for text in names] for scores in of_victims]).reshape(-1, len(names))
    blocks = np.array([block.smiles for block in problem.environment.vocabulary.rings], object)
    listed = np.isfinite(table)
    joins = [1 if text in one_step else fewest[text] for text in names]
    return ExtractedMolecules(
        smiles=as_texts(names),
        templates=blocks[[rings[text] for text in names]],
        scores=table,
        novel=~problem.contained(names),
        k=lists.pooled,
        proposed=len(everything),
        valid=sum(text is not None for text in _finals(problem.environment, everything)),
        k_within_ring=lists.within_ring,
        listed=None if listed.all() else listed,
        joins=np.array(joins, np.int64),
        asked=queries,
        searches=tuple(searches),
    )


def judged_alike(
    judges: Sequence[Judge], like: ExtractedMolecules, state: State, environment: Environment, contained: Contained
) -> ExtractedMolecules:
    """Return evidence of all that `state` makes, scored by each victim's judge though it may not have proposed it."""
    rings, _ = _made_from(environment, state)
    names = sorted(rings)
    scores = [judge.scores(state) for judge in judges]
    blocks = np.array([block.smiles for block in environment.vocabulary.rings], object)
    return ExtractedMolecules(
        smiles=as_texts(names),
        templates=blocks[[rings[text] for text in names]],
        scores=np.array([[of_victim[text] for text in names] for of_victim in scores]),
        novel=~contained(names),
        k=like.k,
    )


def distinct_paths(state: State) -> State:
    """Return each way of making a molecule once."""
    first: dict[tuple[int, ...], int] = {}
    for row, path in enumerate(state.paths()):
        first.setdefault(path, row)
    return state.take(np.array(list(first.values()), np.int64))


def _finals(environment: Environment, state: State) -> list[str | None]:
    return final(environment.steps_of(state), state)


def _made_from(environment: Environment, state: State) -> tuple[dict[str, int], dict[str, int]]:
    """Return the most frequent ring and the fewest joins of each final molecule."""
    rings: dict[str, int] = {}
    joins: dict[str, int] = {}
    made = zip(_finals(environment, state), state.ring.tolist(), state.taken.tolist(), strict=True)
    for text, ring, taken in made:
        if text is not None:
            rings[text] = min(ring, rings.get(text, ring))
            joins[text] = min(taken, joins.get(text, taken))
    return rings, joins
