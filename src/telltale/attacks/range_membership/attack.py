"""Was any record within this range trained on? RaMIA (Tao & Shokri, SaTML 2025, arXiv 2408.05131).

An attacker seldom holds the very record: it knows a part of a molecule, a picture that was cropped, a row with gaps.
So it samples from the range of what the record may be, scores each sample by a membership attack on points, and takes
the mean of the highest scores. Of a range "contains this fragment" that is what Molextract counts as a hit, asked as
a test: are the fragments of training molecules told from those that just as well could have been?
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.embedding_membership.rationing import prices_of
from telltale.attacks.embedding_membership.signals import SIGNALS
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.rmia import RMIA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.attacks.range_membership import molecules, rows
from telltale.attacks.range_membership.aggregation import EVERYTHING, Trim
from telltale.attacks.range_membership.judges import Asked, ByEmbeddings, by_embeddings, by_shadows
from telltale.attacks.range_membership.ranges import RangeOptions, Ranges
from telltale.checks import choice
from telltale.data.kept import Kept, content_digest
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.evidence import MembershipScores, RangeScores
from telltale.game.world import Knowledge, World

Lay = Callable[[Knowledge, RangeOptions, Kept], Ranges]
OF_MOLECULES: Mapping[str, Lay] = {"contains": molecules.containing, "similar": molecules.similar}
OF_RECORDS: Mapping[str, tuple[str, Lay]] = {
    "transformed": ("images", rows.transformed),
    "missing": ("table", rows.missing),
}
BASES: Mapping[str, Callable[[], ShadowAttack]] = {"rmia": RMIA, "lira": lambda: LiRA(variance="pooled")}
SAMPLES = ("sampled", "centre", "with_the_records", "the_records")
YARDSTICKS = {"including": "with_the_records", "ceiling": "the_records"}  # rivals that are given what is looked for
RIVALS = ("mean", "largest", "centre", *YARDSTICKS)
FEWEST_MODELS = 4


class RangeMembership(Attack):
    """Judges ranges by what a point attack says of samples of each; a subclass says how they are laid and judged.

    kind         of range
    options      how ranges are laid and sampled
    trim         which scores of a range count
    asked        sampled | centre: the centre alone | with_the_records: the range's challenge points among the samples |
                 the_records: these alone, whether members or not
    rivals       mean (of all samples) | largest (score) | centre | including (the records) | ceiling (these alone)
    """

    hands_over = RangeScores
    lay: Lay

    def __init__(self, kind: str, options: RangeOptions, trim: Trim, asked: str, rivals: Sequence[str]) -> None:
        for name in rivals:
            choice("attack.rivals", name, RIVALS)
        self.kind, self.options, self.trim = kind, options, trim
        self.asked = choice("attack.asked", asked, SAMPLES)
        self.yardstick = asked in YARDSTICKS.values()
        self._rivals = tuple(rivals)
        self._laid: dict[tuple[str, int], Ranges] = {}

    def judged(self, world: World, asked: Asked) -> MembershipScores:
        """Score the ranges of every victim: (victims, ranges)."""
        raise NotImplementedError

    def check(self, knowledge: Knowledge) -> None:
        """Refuse challenge points that are not halved, and of which none lies in a range."""
        if sum(knowledge.fewest) < knowledge.models - 2 - knowledge.models % 2:  # halved, each is in half of the models
            expected = "${pools.members}: only then is a range as likely in a model as out of it, however common it is"
            raise InputError("pools.non_members", "another number than pools.members", expected)
        if len(self.ranges(knowledge).names) < 2:
            points = f"{len(knowledge.challenge):,} challenge points"
            most = self.options.most_inside
            expected = f"fewer than two ranges hold one to {most} of {points}; try another kind, more rings and motifs"
            raise InputError("attack.kind", self.kind, expected)

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say what was asked about."""
        laid = self.ranges(knowledge)
        several = int((laid.inside.sum(1) > 1).sum())
        held = int(laid.inside.any(0).sum())
        known = "" if laid.known is None else f"; {int((laid.known == 0).sum()):,} hold none of the attacker's records"
        return (
            f"{len(laid.names):,} ranges hold {held:,} of {len(knowledge.challenge):,} challenge points, none in two, "
            f"{several:,} of them more than one{known}; a range counts in a model that has all or none of its points",
        )

    def ranges(self, knowledge: Knowledge) -> Ranges:
        """Return the ranges that are asked about, the same in every world of a game and for every rival."""
        place = content_digest(knowledge.challenge.fingerprints()), knowledge.seed
        if place not in self._laid:
            self._laid[place] = self.lay(knowledge, self.options, Kept(knowledge.owner.store))
        return self._laid[place]

    def run(self, world: World) -> RangeScores:
        """Ask every victim, and its shadows, about the samples."""
        laid = self.ranges(world.knowledge)
        samples, number = self._samples(laid, world.knowledge)
        judged = self.judged(world, Asked(samples, number, self.trim, laid.inside))
        return RangeScores(judged.scores, judged.threshold, inside=laid.inside, names=laid.names)

    def _samples(self, laid: Ranges, knowledge: Knowledge) -> tuple[Records, int]:
        """Return what is asked of each range, side by side, and how many records that is."""
        if self.asked == "centre":
            return laid.centres, 1
        if self.asked == "with_the_records":
            return laid.including(), laid.number
        if self.asked == "sampled":
            return laid.samples, laid.number
        most = int(laid.inside.sum(1).max())
        rows = np.stack([np.resize(np.flatnonzero(points), most) for points in laid.inside])
        return knowledge.challenge.take(rows.ravel()), most

    def blind(self, knowledge: Knowledge) -> RangeScores | None:
        """Score by how many of the attacker's own records lie in a range, where it has any of the kind."""
        laid = self.ranges(knowledge)
        if laid.known is None:
            return None
        return RangeScores(laid.known[None].astype(float), inside=laid.inside, names=laid.names)

    def rivals(self) -> Mapping[str, Attack]:
        """Return other ways to judge the same ranges, that the configuration names."""
        return {name: self._rival(name) for name in self._rivals}

    def _rival(self, name: str) -> RangeMembership:
        rival = copy.copy(self)  # with the same ranges
        rival._rivals, rival.asked = (), {"centre": "centre", **YARDSTICKS}.get(name, "sampled")
        rival.yardstick = name in YARDSTICKS
        largest = Trim(1 - 1 / self.options.samples)  # drops all but one
        rival.trim = {"mean": EVERYTHING, "largest": largest}.get(name, self.trim)
        return rival


