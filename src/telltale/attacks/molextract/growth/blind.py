"""The guess without a query where molecules are grown: it ranks what enumeration proposes, and may judge any others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.growth.lists import best_of
from telltale.attacks.molextract.growth.pool import GrownCandidates, candidates_of
from telltale.attacks.molextract.growth.state import State
from telltale.attacks.molextract.ranking import ListSizes, evidence_of
from telltale.attacks.molextract.rivals import blind_guess
from telltale.data.seeds import generator
from telltale.evidence import ExtractedMolecules

LEARNED_FROM = 4000  # molecules, a random part where there are more


@dataclass(frozen=True, eq=False)
class Guess:
    """A ranking that was learned of the attacker's own molecules alone."""

    pool: GrownCandidates
    rank: Callable[[Candidates], np.ndarray]

    def scores(self, state: State) -> dict[str, float]:
        """Score what these roll-outs make, by SMILES."""
        pool = self.pool
        made = candidates_of(state, pool.one_step, pool.environment, pool.contained, pool.whole)
        return best_of(made.smiles.tolist(), self.rank(made))

    def unlimited(self) -> Guess:
        """Return itself: it asks nobody."""
        return self


def guessed(pool: GrownCandidates, seed: int, lists: ListSizes) -> ExtractedMolecules:
    """Rank the pool by what its auxiliary labels teach."""
    rows = np.sort(generator(seed, "blind guess").permutation(len(pool))[:LEARNED_FROM])
    guess = Guess(pool, blind_guess(pool.take(rows)))
    return replace(evidence_of(pool, guess.rank(pool)[None], lists), joins=pool.joins, searches=(guess,))
