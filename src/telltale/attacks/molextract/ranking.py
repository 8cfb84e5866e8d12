"""What every ranking of the candidates does, the attack's and its rivals': ask for embeddings, wrap the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.scorers import SCORERS, Scored, ScorerOptions
from telltale.attacks.molextract.scoring import Parts
from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.owner.release import Release

KIND = "candidate_scores"  # of entries in the store


@dataclass(frozen=True)
class ListSizes:
    """Sizes K of published lists: of all candidates pooled over rings, and of each ring's own."""

    pooled: tuple[int, ...]
    within_ring: tuple[int, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a ranking may use: the candidates, one release to query, a seed, and where results are kept."""

    candidates: Candidates
    release: Release
    seed: int
    kept: Kept = NOWHERE


def embed(release: Release, candidates: Candidates) -> Parts:
    """Ask for the embeddings of rings and motifs once, and of every candidate."""
    return _parts(candidates, *_asked(release, candidates))


def scored_by(name: str, options: ScorerOptions, context: Context) -> Scored:
    """Score the candidates by the named scorer; what was learned of the same embeddings before is found again."""
    candidates = context.candidates
    embeddings = _asked(context.release, candidates)

    def make() -> Scored:
        return SCORERS[name](_parts(candidates, *embeddings), candidates.in_auxiliary, context.seed, options)

    if name == "fixed":  # nothing is learned
        return make()
    of = {"options": asdict(options), "embeddings": content_digest(*embeddings), "seed": context.seed}
    return scores_kept(context.kept, name, candidates, make, of | {"torch": version("torch")}, __name__)


def scores_kept(
    kept: Kept,
    ranking: str,
    candidates: Candidates,
    make: Callable[[], Scored],
    of: Mapping[str, Any],
    module: str,
) -> Scored:
    """Return what `make` returns, found again where it was made of the same before.

    of: what the scores depend on beside the candidates and the code of `module`.
    """

    def arrays() -> dict[str, np.ndarray]:
        made = make()
        return {"scores": made.scores} | ({} if made.mixing is None else {"mixing": made.mixing})

    found = kept.arrays(KIND, {"ranking": ranking, **of, "candidates": candidates.digest}, arrays, module)
    return Scored(found["scores"], found.get("mixing"))


def _asked(release: Release, candidates: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the embeddings of rings, of motifs and of candidates, each (molecules, width)."""
    rings, motifs = release.embeddings(candidates.ring_molecules), release.embeddings(candidates.motif_molecules)
    return rings, motifs, release.embeddings(candidates.molecules)


def _parts(candidates: Candidates, rings: np.ndarray, motifs: np.ndarray, whole: np.ndarray) -> Parts:
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