class MoleculeRanges(RangeMembership):
    """Ranges of molecules, judged by embeddings.

    kind           contains (a fragment) | similar (to a known molecule)
    signal         norm | views | part_whole | logistic: of a sample's embedding, calibrated by shadow encoders
    keep_from      quantile of a range's scores from which they count: half of the samples are dropped at 0.5
    keep_to        quantile up to which they count
    asked, rivals  as in `RangeMembership`; the rest as in `RangeOptions`
    """

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules"})
    other_kinds: ClassVar[Mapping[str, str]] = dict.fromkeys(("images", "table"), "range_membership_images")

    def __init__(
        self,
        kind: str = "contains",
        signal: str = "norm",
        ranges: int = 1000,
        samples: int = 16,
        keep_from: float = 0.5,
        keep_to: float = 1.0,
        most_inside: int = 3,
        similarity: float = 0.4,
        rings: int = 24,
        motifs: int = 80,
        largest_motif: int = 10,
        asked: str = "sampled",
        rivals: Sequence[str] = (),
    ) -> None:
        self.lay = OF_MOLECULES[choice("attack.kind", kind, OF_MOLECULES)]
        self.signal = choice("attack.signal", signal, SIGNALS)
        options = RangeOptions(ranges, samples, most_inside, similarity, 0.25, rings, motifs, largest_motif)
        super().__init__(kind, options, Trim(keep_from, keep_to), asked, rivals)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadow encoders, no point in a range, and a limit below what is asked."""
        if knowledge.models < FEWEST_MODELS:
            expected = (
                "range_membership needs at least 2 shadow encoders for each victim, the one trained on exactly the "
                f"other members not counted: at least {FEWEST_MODELS} victims, 6 are better, shadow_models counted"
            )
            raise InputError("victims", knowledge.models, expected)
        super().check(knowledge)
        if knowledge.query_budget is not None:
            probes = ByEmbeddings(self.signal).probes(knowledge, self._samples(self.ranges(knowledge), knowledge)[0])
            asked = int(prices_of(probes, self.signal).sum()) + len(knowledge.auxiliary)
            if asked > knowledge.query_budget:
                expected = f"at least {asked:,}, for the samples of all ranges; fewer attack.ranges or attack.samples"
                raise InputError("defense.queries", knowledge.query_budget, expected)

    def judged(self, world: World, asked: Asked) -> MembershipScores:
        """Score by signals of embeddings."""
        return by_embeddings(ByEmbeddings(self.signal), world, asked)


class RecordRanges(RangeMembership):
    """Ranges of pictures or rows, judged by a shadow attack on classifiers.

    kind           transformed (pictures) | missing (columns of a table)
    base           rmia | lira: what scores a sample
    keep_from      quantile of a range's scores from which they count: half of the samples are dropped at 0.5
    keep_to        quantile up to which they count
    asked, rivals  as in `RangeMembership`; the rest as in `RangeOptions`
    """

    def __init__(
        self,
        kind: str = "transformed",
        base: str = "rmia",
        ranges: int = 1000,
        samples: int = 16,
        keep_from: float = 0.5,
        keep_to: float = 1.0,
        most_inside: int = 3,
        missing: float = 0.25,
        asked: str = "sampled",
        rivals: Sequence[str] = (),
    ) -> None:
        records, self.lay = OF_RECORDS[choice("attack.kind", kind, OF_RECORDS)]
        self._base = BASES[choice("attack.base", base, BASES)]()
        self.base, self.accepts, self.access = base, frozenset({records}), self._base.access
        self.uses_true_labels = self._base.uses_true_labels
        options = RangeOptions(ranges, samples, most_inside, missing=missing)
        super().__init__(kind, options, Trim(keep_from, keep_to), asked, rivals)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadow models, and challenge points of which none lies in a range."""
        self._base.check(knowledge)
        super().check(knowledge)

    def judged(self, world: World, asked: Asked) -> MembershipScores:
        """Score by probabilities."""
        return by_shadows(self._base, world, asked)
