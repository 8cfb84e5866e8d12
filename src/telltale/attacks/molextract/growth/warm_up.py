"""What every search begins with: rings and motifs are asked about, and the scorer learns of one-step candidates."""

from __future__ import annotations

import numpy as np

from telltale.attacks.molextract.growth.oracle import Oracle
from telltale.attacks.molextract.growth.pool import GrownCandidates
from telltale.attacks.molextract.growth.problem import Problem
from telltale.attacks.molextract.growth.search import SearchOptions
from telltale.attacks.molextract.scorers import ScorerOptions, begun
from telltale.attacks.molextract.scoring import Parts
from telltale.owner.release import Release


def begun_problem(
    candidates: GrownCandidates,
    release: Release,
    scorer: str,
    scorer_options: ScorerOptions,
    options: SearchOptions,
    seed: int,
) -> Problem:
    """Ask about rings and motifs, and learn the scorer of one-step candidates by Eq. (3): the warm-up.

    All candidates where half of the queries left pay for them, else a random sample that takes so many.
    """
    one_step, environment = candidates.one_step, candidates.environment
    oracle, vocabulary = Oracle(release, options.query_budget), one_step.vocabulary
    rings = oracle.embeddings([block.smiles for block in vocabulary.rings])
    motifs = oracle.embeddings([block.smiles for block in vocabulary.motifs])
    judge = begun(scorer, rings.shape[1], seed, scorer_options)
    if scorer != "fixed":
        rows = np.arange(len(one_step))
        if oracle.left is not None:
            number = min(len(rows), max(1, (oracle.left - options.steps) // 2))
            rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:number])
        ring, motif = one_step.ring[rows], one_step.motif[rows]
        ring_sizes, motif_sizes = (size[rows] for size in one_step.sizes)
        wholes = oracle.embeddings(one_step.smiles[rows].tolist())
        judge.learn(Parts(rings[ring], motifs[motif], wholes, ring_sizes, motif_sizes), one_step.in_auxiliary[rows])
    of_vocabulary = np.arange(len(vocabulary.rings))
    return Problem(
        environment, oracle, judge, candidates.contained, of_vocabulary, seed, options.policy, candidates.state
    )
