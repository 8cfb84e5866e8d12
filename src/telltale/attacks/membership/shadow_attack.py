"""Base of attacks that compare a victim's answers with those of shadow models, leave-one-out over the victims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.membership.kept import Judged, Signals, judged_once
from telltale.attacks.membership.panels import PSEUDO_TARGETS, Panels
from telltale.attacks.membership.thresholds import best_threshold
from telltale.errors import InputError, NumericalError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release
from telltale.progress import track

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # as `ShadowAttack.score`


class ShadowAttack(Attack):
    """Base of shadow attacks: a subclass says what it reads off a release (`signal`) and how it scores (`score`).

    All points of all shadows are scored at once.

    least_shadows   how many shadow models a victim needs
    per_record      shadows say what is usual for each record, not for all of them together
    """

    access = frozenset({"probabilities"})
    accepts = frozenset({"images", "table", "molecules", "text"})
    least_shadows = 2
    per_record = True

    @property
    def most_shadows(self) -> int | None:
        """Return how many shadows `judge` looks at, the first ones; None = all."""
        return None

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Query a release and reduce its answers: (points, …)."""
        raise NotImplementedError

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Score points: signals of target (points, …) and shadows (shadows, points, …), members (shadows, points)."""
        raise NotImplementedError

    @property
    def shares_sums(self) -> bool:
        """Tell whether `scores_of_panels` judges all victims together; else `judge` does, one after the other."""
        return False

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        """Score all targets of the panels: (targets, points), each as `score` by its panel but for rounding.

        The score of a target must not depend, even by rounding, on who else is judged or is no part of its panel.
        """
        raise NotImplementedError

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray | None:
        """Return one number a point of a victim's own signal, higher = member: (points,); None where it has no such."""
        return None

    def facing(self, target: np.ndarray, shadows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read off both signals what bears on this target, before `score`: all of it, unless a subclass says less."""
        return target, shadows

    def judge(
        self, targets: Sequence[np.ndarray], shadows: np.ndarray, members: np.ndarray, knowledge: Knowledge
    ) -> tuple[np.ndarray, float]:
        """Score the points of all victims that have these shadows: (victims, points); some of these fix the threshold.

        Signals as in `score`, of each victim; what follows from the shadows alone is made once.
        """
        return self.judged(targets, shadows, members, self.score)

    def judge_all(self, signals: Signals, knowledge: Knowledge) -> Judged:
        """Score all victims and fix their thresholds: together where sums are shared, else one after the other."""
        if self.shares_sums:
            return in_order(of.judged(self.scores_of_panels(of)) for of in Panels.of(signals, self.least_shadows))
        scores: list[Any] = [None] * len(signals.victims)
        thresholds, those = np.empty(len(scores)), slice(self.most_shadows)
        groups, bar = signals.alike(), f"{type(self).__name__}: victims judged"
        for victims in track(groups, bar, len(scores), max(map(len, groups), default=1)):
            keys, members = signals.shadows[victims[0]]
            shadows = np.stack([signals.of_shadows[key] for key in keys[those]])
            targets = [signals.victims[victim] for victim in victims]
            found, thresholds[victims] = self.judge(targets, shadows, members[those], knowledge)
            for victim, score in zip(victims, found, strict=True):
                scores[victim] = score
        return np.array(scores), thresholds

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few victims before any is trained, and records without labels."""
        name, least = type(self).__name__, self.least_shadows + 2
        if knowledge.models < least:
            why = f"{name} needs {self.least_shadows} shadow models for each, its complement left out; at least {least}"
            raise InputError("victims", knowledge.models, f"{why}, shadow_models counted")

    def run(self, world: World) -> MembershipScores:
        """Score every victim against its own shadows; what was made of the same answers before is in the store."""
        knowledge, signals = world.knowledge, self.signals(world)
        scores, thresholds = judged_once(self, knowledge, signals, lambda: self.judge_all(signals, knowledge))
        for victim, score in enumerate(scores):
            self._require_numbers(score, victim, world)
        alone = [self.alone(signal, knowledge) for signal in signals.victims]
        own = [signal for signal in alone if signal is not None]
        fixed = None if np.isnan(thresholds).any() else thresholds  # too few shadows to take the target's part
        return MembershipScores(scores, fixed, alone=np.stack(own) if len(own) == len(scores) else None)

    def signals(self, world: World) -> Signals:
        """Ask every victim and its shadows; a shadow is asked once for all victims."""
        knowledge, of_shadows, victims, shadows = world.knowledge, dict[str, np.ndarray](), [], []
        for victim, release in enumerate(track(world.releases, f"{type(self).__name__}: victims asked")):
            releases, members = world.shadows(victim)
            for shadow in releases:
                if shadow.key not in of_shadows:
                    of_shadows[shadow.key] = self.signal(shadow, knowledge)
            own = self.signal(release, knowledge)
            as_shadow = of_shadows.get(release.key)  # kept once where a victim is another one's shadow
            victims.append(own if as_shadow is None or not np.array_equal(own, as_shadow) else as_shadow)
            shadows.append((tuple(shadow.key for shadow in releases), members))
        return Signals(victims, of_shadows, shadows)

    def _require_numbers(self, score: np.ndarray, victim: int, world: World) -> None:
        unknown, members, name = np.flatnonzero(np.isnan(score)), world.shadows(victim)[1], type(self).__name__
        if not len(unknown):
            return
        if 0 < (number := members[:, unknown[0]].sum()) < len(members):
            raise NumericalError(f"{name}: the score of point {unknown[0]} for victim {victim} is not a number")
        why = f"point {unknown[0]} is in {number} of {len(members)} shadow models; give more"
        raise InputError("victims", world.knowledge.victims, f"{name} needs shadows with and without each point: {why}")

    def judged(
        self, targets: Sequence[np.ndarray], shadows: np.ndarray, members: np.ndarray, score: Score
    ) -> tuple[np.ndarray, float]:
        """Score targets by all shadows; for the threshold some of these take their part, judged by the others.

        A shadow's complement is no judge of it, unless too few are left.
        """
        chosen = np.unique(np.linspace(0, len(members) - 1, min(PSEUDO_TARGETS, len(members))).astype(int))
        judges = np.stack([unrelated(members, shadow) for shadow in chosen])
        if (judges.sum(1) < self.least_shadows).any():
            judges = np.arange(len(members)) != chosen[:, None]

        def by(judges: np.ndarray | slice, target: np.ndarray) -> np.ndarray:
            own, others = self.facing(target, shadows)
            return score(own, others[judges], members[judges])

        pseudo = [by(those, shadows[shadow]) for shadow, those in zip(chosen, judges, strict=True)]
        scores = [by(slice(None), target) for target in targets]
        return np.stack(scores), best_threshold(np.stack(pseudo), members[chosen])


def in_order(judged: Iterable[Judged]) -> Judged:
    """Put judgements of some victims after those of others."""
    scores, thresholds = zip(*judged, strict=True)
    return np.concatenate(scores), np.concatenate(thresholds)


def unrelated(members: np.ndarray, shadow: int) -> np.ndarray:
    """Leave out a shadow, and those trained on exactly the other records: (shadows,) bool."""
    unlike = members != members[shadow]
    return unlike.any(1) & ~unlike.all(1)


def require_sides(attack: ShadowAttack, knowledge: Knowledge, fewest: tuple[int, ...]) -> None:
    """Refuse, by InputError, points for which the fewest shadows on a side are none."""
    if min(fewest) < 1:
        why = "some point is in all or none of a victim's; give more, or pools.non_members=${pools.members}"
        expected = f"{type(attack).__name__} needs shadows with and without each point: {why}"
        raise InputError("victims", knowledge.victims, expected)


def true_labels(knowledge: Knowledge) -> np.ndarray:
    """Return the classes of the challenge points, (points,)."""
    labels: np.ndarray = knowledge.challenge.labels
    return labels
