"""Was this record in the pre-training set? From embeddings alone, calibrated by shadow encoders.

The paper's own score (Huang et al. 2024) asks how well a molecule's embedding mixes those of its parts. Beside it: how
far the embedding lies from the ordinary, and how well it agrees with views of the record (EncoderMI, Liu et al.
2021); all less what encoders answer that may or may not have seen the record (Watson et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, singledispatch
from typing import ClassVar

import numpy as np

from telltale import checks
from telltale.attacks.base import Attack
from telltale.attacks.embedding_membership.calibration import judge
from telltale.attacks.embedding_membership.rationing import guessed, prices_of, rationed
from telltale.attacks.embedding_membership.signals import SIGNALS, Probes, measure
from telltale.checks import choice, number, whole_number
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.records import Records
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release
from telltale.progress import track

FEWEST_VICTIMS = 4  # itself, possibly its complement, a shadow that plays the victim, and one that calibrates that


def variants_of(signals: Sequence[str]) -> tuple[str, ...]:
    """Name signals raw and calibrated, as `rivals` does."""
    return tuple(f"{signal}{kind}" for signal in signals for kind in ("", "_calibrated"))


VARIANTS = variants_of(SIGNALS)


class EmbeddingMembership(Attack):
    """Judges challenge points by one signal of their embeddings.

    signal       norm | views | part_whole | logistic = all of them together
    calibrated   less its mean over shadow encoders
    views        subgraphs a molecule, or changed copies of a picture
    share        of a molecule's atoms that a subgraph has
    cuts         bonds a molecule is cut at, at most
    ridge        penalty of the logistic regression
    rivals       other signals, raw by name or with `_calibrated`; the attack's own is left out, and part_whole where
                 records have no parts
    """

    access = frozenset({"embeddings"})
    accepts = frozenset({"molecules", "images"})
    other_kinds: ClassVar[Mapping[str, str]] = {"captions": "embedding_membership_captions"}
    signals: ClassVar[tuple[str, ...]] = SIGNALS

    def __init__(
        self,
        signal: str = "logistic",
        calibrated: bool = True,
        views: int = 8,
        share: float = 0.8,
        cuts: int = 8,
        ridge: float = 1.0,
        rivals: Sequence[str] = (),
    ) -> None:
        choice("attack.signal", signal, self.signals)
        whole_number("attack.views", views, 1, 1000)
        whole_number("attack.cuts", cuts, 1, 1000)
        checks.share("attack.share", share)
        number("attack.ridge", ridge, above=0)
        for name in rivals:
            choice("attack.rivals", name, variants_of(self.signals))
        self.signal, self.calibrated, self.ridge = signal, calibrated, ridge
        self.views, self.share, self.cuts = views, share, cuts
        self._rivals = tuple(name for name in rivals if name != self.name)
        if signal == "part_whole":
            self.accepts = frozenset({"molecules"})

    @property
    def name(self) -> str:
        """Name the signal as `rivals` does."""
        return f"{self.signal}_calibrated" if self.calibrated else self.signal

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few victims, which are each other's shadows, and parts of records that have none."""
        if knowledge.models < FEWEST_VICTIMS:
            expected = (
                "embedding_membership needs at least 2 shadow encoders for each victim, the one trained on exactly the "
                f"other members not counted: at least {FEWEST_VICTIMS} victims, 6 are better, shadow_models counted"
            )
            raise InputError("victims", knowledge.models, expected)
        if not self.applies(knowledge):
            expected = (
                f"compares molecules with the two sides of a bond that is cut; none of {len(knowledge.challenge):,} "
                "challenge molecules has a single bond outside a ring; use norm, views or logistic"
            )
            raise InputError("attack.signal", self.signal, expected)
        self._asked(knowledge)

    def applies(self, knowledge: Knowledge) -> bool:
        """Tell whether there are parts, where the signal is of nothing else."""
        return self.signal != "part_whole" or self._probes(knowledge).sides is not None

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say how many molecules have no parts, and how many a query limit leaves out."""
        probes, asked, points = self._probes(knowledge), len(self._asked(knowledge).challenge), len(knowledge.challenge)
        limited = f"the query limit allows for {asked:,} of {points:,} points; the others are guessed alike"
        notes = (limited,) if asked < points else ()
        if knowledge.challenge.kind != "molecules" or not probes.uncut:
            return notes
        fate = (
            "part_whole is left out of the signals and of the rivals"
            if probes.sides is None
            else "in part_whole they get the medians of the others"
        )
        uncut = f"{probes.uncut:,} of {points:,} challenge molecules have no bond to cut; {fate}"
        return (*notes, uncut)

    def run(self, world: World) -> MembershipScores:
        """Ask every victim, and its shadows, for what the signal needs."""
        shadows = [world.shadows(victim) for victim in range(len(world.releases))]
        probes, points = self._asked(world.knowledge), len(world.knowledge.challenge)
        distinct = {release.key: release for releases, _ in shadows for release in releases}
        known = {
            key: self.measured(release, probes)
            for key, release in track(distinct.items(), "asking shadow encoders", len(distinct))
        }
        judged = []
        for release, (others, members) in zip(track(world.releases, "asking encoders"), shadows, strict=True):
            target, signals = self.measured(release, probes), np.stack([known[other.key] for other in others])
            known_of = members[:, : len(probes.challenge)]
            judged.append(judge(target, signals, known_of, self.calibrated, self.ridge))
        thresholds = np.array([victim.threshold for victim in judged])
        return MembershipScores(np.stack([guessed(victim.scores, points) for victim in judged]), thresholds)

    def blind(self, knowledge: Knowledge) -> MembershipScores | None:
        """Score by likeness to the attacker's own records, where the kind of data has one."""
        likeness = likeness_to(knowledge.challenge, knowledge.auxiliary)
        return None if likeness is None else MembershipScores(likeness[None])

    def rivals(self) -> Mapping[str, Attack]:
        """Return the other signals that the configuration names."""
        return {name: self._variant(name) for name in self._rivals}

    def measured(self, release: Release, probes: Probes) -> np.ndarray:
        """Ask an encoder what the signal needs: (points, its columns)."""
        return measure(release, probes, self.signal)

    def prices(self, probes: Probes) -> np.ndarray:
        """Count the queries that each point takes: (points,)."""
        return prices_of(probes, self.signal)

    def _variant(self, name: str) -> EmbeddingMembership:
        signal = name.removesuffix("_calibrated")
        return EmbeddingMembership(signal, signal != name, self.views, self.share, self.cuts, self.ridge)

    def _asked(self, knowledge: Knowledge) -> Probes:
        probes = self._probes(knowledge)
        return rationed(probes, self.signal, knowledge.query_budget, self.prices(probes))

    def _probes(self, knowledge: Knowledge) -> Probes:
        return _probes(knowledge.challenge, knowledge.auxiliary, self.views, self.share, self.cuts, knowledge.seed)


# records are hashed by identity: the rivals and the controls of one game share their views and cuts
_probes = lru_cache(maxsize=2)(Probes)


@singledispatch
def likeness_to(records: Records, auxiliary: Records) -> np.ndarray | None:
    """Return each record's likeness to the nearest auxiliary one, (records,), or None where none is defined."""
    return None


@likeness_to.register
def _(records: MoleculeRecords, auxiliary: MoleculeRecords) -> np.ndarray:
    """Largest Tanimoto similarity of ECFP4 fingerprints."""
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints, others = (
        ecfp4.GetFingerprints([Chem.MolFromSmiles(smiles) for smiles in part.smiles]) for part in (records, auxiliary)
    )
    return np.array([max(DataStructs.BulkTanimotoSimilarity(record, list(others))) for record in prints])
