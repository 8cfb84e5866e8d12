"""What enumeration proposes: the molecules that every ranking without a search of its own has before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from telltale.attacks.molextract.auxiliary import AuxiliaryPool
from telltale.attacks.molextract.candidates import Candidates, Pool, digest
from telltale.attacks.molextract.growth.enumeration import grown
from telltale.attacks.molextract.growth.environment import Environment
from telltale.attacks.molextract.growth.search import SearchOptions
from telltale.attacks.molextract.growth.state import State
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.data.seeds import derive


class Contained:
    """The label of Eq. (3): is a molecule part of one of the attacker's own? Each is looked up once."""

    def __init__(self, molecules: MoleculeRecords) -> None:
        self._molecules = molecules
        self._known: dict[str, bool] = {}

    @cached_property
    def _index(self) -> SubstructureIndex:
        return SubstructureIndex(self._molecules.smiles.tolist())

    def __call__(self, smiles: Sequence[str]) -> np.ndarray:
        """Tell of canonical SMILES: (molecules,) bool."""
        if new := [text for text in dict.fromkeys(smiles) if text not in self._known]:
            self._known |= dict(zip(new, self._index.contains(new).tolist(), strict=True))
        return np.array([self._known[text] for text in smiles], bool)


@dataclass(frozen=True, eq=False)
class GrownCandidates(Candidates):
    """Molecules of several joins, or a sample of one-step ones: all that can be grown, or a random part.

    `motif` is the one joined last; `proposed` and `valid` count molecules.

    one_step      all candidates of a single join, of which scorers learn
    environment   in which they grow
    state         how each was made, (n,)
    whole         whether these are all there are
    contained     the label of Eq. (3)
    """

    one_step: Candidates
    environment: Environment
    state: State
    whole: bool
    contained: Contained

    @cached_property
    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Count the heavy atoms of each molecule before its last join, and of the motif then joined: (n,), (n,)."""
        last = self.environment.motifs.sizes[self.motif]
        return self.state.sizes() - last, last

    def take(self, rows: np.ndarray) -> GrownCandidates:
        """Return some of the molecules."""
        kept = {name: getattr(self, name)[rows] for name in ("smiles", "ring", "motif", "in_auxiliary")}
        return replace(self, **kept, state=self.state.take(rows))

    @cached_property
    def joins(self) -> np.ndarray:
        """Count the joins of each molecule, 1 where a single one makes it too: (n,)."""
        at_once = set(self.one_step.smiles.tolist())
        return np.where([text in at_once for text in self.smiles.tolist()], 1, self.state.taken)


class GrownPool(Pool):
    """Grown candidates, shared by all that rank them: the same for every model, as only the attacker's own decide."""

    def __init__(self, pool: AuxiliaryPool, options: SearchOptions) -> None:
        super().__init__(pool.options)
        self.pool, self.search = pool, options
        self._grown: dict[str, GrownCandidates] = {}

    def of(self, auxiliary: MoleculeRecords) -> GrownCandidates:
        """Return what the attacker's molecules let grow."""
        key = digest(auxiliary)
        if key not in self._grown:
            one_step, chosen = self.pool.of(auxiliary), self.pool.chosen(auxiliary)
            self._grown[key] = grown_candidates(one_step, Contained(chosen), self.search, derive(0, f"growth {key}"))
        return self._grown[key]

    def environment(self, auxiliary: MoleculeRecords) -> Environment:
        """Return the environment, without growing anything."""
        return Environment(self.pool.of(auxiliary).vocabulary, self.search.steps)


def grown_candidates(one_step: Candidates, contained: Contained, options: SearchOptions, seed: int) -> GrownCandidates:
    """Grow all molecules, or a random sample of so many as may be asked about; a molecule is of its first ring.

    Where a budget may end before the list does, the order is random.
    """
    environment, budget = Environment(one_step.vocabulary, options.steps), options.query_budget
    most = options.most if budget is None else min(options.most, budget)
    state, whole = grown(environment, np.arange(len(one_step.vocabulary.rings)), most, seed)
    if budget is not None:
        state = state.take(np.random.default_rng(seed).permutation(len(state)))
    return candidates_of(state, one_step, environment, contained, whole)


def candidates_of(
    state: State, one_step: Candidates, environment: Environment, contained: Contained, whole: bool
) -> GrownCandidates:
    """Return the molecules that these roll-outs make, each once, in their order."""
    spelled = environment.smiles(state)
    made = np.array([row for row, text in enumerate(spelled) if text is not None and state.taken[row]], np.int64)
    first: dict[str, int] = {}
    for row in made[np.argsort(state.ring[made], kind="stable")].tolist():
        first.setdefault(spelled[row], row)
    rows = np.sort(np.array(list(first.values()), np.int64))
    kept, smiles = state.take(rows), as_texts(spelled[rows].tolist())
    last = kept.actions[np.arange(len(rows)), kept.taken - 1, 1]
    parts = one_step.vocabulary, smiles, kept.ring, last, contained(smiles.tolist()), len(state), len(made)
    return GrownCandidates(
        *parts,
        one_step.cache,
        one_step=one_step,
        environment=environment,
        state=kept,
        whole=whole,
        contained=contained,
    )
