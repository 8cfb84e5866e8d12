"""Growth by every action, or by every action of the best: enumeration and beam search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.growth.state import State, concatenated
from telltale.data.seeds import generator


def enumerated(problem: Problem, most: int) -> State:
    """Take every molecule there is, or the random sample that was drawn of them: the same for every model.

    In random order where the owner's limit may end before they do: the pool knows of the attacker's own budget alone.
    """
    assert problem.pool is not None, "the pool is grown with the problem"
    if problem.oracle.release.budget is None:
        return problem.pool
    return problem.pool.take(generator(0, "order of enumeration").permutation(len(problem.pool)))


def grown(environment: Environment, rings: np.ndarray, most: int, seed: int) -> tuple[State, bool]:
    """Grow every molecule that the rings give, each once a ring, and tell whether these are all.

    A step that would take more than `most` joins takes so many of them, each equally likely, in random order. Of more
    than `most` molecules so many are kept: those that no more can be joined to come on top of the last step's.
    """
    rng, whole = np.random.default_rng(seed), True
    state, finished = environment.reset(rings), []
    for _ in range(environment.steps):
        finished.append(state.take(state.done))
        state = state.take(~state.done)
        every, chosen = Actions.of(environment, state), None
        if len(every) > most:  # they are millions: those that are taken alone are laid out
            whole, chosen = False, rng.permutation(len(every))[:most]
        actions, parents = every.at(chosen)
        state = distinct(environment, environment.step(state.take(parents), actions))
    state = concatenated([*finished, state])
    if len(state) > most:
        whole, state = False, state.take(np.sort(rng.permutation(len(state))[:most]))
    return state, whole


def beam(problem: Problem, most: int) -> State:
    """Grow the best molecules of each step by every action, as many of them as the budget allows.

    Every ring has its own beam, all of one width: the best molecule of each ring is grown first, then the second of
    each. The queries left are shared out evenly over the steps that are left.
    """
    environment, oracle = problem.environment, problem.oracle
    rng = np.random.default_rng(problem.seed)
    state, finished = environment.reset(problem.rings), []
    for step in range(environment.steps):
        finished.append(state.take(state.done))
        state = state.take(~state.done)
        if not len(state):
            break
        share = max(1, min(most, most if oracle.left is None else oracle.left) // (environment.steps - step))
        if step:
            order = _best_of_each_ring(state, problem.judge(state).rewards)
            state = _expanded(environment, state.take(order), share, rng)
        else:
            state = _first_joins(problem, state, share, rng)
        state = state.take(np.arange(len(problem.judge(state))))
    return concatenated([*finished, state])


@dataclass(frozen=True, eq=False)
class Actions:
    """Every action of some molecules, one of each symmetry class: molecule by molecule, site by site, motif by motif.

    site, parent   (sites,) where on a molecule something can be joined, and on which
    motif, end     (ends,) what can be joined there, and by which of its atoms
    """

    site: np.ndarray
    parent: np.ndarray
    motif: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, environment: Environment, state: State) -> Actions:
        """Find the sites of each molecule that differ."""
        is_open, offsets = state.graph.open, state.graph.offsets
        sites = [np.zeros(0, np.int64)]
        for place, path in enumerate(state.paths()):
            open_atoms = np.flatnonzero(is_open[offsets[place] : offsets[place + 1]])
            classes = environment.symmetry(path)[open_atoms]
            sites.append(open_atoms[np.sort(np.unique(classes, return_index=True)[1])])
        parent = np.repeat(np.arange(len(state)), [len(of) for of in sites[1:]])
        return cls(np.concatenate(sites), parent, *_motif_sites(environment))

    def __len__(self) -> int:
        """Count the actions."""
        return len(self.site) * len(self.motif)

    def at(self, places: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Lay out the actions at these places, None = all: (actions, 3), and whose each is: (actions,)."""
        rows, ends = np.divmod(np.arange(len(self)) if places is None else places, max(1, len(self.motif)))
        return np.stack([self.site[rows], self.motif[ends], self.end[ends]], 1), self.parent[rows]


def children(environment: Environment, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Return every action of every molecule, one of each symmetry class: (actions, 3), and whose it is: (actions,)."""
    return Actions.of(environment, state).at(None)


def distinct(environment: Environment, state: State) -> State:
    """Return the first molecule of each ring and spelling; those that failed all stay."""
    spelled = environment.smiles(state)
    seen: set[tuple[int, str]] = set()
    keep = np.zeros(len(state), bool)
    for place, (ring, text) in enumerate(zip(state.ring.tolist(), spelled, strict=True)):
        keep[place] = text is None or (ring, text) not in seen
        seen.add((ring, text))
    return state.take(keep)


def _expanded(environment: Environment, state: State, most: int, rng: np.random.Generator) -> State:
    """Grow molecules by every action, from the first on, until that makes `most`; of the last one a random part."""
    parts, made = [], 0
    for start in range(len(state)):
        parent = state.take(np.array([start]))
        actions, parents = children(environment, parent)
        if made + len(actions) > most:
            actions = actions[np.sort(rng.permutation(len(actions))[: most - made])]
        parts.append(environment.step(parent.take(parents[: len(actions)]), actions))
        made += len(actions)
        if made >= most:
            break
    return distinct(environment, concatenated(parts))


def _first_joins(problem: Problem, state: State, most: int, rng: np.random.Generator) -> State:
    """Grow rings by every action that the warm-up paid for, and by so many others, each equally likely."""
    actions, parents = children(problem.environment, state)
    grown = distinct(problem.environment, problem.environment.step(state.take(parents), actions))
    known = problem.oracle.knows(problem.environment.smiles(grown))
    others = rng.permutation(np.flatnonzero(~known))[:most]
    return grown.take(np.sort(np.concatenate([np.flatnonzero(known), others])))


def _best_of_each_ring(state: State, rewards: np.ndarray) -> np.ndarray:
    """Order molecules by their rank among those of their ring, then by reward: (molecules,) positions."""
    order = np.argsort(-rewards, kind="stable")
    rank = np.zeros(len(state), np.int64)
    for ring in np.unique(state.ring):
        of_ring = order[state.ring[order] == ring]
        rank[of_ring] = np.arange(len(of_ring))
    return order[np.argsort(rank[order], kind="stable")]


def _motif_sites(environment: Environment) -> tuple[np.ndarray, np.ndarray]:
    """Return motif and atom of every site of every motif, as the vocabulary has them: (sites,), (sites,)."""
    pairs = [
        (place, site)
        for place, block in enumerate(environment.vocabulary.motifs)
        for site in block.sites
        if environment.motifs.open[environment.motifs.offsets[place] + site]
    ]
    motif, site = np.array(pairs, np.int64).reshape(-1, 2).T
    return motif, site
