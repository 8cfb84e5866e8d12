"""What every ranking of the candidates does, the attack's and its rivals': ask for embeddings, wrap the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from telltale.attacks.molextract.asking import embeddings_of
from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.rationing import rationed, spread
from telltale.attacks.molextract.scorers import SCORERS, Scored, ScorerOptions, Scoring
from telltale.attacks.molextract.scoring import Parts
from telltale.data.kept import NOWHERE, Kept, content_digest
from telltale.evidence import ExtractedMolecules, MembershipScores
from telltale.owner.release import Release

KIND = "candidate_scores"  # of entries in the store
WORTH = 2000  # candidates: some 2 s of learning on a core, beside 3 s until another process begins


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

    def within(self, rows: np.ndarray | None) -> Context:
        """Return the same for the candidates at `rows` alone, None = all."""
        return self if rows is None else replace(self, candidates=self.candidates.take(rows))


def embed(release: Release, candidates: Candidates) -> Parts:
    """Ask for the embeddings of rings and motifs once, and of every candidate."""
    return _parts(candidates, *_asked(release, candidates))


def scored_by(name: str, options: ScorerOptions, context: Context) -> Scored:
    """Score the candidates by the named scorer; what was learned of the same embeddings before is found again."""
    every, rows = context.candidates, rationed(context.candidates, context.release, context.seed)
    context = context.within(rows)
    scoring, of = _asked_for(name, options, context)
    scored = scores_kept(context.kept if of else NOWHERE, name, context.candidates, scoring, of, __name__)
    return spread(scored, rows, len(every), context.seed)


def begin_scoring(name: str, options: ScorerOptions, context: Context) -> None:
    """Have another core learn what `scored_by` will be asked for."""
    context = context.within(rationed(context.candidates, context.release, context.seed))
    if len(context.candidates) < WORTH:
        return
    scoring, of = _asked_for(name, options, context)
    if of:
        context.kept.begin(*entry_of(name, context.candidates, scoring, of, __name__))


def _asked_for(name: str, options: ScorerOptions, context: Context) -> tuple[Scoring, dict[str, Any]]:
    """Return what scores the candidates, and all that the scores depend on; nothing where nothing is learned."""
    candidates = context.candidates
    embeddings = _asked(context.release, candidates)
    scoring = SCORERS[name](_parts(candidates, *embeddings), candidates.in_auxiliary, context.seed, options)
    of = {"options": asdict(options), "embeddings": content_digest(*embeddings), "seed": context.seed}
    return scoring, {} if name == "fixed" else of | {"torch": version("torch")}


def scores_kept(
    kept: Kept,
    ranking: str,
    candidates: Candidates,
    make: Scoring,
    of: Mapping[str, Any],
    module: str,
) -> Scored:
    """Return what `make` returns, found again where it was made of the same before.

    of: what the scores depend on beside the candidates and the code of `module`.
    """
    found = kept.arrays(*entry_of(ranking, candidates, make, of, module))
    return Scored(found["scores"], found.get("mixing"))


def entry_of(
    ranking: str, candidates: Candidates, make: Scoring, of: Mapping[str, Any], module: str
) -> tuple[str, dict[str, Any], Callable[[], dict[str, np.ndarray]], str]:
    """Return what `Kept` is asked for: kind, document, what makes the arrays, and the module of its code."""
    return KIND, {"ranking": ranking, **of, "candidates": candidates.digest}, partial(_as_arrays, make), module


def _as_arrays(make: Scoring) -> dict[str, np.ndarray]:
    made = make()
    return {"scores": made.scores} | ({} if made.mixing is None else {"mixing": made.mixing})


def _asked(release: Release, candidates: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the embeddings of rings, of motifs and of candidates, each (molecules, width)."""
    rings, motifs = (embeddings_of(release, part) for part in (candidates.ring_molecules, candidates.motif_molecules))
    return rings, motifs, embeddings_of(release, candidates.molecules)


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
