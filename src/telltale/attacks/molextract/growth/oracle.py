"""Queries to a release about molecules: each is asked once, counted, and paid for out of a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from telltale.attacks.molextract.asking import embeddings_of
from telltale.data.molecules.records import MoleculeRecords, as_texts
from telltale.owner.release import Release


class Oracle:
    """Answers with embeddings of canonical SMILES, in batches; a molecule asked twice is a query once.

    release   whose counter every new molecule goes on
    budget    queries in all; None = as many as the release allows
    """

    def __init__(self, release: Release, budget: int | None = None) -> None:
        allowed = None if release.budget is None else release.budget - release.queries.total()
        limits = [limit for limit in (budget, allowed) if limit is not None]
        self.release, self.budget = release, min(limits, default=None)
        self._rows: dict[str | None, int] = {}
        self._table = np.zeros((0, 0), np.float32)

    @property
    def asked(self) -> int:
        """Count the queries so far."""
        return len(self._rows)

    @property
    def left(self) -> int | None:
        """Count the queries that the budget still allows; None = any number."""
        return None if self.budget is None else self.budget - self.asked

    def unlimited(self) -> Oracle:
        """Return one that knows the same answers, without a budget, and asks a copy of the release."""
        release = self.release.restricted(self.release.access)
        release.budget = None  # of an owner who limits queries, too
        other = Oracle(release)
        other._rows, other._table = dict(self._rows), self._table
        return other

    def knows(self, smiles: Iterable[str | None]) -> np.ndarray:
        """Tell which molecules were asked about before: (molecules,) bool."""
        return np.array([text in self._rows for text in smiles], bool)

    def affordable(self, rollouts: Iterable[Sequence[str]]) -> int:
        """Count how many roll-outs, from the first on, can be asked about whole: each a list of molecules."""
        left, count = self.left, 0
        new: set[str] = set()
        for molecules in rollouts:
            if left is not None:
                new.update(text for text in molecules if text not in self._rows)
                if len(new) > left:
                    break
            count += 1
        return count

    def embeddings(self, smiles: Sequence[str]) -> np.ndarray:
        """Return the embeddings of canonical SMILES, (molecules, width); asks about those that are new.

        ValueError where they would pass the budget: ask `affordable` first. NumericalError names a molecule whose
        answer is not finite.
        """
        new = [text for text in dict.fromkeys(smiles) if text not in self._rows]
        if self.left is not None and len(new) > self.left:
            raise ValueError(f"{len(new)} new molecules, but the budget allows {self.left} more")
        if new:
            self._keep(embeddings_of(self.release, MoleculeRecords(as_texts(new), "grown molecules")))
            self._rows |= {text: row for row, text in enumerate(new, len(self._rows))}
        return self._table[[self._rows[text] for text in smiles]]

    def _keep(self, answers: np.ndarray) -> None:
        """Write answers behind those that are known; room is doubled where there is none."""
        known = len(self._rows)
        needed = known + len(answers)
        if needed > len(self._table):
            larger = np.zeros((max(needed, 2 * len(self._table)), answers.shape[1]), answers.dtype)
            if known:
                larger[:known] = self._table[:known]
            self._table = larger
        self._table[known:needed] = answers
