"""Molextract (Huang et al., NeurIPS 2024): training molecules out of an encoder that answers with embeddings.

Enumerate ring + motif molecules, score each by how well its embedding mixes its parts' embeddings, publish the
top K. The learned scorer is trained on the label "contained in one of the attacker's own molecules". The paper's
policy network, which grows molecules over several steps, is not part of this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.molextract.candidates import Candidates, VocabularyOptions, enumerate_candidates
from telltale.attacks.molextract.cuts import Cuts, cut_at_ring_bonds, part_whole_membership
from telltale.attacks.molextract.rivals import blind_ranking, rivals_named
from telltale.attacks.molextract.scorers import SCORERS, ScorerOptions
from telltale.attacks.molextract.scoring import embed
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.game.world import Knowledge, World


class Molextract(Attack):
    """Ranks ring + motif candidates by part–whole agreement of embeddings.

    scorer: paper | released_code | fixed; k: sizes of the published lists; rings, motifs, largest_motif,
    vocabulary: the building blocks; alpha, size_weighted: Eq. (1) where α is constant; cuts: cuts a challenge
    molecule is tested at, 0 = no membership test; rivals: other rankings of the same candidates.
    """

    access: ClassVar = frozenset({"embeddings"})
    accepts: ClassVar = frozenset({"molecules"})
    hands_over: ClassVar = ExtractedMolecules

    def __init__(
        self,
        scorer: str,
        k: int | Sequence[int],
        rings: int,
        motifs: int,
        largest_motif: int,
        vocabulary: str | None = None,
        alpha: float = 0.5,
        size_weighted: bool = True,
        cuts: int = 4,
        rivals: Sequence[str] = (),
    ) -> None:
        if scorer not in SCORERS:
            raise InputError("attack.scorer", scorer, f"one of {', '.join(SCORERS)}")
        if not 0 <= alpha <= 1:
            raise InputError("attack.alpha", alpha, "a number from 0 to 1")
        if isinstance(cuts, bool) or not isinstance(cuts, int) or cuts < 0:
            raise InputError("attack.cuts", cuts, "a whole number from 0 (no test)")
        self.scorer = scorer
        self.k = _whole_numbers(k)
        self.vocabulary = VocabularyOptions(rings, motifs, largest_motif, vocabulary)
        self.options, self.cuts = ScorerOptions(alpha, size_weighted), cuts
        self._rivals = rivals_named(rivals, self)

    def check(self, knowledge: Knowledge) -> None:
        """Enumerate the pool, and refuse lists that are longer than it."""
        pool = len(self.candidates(knowledge))
        for k in self.k:
            if k > pool:
                raise InputError("attack.k", k, f"at most {pool}, the number of candidates (a quarter of it says more)")

    def candidates(self, knowledge: Knowledge) -> Candidates:
        """Return the pool, the same for every ranking of it."""
        return enumerate_candidates(knowledge.auxiliary, self.vocabulary)

    def run(self, world: World) -> ExtractedMolecules:
        """Query rings and motifs once, every candidate once, and the challenge molecules with their sides."""
        candidates = self.candidates(world.knowledge)
        seed, scorer = world.knowledge.seed, SCORERS[self.scorer]
        scored = [
            scorer(
                embed(release, candidates),
                candidates.in_auxiliary,
                derive(seed, "scorer", victim),
                self.options,
            )
            for victim, release in enumerate(world.releases)
        ]
        mixing = [one.mixing for one in scored if one.mixing is not None]
        scores = np.stack([one.scores for one in scored])
        return self.evidence(candidates, scores, np.stack(mixing) if mixing else None, self._membership(world))

    def blind(self, knowledge: Knowledge) -> ExtractedMolecules:
        """Rank by what the auxiliary molecules alone say."""
        candidates = self.candidates(knowledge)
        return self.evidence(candidates, blind_ranking(candidates)[None])

    def rivals(self) -> Mapping[str, Attack]:
        """Return the other rankings that the configuration names."""
        return self._rivals

    def evidence(
        self,
        candidates: Candidates,
        scores: np.ndarray,
        mixing: np.ndarray | None = None,
        membership: MembershipScores | None = None,
    ) -> ExtractedMolecules:
        """Wrap scores (victims, candidates) as evidence."""
        rings = np.array([block.smiles for block in candidates.vocabulary.rings], object)
        return ExtractedMolecules(
            smiles=candidates.smiles,
            templates=rings[candidates.ring],
            scores=scores.astype(np.float64),
            novel=~candidates.in_auxiliary,
            k=self.k,
            mixing=mixing,
            proposed=candidates.proposed,
            valid=candidates.valid,
            membership=membership,
        )

    def _membership(self, world: World) -> MembershipScores | None:
        if not self.cuts:
            return None
        cuts = _cuts(_Challenge(world.knowledge.challenge), self.cuts, derive(world.knowledge.seed, "cuts"))
        options = self.options
        scores = [
            part_whole_membership(release, cuts, options.alpha, options.size_weighted) for release in world.releases
        ]
        return MembershipScores(np.stack(scores))


class _Challenge:
    """The challenge molecules of one game, hashed by identity."""

    def __init__(self, records: MoleculeRecords) -> None:
        self.records = records

    def __hash__(self) -> int:
        return id(self.records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Challenge) and other.records is self.records


@lru_cache(maxsize=2)
def _cuts(challenge: _Challenge, most: int, seed: int) -> Cuts:
    return cut_at_ring_bonds(challenge.records, most, seed)


def _whole_numbers(k: int | Sequence[int]) -> tuple[int, ...]:
    values = [k] if isinstance(k, int | float | str) else list(k)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError("attack.k", value, "a whole number from 1, or a list of such")
    if not values:
        raise InputError("attack.k", k, "a whole number from 1, or a list of such")
    return tuple(sorted(set(values)))
