"""The environment of growth: rings in, one join a step, canonical SMILES out (paper, section 3.3).

State = the molecule so far; action = (site on the molecule, motif, site on the motif); the transition is
deterministic: one single bond in place of a hydrogen each.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from rdkit import Chem

from telltale.attacks.molextract.candidates import joined_molecule
from telltale.attacks.molextract.growth.fragments import Fragments, sites_of
from telltale.attacks.molextract.growth.state import NOTHING, State
from telltale.attacks.molextract.vocabulary import Vocabulary
from telltale.errors import InputError

MOLECULES_KEPT = 20_000  # half-grown ones, parsed
SPELLINGS_KEPT = 2_000_000


class Environment:
    """Grows molecules from the rings of a vocabulary by at most `steps` joins each.

    Every action from `State.graph.open`, any motif of `usable` and an open site of that motif gives a molecule.
    """

    def __init__(self, vocabulary: Vocabulary, steps: int) -> None:
        self.vocabulary, self.steps = vocabulary, steps
        sites = sites_of(vocabulary)
        self.blocks = Fragments.of([*vocabulary.rings, *vocabulary.motifs], sites)
        self.motifs = self.blocks.take(len(vocabulary.rings) + np.arange(len(vocabulary.motifs)))
        self.rings = self.blocks.take(np.arange(len(vocabulary.rings)))
        self.usable = self.motifs.open_counts() > 0
        """Motifs that have an open site: (motifs,) bool."""
        self._molecules = [Chem.MolFromSmiles(block.smiles) for block in (*vocabulary.rings, *vocabulary.motifs)]
        self._half_grown = lru_cache(MOLECULES_KEPT)(self._joined)
        self._spelled = lru_cache(SPELLINGS_KEPT)(self._spelling)

    def check(self) -> None:
        """Refuse, by InputError, a vocabulary from which `steps` joins can never be made."""
        rings, motifs = self.vocabulary.rings, self.vocabulary.motifs
        closed = [rings[place].smiles for place in np.flatnonzero(self.rings.open_counts() == 0)]
        if closed:
            raise InputError("attack.vocabulary", f"ring {closed[0]}", "a ring with a hydrogen at one of its sites")
        if not self.usable.any():
            names = ", ".join(block.smiles for block in motifs[:3])
            raise InputError("attack.vocabulary", f"motifs {names}", "a motif with a hydrogen at one of its sites")
        if (most := self.most_steps()) < self.steps:
            expected = f"at most {most}: then no molecule of these rings and motifs has a hydrogen left to replace"
            raise InputError("attack.steps", self.steps, expected)

    def most_steps(self, bound: int = 1000) -> int:
        """Count the joins that some molecule can take, `bound` at most: each takes a hydrogen at either end."""

        def free(fragments: Fragments) -> np.ndarray:
            sums = np.concatenate([[0], np.cumsum(np.where(fragments.open, fragments.hydrogens, 0))])
            return np.diff(sums[fragments.offsets])

        rings, motifs = free(self.rings), free(self.motifs)[self.usable]
        left, gain = int(rings.max(initial=0)), int(motifs.max(initial=0)) - 2
        return bound if gain >= 0 and left else left if self.usable.any() else 0

    def reset(self, rings: np.ndarray) -> State:
        """Begin a molecule from each of the rings, (n,) places in the vocabulary."""
        rings = np.asarray(rings, np.int64)
        actions = np.full((len(rings), self.steps, 3), NOTHING, np.int64)
        return State(rings, actions, np.zeros(len(rings), bool), self.blocks, len(self.rings))

    def at(self, rings: np.ndarray, actions: np.ndarray) -> State:
        """Return the molecules that these joins make, (n,) and (n, steps, 3); they are taken as they are."""
        return replace(self.reset(rings), actions=np.asarray(actions, np.int64))

    def step(self, state: State, actions: np.ndarray) -> State:
        """Join, (n, 3): site on each molecule, motif, site on the motif.

        An action that cannot be (a closed or missing site, no such motif) makes its molecule `failed`. Molecules that
        are done stay as they are, whatever is asked of them.
        """
        actions = np.asarray(actions, np.int64)
        possible = self.possible(state, actions)
        going = ~state.done
        joined = going & possible
        table = state.actions.copy()
        table[np.flatnonzero(joined), state.taken[joined]] = actions[joined]
        return replace(state, actions=table, failed=state.failed | (going & ~possible))

    def possible(self, state: State, actions: np.ndarray) -> np.ndarray:
        """Tell which of (n, 3) actions can be, one for each molecule: (n,) bool."""
        site, motif, motif_site = np.asarray(actions, np.int64).T
        known = (motif >= 0) & (motif < len(self.motifs))
        graph, motif = state.graph, np.where(known, motif, 0)
        return known & _is_open(graph, np.arange(len(state)), site) & _is_open(self.motifs, motif, motif_site)

    def smiles(self, state: State) -> np.ndarray:
        """Spell the molecules as they are now: (n,) canonical SMILES, None where RDKit refuses what was joined."""
        spellings = np.empty(len(state), object)
        spellings[:] = [self._spelled(path) for path in state.paths()]
        return spellings

    def steps_of(self, state: State) -> np.ndarray:
        """Spell every molecule after each of its joins: (n, 1 + steps), the ring first; None after the last join."""
        columns = [self.smiles(state.after(joins)) for joins in range(self.steps + 1)]
        table = np.stack(columns, 1)
        table[np.arange(self.steps + 1) > state.taken[:, None]] = None
        return table

    def symmetry(self, path: tuple[int, ...]) -> np.ndarray:
        """Return the symmetry class of each atom of the molecule made so, (atoms,): a join at either is the same."""
        return np.array(Chem.CanonicalRankAtoms(self._molecule(path), breakTies=False))

    def _spelling(self, path: tuple[int, ...]) -> str | None:
        if len(path) == 1:
            return self.vocabulary.rings[path[0]].smiles
        molecule = self._joined(path)  # not kept: most are grown no further
        return None if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)

    def _molecule(self, path: tuple[int, ...]) -> Chem.Mol | None:
        return self._molecules[path[0]] if len(path) == 1 else self._half_grown(path)

    def _joined(self, path: tuple[int, ...]) -> Chem.Mol | None:
        """Make a molecule, its atoms in the order in which they were joined."""
        *before, site, motif, motif_site = path
        molecule = self._molecule(tuple(before))
        other = self._molecules[len(self.rings) + motif]
        return None if molecule is None else joined_molecule(molecule, site, other, motif_site)


def _is_open(fragments: Fragments, molecule: np.ndarray, site: np.ndarray) -> np.ndarray:
    """Tell whether the atom `site` of each named molecule is there and open: (n,) bool."""
    there = (site >= 0) & (site < fragments.sizes[molecule])
    atom = fragments.offsets[:-1][molecule] + np.where(there, site, 0)
    return there & fragments.open[atom]
