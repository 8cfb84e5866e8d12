"""What an attack hands over to be scored: evidence, and nothing that knows the truth.

Attacks fill these, the evaluation reads them; neither side imports the other. Every array has the victims on
its first axis, so that one attack on several models is one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class MembershipScores:
    """How strongly each challenge point looks like a training record of each victim.

    scores       (victims, points) float, higher = member; one row is a guess that holds for every victim
    threshold    a score of at least that much is called a member: one for all or (victims,), fixed without the victim's
                 truth (on shadow models); None = the attack has none
    alone        (victims, points) what each victim by itself says of each point, higher = member, where the scores
                 have other victims' answers in them too; None = not known
    """

    scores: np.ndarray
    threshold: float | np.ndarray | None = None
    alone: np.ndarray | None = field(default=None, kw_only=True)

    def for_victims(self, victims: int) -> MembershipScores:
        """Return the same with a row, and a threshold where there is one, for each victim."""
        scores = np.broadcast_to(self.scores, (victims, self.scores.shape[1]))
        thresholds = None if self.threshold is None else self.thresholds(victims)
        alone = None if self.alone is None else np.broadcast_to(self.alone, scores.shape)
        return MembershipScores(scores, thresholds, alone=alone)

    def thresholds(self, victims: int) -> np.ndarray:
        """Return the threshold of each of so many victims, (victims,). Raises ValueError if it does not fit."""
        thresholds = np.asarray(self.threshold, dtype=float)
        if thresholds.shape not in ((), (1,), (victims,)) or np.isnan(thresholds).any():
            raise ValueError(f"threshold {self.threshold}: one number, or one for each of {victims} victims")
        return np.broadcast_to(thresholds, (victims,))


@dataclass(frozen=True)
class CaptionMembership(MembershipScores):
    """Membership scores of captioned pictures, with what each victim wrote of them.

    captions: (victims) tuples of (points) texts; empty where the attack did not ask for captions.
    """

    captions: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class CanaryScores(MembershipScores):
    """Membership scores of canaries, each in each victim by an independent fair coin.

    A victim's scores come from that victim alone; delta: of the (ε, δ) that they bound.
    """

    delta: float = 0.0


@dataclass(frozen=True)
class SecretScores(CanaryScores):
    """Scores of secrets planted in texts, and how exposed each is.

    bits        (victims, secrets) exposure after Carlini et al. 2019: log2 of the candidates less log2 of the rank
    copies      (secrets,) how often each is in the training set of a model that has it
    candidates  how many secrets of the format each is ranked among, itself counted
    """

    bits: np.ndarray = field(kw_only=True)
    copies: np.ndarray = field(kw_only=True)
    candidates: int = field(kw_only=True)


@dataclass(frozen=True)
class RangeScores(MembershipScores):
    """How strongly each range of records looks like one that holds a training record; scores (victims, ranges).

    inside  (ranges, challenge points) bool: which of the game's points lie in each range; no model plays a part in it
    names   (ranges,) what each range is, for people
    """

    inside: np.ndarray = field(kw_only=True)
    names: tuple[str, ...] = field(default=(), kw_only=True)


def held_by(members: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Tell which ranges hold a member: (models, points) and (ranges, points) bool -> (models, ranges) bool.

    >>> held_by(np.array([[True, False, False]]), np.array([[True, True, False], [False, False, True]]))
    array([[ True, False]])
    """
    return np.asarray(members, dtype=np.float32) @ np.asarray(inside, dtype=np.float32).T > 0


@dataclass(frozen=True)
class ExtractedMolecules:
    """Molecules an attacker proposes as (parts of) training molecules, each with its score.

    smiles         (candidates,) canonical SMILES, distinct
    templates      (candidates,) SMILES of the template (ring) each was grown from: the unit that intervals resample
    scores         (victims, candidates) float, higher = more likely in the training data
    novel          (candidates,) bool, not contained in any auxiliary molecule
    k              sizes of the top-K lists that the attacker would publish
    k_within_ring  sizes of such lists of each template's candidates alone
    mixing         (victims, candidates) mixing weight α of Eq. (1); None = the score has none
    proposed       how many joins were tried
    valid          how many of them gave a sanitisable molecule
    membership     the same score turned on whole challenge molecules, or None

    Where molecules are grown, each search proposes its own:

    listed         (victims, candidates) bool, what each victim's search proposed, others' scores are NaN; None = all
    joins          (candidates,) fewest joins that make it, as far as is known; None = one each
    asked          queries that the searches took, over all victims; None = every candidate was asked about
    common         the same attack's scores of what it and the evidence it is compared with proposed; None = these
                   are the same candidates
    searches       who made the scores, for the attack itself

    told           what a reader has to know of how it came about: sentences without a full stop
    """

    smiles: np.ndarray
    templates: np.ndarray
    scores: np.ndarray
    novel: np.ndarray
    k: tuple[int, ...]
    mixing: np.ndarray | None = None
    proposed: int = 0
    valid: int = 0
    membership: MembershipScores | None = None
    k_within_ring: tuple[int, ...] = ()
    listed: np.ndarray | None = field(default=None, kw_only=True)
    joins: np.ndarray | None = field(default=None, kw_only=True)
    asked: int | None = field(default=None, kw_only=True)
    common: ExtractedMolecules | None = field(default=None, kw_only=True)
    searches: tuple[Any, ...] = field(default=(), kw_only=True, repr=False, compare=False)
    told: tuple[str, ...] = field(default=(), kw_only=True)

    def listed_for(self, victim: int) -> np.ndarray:
        """Tell which candidates are on one victim's list: (candidates,) bool."""
        return np.ones(len(self.smiles), bool) if self.listed is None else self.listed[victim]


@dataclass(frozen=True)
class ReconstructedRecords:
    """Training records decoded from a release, e.g. pictures hidden in weights.

    records            (victims, payload, channels, height, width) decoded pictures in [0, 1], chosen
                       among the decodings; one row is a guess that holds for every victim
    decodings          by name of the way of decoding, the same shape
    carrier            the same shape: the numbers as they were read, each layer group of variance 1, in the unit that
                       the attacker does not know
    groups             of one row's shape: the layer group each came from
    group_names        of the layer groups
    weights            (victims, quantiles) of all weights in matrices
    stored_bits        (victims,) what the release takes
    bits_per_weight    (victims,) the same over its weights
    stretched          whether the payload was stretched to the full range before it was hidden

    What concerns weights is None where nothing was read off them.
    """

    records: np.ndarray
    decodings: Mapping[str, np.ndarray] = field(default_factory=dict)
    carrier: np.ndarray | None = None
    groups: np.ndarray | None = None
    group_names: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    stored_bits: np.ndarray | None = None
    bits_per_weight: np.ndarray | None = None
    stretched: bool = False

    @property
    def scores(self) -> np.ndarray:
        """Return an array with the victims on its first axis, as other evidence has."""
        return self.records


Evidence = MembershipScores | ExtractedMolecules | ReconstructedRecords
