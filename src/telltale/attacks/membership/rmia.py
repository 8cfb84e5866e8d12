"""RMIA, the robust membership inference attack (Zarifzadeh, Liu & Shokri, ICML 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from telltale.attacks.membership.language_model import LOG_PROBS, meeting
from telltale.attacks.membership.language_signals import mean_log_prob
from telltale.attacks.membership.left_out import Additions, Arrays
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.shadow_attack import ShadowAttack, true_labels, unrelated
from telltale.attacks.membership.signals import on_targets_class, true_class
from telltale.attacks.membership.thresholds import areas
from telltale.checks import choice, number
from telltale.errors import InputError
from telltale.game.world import Knowledge
from telltale.owner.release import Release

LABELS = ("own", "argmax")
TIE_STEPS = 1000  # of a tie-break in one step of the published score
LARGEST = 2**19  # numbers of one kind that are held at once: of 16 sums a model, points of a block
OFFLINE_GRID = np.arange(11) / 10  # a of eq. 10, as the authors' library searches it


class RMIA(ShadowAttack):
    """Share of population points z that the target separates from x by more than γ, relative to reference models.

    ratio(x) = p(x|θ) / p(x),  LR(x, z) = ratio(x) / ratio(z),  score(x) = share of z with LR(x, z) > γ  (eqs. 2, 4)
    online:  p(x) = (mean over reference models with x + mean over those without) / 2
    offline: p(x) = ((1 + a) · mean over those without + (1 − a)) / 2, a tuned on shadows in the target's part

    p(·|θ) is the probability of a class; z: the `population` pool, which no model was trained on. Points that beat
    equally many z, every one of them above all, are told apart by ratio(x): see `shares`.

    online          use reference models with and without x, else only those without it
    gamma           γ: 1, as the authors' library has it; their research code has 2
    label           own (the true class) | argmax (the one that the target finds most probable: where a release does
                    not know the record's class), offline only

    Raises InputError for argmax with online: where the target has a non-member wrong, models with x give that wrong
    class next to nothing, which halves p(x), and the non-member outranks every member.
    """

    def __init__(self, online: bool = True, gamma: float = 1.0, label: str = "own") -> None:
        number("attack.gamma", gamma, above=0)
        choice("attack.label", label, LABELS)
        if online and label == "argmax":
            why = (
                "references with x deny it all wrong classes, so non-members that the target has wrong would rank first"
            )
            raise InputError("attack.online", "true", f"false with attack.label=argmax: {why}")
        self.online, self.gamma, self.label = online, gamma, label
        self.uses_true_labels = label == "own"

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows, and a missing population."""
        super().check(knowledge)
        if len(knowledge.population) < 1:
            expected = "needs held-out records that are no challenge points, 1 at least"
            raise InputError("pools.population", len(knowledge.population), expected)

    def against(self, answers: frozenset[str], before: frozenset[str]) -> RMIA:
        """Read texts where a language model is released: they have no class, and need none."""
        return TextRMIA(self.online, self.gamma) if LOG_PROBS in answers else self

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return p(·|θ) of all points, then of the population: (points + population,); of every class for argmax."""
        population = knowledge.population
        answers = release.probabilities(knowledge.challenge), release.probabilities(population)
        if self.label == "argmax":
            return np.concatenate(answers)
        return np.concatenate(
            [true_class(answers[0], true_labels(knowledge)), true_class(answers[1], population.labels)]
        )

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray | None:
        """Return the logit of the points' p(y|θ)."""
        if self.label == "argmax":
            return None
        own = np.asarray(signal[: len(knowledge.challenge)], dtype=float)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(own) - np.log1p(-own))

    def score(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return the share of z that each point beats, equal ones told apart."""
        return self._compared(target, shadows, members, 0.0 if self.online else self._tuned(shadows, members))

    def judge(
        self, targets: Sequence[np.ndarray], shadows: np.ndarray, members: np.ndarray, knowledge: Knowledge
    ) -> tuple[np.ndarray, float]:
        """Score the victims' points and fix their threshold; a is tuned once, on the shadows."""
        offset = 0.0 if self.online else self._tuned(shadows, members)
        return self.judged(targets, shadows, members, partial(self._compared, offset=offset))

    @property
    def shares_sums(self) -> bool:
        """Tell that all are asked about the same classes: at argmax, each target about its own."""
        return self.label == "own"

    def scores_of_panels(self, panels: Panels) -> np.ndarray:
        """Return the shares of all targets; offline, a is tuned once a victim, as `_tuned` has it."""
        means = ReferenceMeans.of_panels(panels)
        of_targets = zip(panels.targets, panels.panel_of, strict=True)
        if self.online:
            return np.stack([self._beaten(target, means[panel], 0.0) for target, panel in of_targets])
        offsets = np.empty(len(panels.targets))
        tuned: dict[int, float] = {}
        for victim, those in enumerate(panels.fixing):
            first = those.start  # in the target's part: the victim's first shadow
            if first not in tuned:
                shadow, judges = panels.targets[first], means[panels.panel_of[first]]
                tuned[first] = self._best(shadow, judges, panels.members[panels.taking[first - panels.victims]])
            offsets[[victim, *range(those.start, those.stop)]] = tuned[first]
        return np.stack(
            [
                self._beaten(target, means[panel], offset)
                for (target, panel), offset in zip(of_targets, offsets, strict=True)
            ]
        )

    def _compared(self, target: np.ndarray, shadows: np.ndarray, members: np.ndarray, offset: float) -> np.ndarray:
        target, shadows = self._one_class(target, shadows)
        return self._beaten(target, ReferenceMeans.of(shadows, members), offset)

    def _one_class(self, target: np.ndarray, shadows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return on_targets_class(target, shadows) if self.label == "argmax" else (target, shadows)

    def _beaten(self, target: np.ndarray, means: ReferenceMeans, offset: float) -> np.ndarray:
        marginal = means.online() if self.online else means.offline(offset)
        ratio = target / np.maximum(marginal, 1e-300)
        return shares(ratio[: means.points], ratio[means.points :], self.gamma)

    def _tuned(self, shadows: np.ndarray, members: np.ndarray) -> float:
        """Choose a by the AUC of the first shadow judged by the others (the authors tune on one paired model)."""
        others = unrelated(members, 0)
        others = others if others.sum() >= self.least_shadows else np.arange(len(members)) > 0
        target, references = self._one_class(shadows[0], shadows[others])
        return self._best(target, ReferenceMeans.of(references, members[others]), members[0])

    def _best(self, target: np.ndarray, means: ReferenceMeans, members: np.ndarray) -> float:
        scores = np.stack([self._beaten(target, means, a) for a in OFFLINE_GRID])
        return float(OFFLINE_GRID[np.argmax(areas(scores, np.broadcast_to(members, scores.shape)))])


class TextRMIA(RMIA):
    """RMIA whose p(x|θ) is a token's probability, the geometric mean over the text: exp of its mean log p.

    The probability of a whole text would be next to 0 for all of them, and the offline marginal of eq. 10 its constant.
    online, gamma: as in `RMIA`.
    """

    access = frozenset({LOG_PROBS})
    accepts = frozenset({"text"})

    def __init__(self, online: bool = True, gamma: float = 1.0) -> None:
        super().__init__(online, gamma)
        self.uses_true_labels = False

    def against(self, answers: frozenset[str], before: frozenset[str]) -> TextRMIA:
        """Meet the language model, be it what is released or not."""
        return meeting(self, answers, before)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return p(·|θ) of all texts, then of the population: (points + population,)."""
        both = (release.text_log_probs(texts) for texts in (knowledge.challenge, knowledge.population))
        return np.exp(np.concatenate([mean_log_prob(log_probs) for log_probs in both]))

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the mean log p of the texts."""
        return np.asarray(np.log(signal[: len(knowledge.challenge)]))


def shares(points: np.ndarray, population: np.ndarray, gamma: float = 1.0) -> np.ndarray:
    """Return the share of population points z that each point beats, LR(x, z) > γ, ties broken by ratio(x): (points,).

    points: ratio(x) of each; population: ratio(z). With u = 1/2 + atan(log ratio(x)) / π, from 0 to 1, and n points z

        (1 − t) · share + t · u,   t = 1 / (1000 n)

    is the published score to within a thousandth of one z, from 0 to 1, and rises with ratio(x) wherever that is equal:
    without it all points that beat every z share the largest score, and no false-positive rate below theirs can be set.

    >>> shares(np.array([0.5, 2.0, 4.0]), np.array([1.0, 1.0])).round(5)  # 0, 1 and 1, from two z
    array([1.5000e-04, 9.9985e-01, 9.9990e-01])
    """
    beaten = np.sort(population * gamma)  # LR(x, z) > γ  ⇔  γ ratio(z) < ratio(x)
    share = np.searchsorted(beaten, points, side="left") / len(beaten)
    with np.errstate(divide="ignore"):
        rank = 0.5 + np.arctan(np.log(points)) / np.pi
    step = 1 / (TIE_STEPS * len(beaten))
    broken: np.ndarray = (1 - step) * share + step * rank
    return broken


@dataclass(frozen=True)
class ReferenceMeans:
    """Mean probabilities of reference models with and without each point, then of the population.

    within, outside: (points + population,); a point without models on a side takes the other side's, as the
    population does, which no model was trained on; points: how many are challenge points.
    """

    within: np.ndarray
    outside: np.ndarray
    points: int

    @classmethod
    def of(cls, shadows: np.ndarray, members: np.ndarray) -> Self:
        """Average shadows (shadows, points + population) by members (shadows, points) bool."""
        points, weight = members.shape[1], members.astype(np.float64)
        known, population = shadows[:, :points], shadows[:, points:].mean(0, dtype=np.float64)
        total, rest = (weight * known).sum(0), ((1 - weight) * known).sum(0)
        within, outside = sides_of(weight.sum(0), (1 - weight).sum(0), total, rest)
        return cls(np.concatenate([within, population]), np.concatenate([outside, population]), points)

    @classmethod
    def of_panels(cls, panels: Panels) -> list[Self]:
        """Average the shadows of each panel."""
        models, points = panels.members.shape
        additions, length = Additions.of(models, panels.outs), len(panels.signals[0])
        within, outside = np.empty((2, len(panels.outs), length))
        width = max(1, LARGEST // (16 * models))
        for start in range(0, length, width):
            block = slice(start, start + width)
            values = np.stack([signal[block] for signal in panels.signals]).astype(np.float64)
            weight = np.zeros_like(values)
            weight[:, : max(points - start, 0)] = panels.members[:, block]
            parts = weight, 1 - weight, np.where(weight > 0, values, 0.0), np.where(weight > 0, 0.0, values)
            within[:, block], outside[:, block] = sides_of(*additions.run(parts, added))
        return [cls(inside, without, points) for inside, without in zip(within, outside, strict=True)]

    def online(self) -> np.ndarray:
        """p(x) = (mean with x + mean without) / 2."""
        return (self.within + self.outside) / 2

    def offline(self, offset: float) -> np.ndarray:
        """p(x) = ((1 + a) · mean without + (1 − a)) / 2."""
        return ((1 + offset) * self.outside + (1 - offset)) / 2


def sides_of(number: np.ndarray, others: np.ndarray, total: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return means within and outside of their sums and numbers; a side without models takes the other's mean."""
    within = np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
    outside = np.divide(rest, others, out=np.full(number.shape, np.nan), where=others > 0)
    return np.where(number > 0, within, outside), np.where(others > 0, outside, within)


def added(one: Arrays, other: Arrays) -> Arrays:
    """Add up sums of any kind."""
    return tuple(mine + theirs for mine, theirs in zip(one, other, strict=True))
