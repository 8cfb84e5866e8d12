"""Molextract's score calibrated by shadow encoders: what a victim says of a candidate beyond what encoders say anyway.

A score of one encoder mixes two things: what any encoder of such molecules says of a candidate, which is chemistry,
and what this one has learned of its own. Shadow encoders, trained by the same recipe on other draws, say the first
alone (Watson et al. 2022 for membership; as in `embedding_membership`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.ranking import Context, scored_by
from telltale.attacks.molextract.rationing import rationed, spread
from telltale.attacks.molextract.rivals import kept_for
from telltale.attacks.molextract.scorers import Scored, ScorerOptions
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release

CALIBRATED = "calibrated"  # the word of attack.scorer
FEWEST_MODELS = 4  # the victim, possibly its complement, and two shadows: one alone is calibrated by its own noise


def check_shadows(knowledge: Knowledge) -> None:
    """Refuse, by InputError, a game without shadow encoders."""
    if knowledge.models < FEWEST_MODELS:
        expected = (
            f"attack.scorer={CALIBRATED} needs at least 2 shadow encoders for each victim, the one trained on exactly "
            f"the other members not counted: at least {FEWEST_MODELS} victims, shadow_models counted, e.g. victims=6"
        )
        raise InputError("victims", knowledge.models, expected)


def calibrated_rankings(world: World, candidates: Candidates, scorer: str, options: ScorerOptions) -> list[Scored]:
    """Score the candidates by each victim, less what its shadows say of them: one ranking a victim.

    scorer: the name of the score that is calibrated. Each encoder trains it anew from the same initial weights, on the
    auxiliary labels alone; no shadow's members are looked at. A victim keeps its own mixing weights α.
    """
    seed, kept = derive(world.knowledge.seed, "calibrated scorer"), kept_for(world.knowledge)
    known: dict[str, Scored] = {}

    def ranked(release: Release) -> Scored:
        return scored_by(scorer, options, Context(candidates, release, seed, kept))

    def of_shadows(releases: Iterable[Release]) -> list[np.ndarray]:
        for release in releases:
            if release.key not in known:
                known[release.key] = ranked(release)
        return [known[release.key].scores for release in releases]

    rankings = []
    for victim, release in enumerate(world.releases):
        shadows, _ = world.shadows(victim)
        own = ranked(release)  # asked of the victim, and counted, though it may be another one's shadow
        others, rows = np.stack(of_shadows(shadows)), rationed(candidates, release, seed)
        if rows is None:
            rankings.append(Scored(calibrated(own.scores, others), own.mixing))
        else:  # under a query limit of the victim
            asked = Scored(calibrated(own.scores[rows], others[:, rows]))
            rankings.append(replace(spread(asked, rows, len(candidates), seed), mixing=own.mixing))
    return rankings


def calibrated(target: np.ndarray, shadows: np.ndarray) -> np.ndarray:
    """Return z(target) - mean over shadows of z(shadow), z in units of the spread over candidates: (candidates,).

    target: (candidates,); shadows: (shadows, candidates). Cosines of two encoders differ in level and spread.

    >>> calibrated(np.array([0.1, 0.3]), np.array([[0.5, 0.9], [0.9, 0.5]]))
    array([-1.,  1.])
    """
    return _standardised(np.asarray(target, float)) - _standardised(np.asarray(shadows, float)).mean(0)


def _standardised(scores: np.ndarray) -> np.ndarray:
    spread = scores.std(-1, keepdims=True)
    return (scores - scores.mean(-1, keepdims=True)) / np.where(spread > 0, spread, 1)
