"""What every ranking of the candidates does, the attack's and its rivals': ask for embeddings, wrap the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.scoring import Parts
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.owner.release import Release


@dataclass(frozen=True)
class ListSizes:
    """Sizes K of published lists: of all candidates pooled over rings, and of each ring's own."""

    pooled: tuple[int, ...]
    within_ring: tuple[int, ...] = ()


def embed(release: Release, candidates: Candidates) -> Parts:
    """Ask for the embeddings of rings and motifs once, and of every candidate."""
    rings, motifs = (
        release.embeddings(candidates.ring_molecules),
        release.embeddings(candidates.motif_molecules),
    )
    whole = release.embeddings(candidates.molecules)
    return Parts(rings[candidates.ring], motifs[candidates.motif], whole, *candidates.sizes)


def evidence_of(
    candidates: Candidates,
    scores: np.ndarray,
    lists: ListSizes,
    mixing: Sequence[np.ndarray | None] = (),
    membership: MembershipScores | None = None,
) -> ExtractedMolecules:
    """Wrap scores (victims, candidates) as evidence; mixing: α of each victim, (candidates,), None without."""
    known = [alpha for alpha in mixing if alpha is not None]
    rings = np.array([block.smiles for block in candidates.vocabulary.rings], object)
    return ExtractedMolecules(
        smiles=candidates.smiles,
        templates=rings[candidates.ring],
        scores=scores.astype(np.float64),
        novel=~candidates.in_auxiliary,
        k=lists.pooled,
        mixing=np.stack(known) if known else None,
        proposed=candidates.proposed,
        valid=candidates.valid,
        membership=membership,
        k_within_ring=lists.within_ring,
    )
