"""Molextract on released encoders, judged by what can be known: nobody can say what they were trained on.

Precision against the training molecules is not available. What is: where candidates that are parts of public molecules
of the same kind rank, how far the list is from such molecules, what weight the scorer gives to the ring, whether the
encoders agree; each beside encoders that were never trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.released.encoders import AUXILIARY, MOLECULES, REFERENCE, encoders, itself, world_of, zinc_like
from scripts.released.measure import auc
from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.candidates import Candidates
from telltale.data.kept import Kept
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.evaluation.frechet import frechet_chemnet_distances
from telltale.evidence import ExtractedMolecules
from telltale.owner.release import Release

LISTED = 200
SCORERS = ("paper", "released_code", "fixed")
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rings": 6, "motifs": 20, "largest_motif": 8},
    "small": {"rings": 16, "motifs": 60, "largest_motif": 10},
}


@dataclass(frozen=True)
class Ranked:
    """One encoder's ranking of the candidates by one scorer.

    area       AUC of candidates that are part of a public molecule, among those the attacker has not
    precision  share of the first LISTED, of those the attacker has not, that are part of a public molecule
    distance   Fréchet ChemNet distance of the first LISTED of all to the public molecules; None = not available
    mixing     α of each candidate, (candidates,); None = the scorer learns none
    order      (candidates,) rank by score, 0 = first
    """

    name: str
    scorer: str
    area: float
    precision: float
    distance: float | None
    mixing: np.ndarray | None
    order: np.ndarray

    @property
    def trained(self) -> bool:
        """Tell whether anybody trained the encoder."""
        return "untrained" not in self.name


@dataclass(frozen=True)
class Rankings:
    """Those of all encoders, and of a list that asks none; base: share of candidates, novel ones, that are parts."""

    ranked: list[Ranked]
    blind: Ranked
    candidates: int
    base: float

    def of(self, scorer: str) -> list[Ranked]:
        """Return every encoder's by one scorer."""
        return [one for one in self.ranked if one.scorer == scorer]


def rank(folder: Path, scale: str, kept: Kept) -> Rankings:
    """Rank the same candidates by every encoder, trained or not, and every scorer."""
    torch.set_num_threads(1)
    known, end = encoders(folder), MOLECULES + AUXILIARY
    challenge = MoleculeRecords.of(zinc_like(0, 20), "MOSES")  # of which nothing is asked
    auxiliary = MoleculeRecords.of(zinc_like(MOLECULES, end), "MOSES")
    public = zinc_like(end, end + REFERENCE)
    ranked, candidates, first = [], None, Molextract(scorer="fixed", k=LISTED, cuts=0, **SIZES[scale])
    releases = [Release(partial(itself, network), name) for name, network in known.items()]
    world = world_of(releases, auxiliary, challenge, kept.store)
    for scorer in SCORERS:
        attack = Molextract(scorer=scorer, k=LISTED, cuts=0, **SIZES[scale])
        attack.pool = first.pool  # the candidates are enumerated once
        found = attack.run(world)
        if candidates is None:
            candidates = attack.candidates(world.knowledge)
            hits = np.asarray(SubstructureIndex(public).contains(found.smiles.tolist()))
            blind = _ranked("no encoder", "blind", attack.blind(world.knowledge), 0, hits, public, kept)
        names = list(known)
        ranked += [_ranked(names[row], scorer, found, row, hits, public, kept) for row in range(len(names))]
    assert isinstance(candidates, Candidates)
    return Rankings(ranked, blind, len(candidates), float(hits[~candidates.in_auxiliary].mean()))


def _ranked(
    name: str, scorer: str, found: ExtractedMolecules, row: int, hits: np.ndarray, public: list[str], kept: Kept
) -> Ranked:
    scores = found.scores[row]
    area, precision, place = of_scores(scores, hits, np.asarray(found.novel))
    (distance,) = frechet_chemnet_distances([found.smiles[place < LISTED].tolist()], public, kept)
    mixing = None if found.mixing is None else found.mixing[row]
    return Ranked(name, scorer, area, precision, distance, mixing, place)


def of_scores(scores: np.ndarray, hits: np.ndarray, novel: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return AUC and precision among novel candidates, and every candidate's rank: all (candidates,)."""
    order = np.argsort(-scores, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    first = order[novel[order]][:LISTED]
    return auc(scores[novel], hits[novel]), float(hits[first].mean()), place


def agreement(ranked: list[Ranked]) -> Mapping[str, tuple[float, float]]:
    """Average Spearman's ρ of ranks and the share of equal candidates among the first LISTED over pairs of encoders.

    By kind of pair: both trained, both not, one of each.
    """
    pairs: dict[str, list[tuple[float, float]]] = {}
    for one, other in combinations(ranked, 2):
        kind = {2: "both trained", 1: "one trained, one not", 0: "both untrained"}[one.trained + other.trained]
        shared = float((other.order[one.order < LISTED] < LISTED).mean())
        pairs.setdefault(kind, []).append((float(np.corrcoef(one.order, other.order)[0, 1]), shared))
    means = {kind: np.mean(values, 0) for kind, values in pairs.items()}
    return {kind: (float(rho), float(shared)) for kind, (rho, shared) in means.items()}
