"""Does it leak? One answer of three kinds, from all that was measured, corrected for having picked the strongest.

An attack shows a leak where a number of its own exceeds chance and every control. Several attacks, each with several
numbers, are as many chances to be lucky, so each has to be the surer (Bonferroni). "No leak found" is an answer of its
own: it needs a design that could have found one, and an interval that rules out what would matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import inf, isfinite, nan

import numpy as np
from scipy.special import stdtrit

from telltale import checks
from telltale.evaluation.difference import TAIL, Difference

LEAKS, NONE_FOUND, CANNOT_TELL = "leaks", "no leak found", "cannot tell"
FALSE_ALARMS = 0.01  # the rate at which an attacker accuses wrongly, of which the answer speaks
HALF = 0.5  # an area under a ROC curve that tells nothing
POWER = 0.8  # with which a design is asked to tell the smallest value that matters
MOST_MODELS = 4096  # beyond, a number to type is no advice


@dataclass(frozen=True)
class Standards:
    """What the answer is measured by: the options of `report`.

    prior   share of members among those who would be asked about
    auc     smallest AUC that would matter
    tpr     smallest share of members, found at 1 % false alarms, that would matter
    share   smallest share of hidden pictures, beyond what controls give back, that would matter
    answers  whether what the models answered is kept, as answers.npz
    """

    prior: float = 0.5
    auc: float = 0.55
    tpr: float = 0.05
    share: float = 0.05
    answers: bool = False

    def __post_init__(self) -> None:
        checks.share("report.prior", self.prior, whole=False, expected="a share above 0, below 1")
        checks.number("report.auc", self.auc, above=0.5, below=1)
        checks.number("report.tpr", self.tpr, above=FALSE_ALARMS, below=1)
        checks.share("report.share", self.share, whole=False)
        checks.yes_or_no("report.answers", self.answers)


@dataclass(frozen=True)
class Question:
    """One number by which one attack could show a leak.

    attack      its name
    metric      the number, as a person calls it
    chance      its value where nothing leaks; 0 for a share beyond what controls have
    smallest    the smallest value that would matter
    measured    the number itself
    above       the number minus what has to be exceeded, by name: "chance", and controls on the same resamples
    unmeasured  why the number says nothing; empty: it was measured
    records     distinct ones behind it, of the rarer kind: they say how sure a number without any spread is
    also        what else has to be above 0 before this shows a leak, by name; it bounds nothing
    luck        p-value of a permutation of few records, which a leak has to be as sure as; 0 = they are enough
    turned      what it may mean that the number is below chance: members are told from others the other way round
    """

    attack: str
    metric: str
    chance: float
    smallest: float
    measured: Difference
    above: Mapping[str, Difference]
    unmeasured: str = ""
    records: float = inf
    also: Mapping[str, Difference] = field(default_factory=dict)
    luck: float = 0.0
    turned: str = ""

    @cached_property
    def against(self) -> str:
        """What is exceeded least surely: chance, or a control."""
        return max(self.above, key=lambda name: self.above[name].p)

    @property
    def excess(self) -> Difference:
        """The number minus what it exceeds least surely."""
        return self.above[self.against]

    @property
    def alike(self) -> bool:
        """Whether all records say the same, so that a bootstrap of them has no spread: 0 of 74, or 74 of 74."""
        return self.excess.standard_error == 0

    @property
    def p(self) -> float:
        """One-sided p-value of the excess, `luck` and `also`; of n records alike that of the sign test, 2^-n."""
        own = 0.5**self.records if self.alike and self.excess.value > 0 else self.excess.p
        return max([own, self.luck, *(difference.p for difference in self.also.values())])

    @property
    def p_turned(self) -> float:
        """One-sided p-value of an area below one half; 1 of other numbers, which say nothing there, and of few records.

        Few records have no interval to be trusted, and no answer but "cannot tell" either.
        """
        if self.chance != HALF or self.luck:
            return 1.0
        low = Difference(HALF - self.measured.value, self.measured.standard_error, self.measured.degrees)
        return 0.5**self.records if low.standard_error == 0 and low.value > 0 else low.p

    @property
    def most(self) -> float:
        """The largest value that is not ruled out, on the scale of the number: at most 1, or 1 above a control.

        Its interval is as wide as all of what has to be exceeded asks for, the least surely exceeded being picked. Of
        n records alike, a share of 1 - .025^(1/n) may be otherwise (the end of Clopper and Pearson for 0 of n).
        """
        others = 1 - TAIL ** (1 / max(self.records, 1)) if self.alike else 0.0
        top = 1.0 if self.against == "chance" else self.chance + 1  # shares, and differences of shares
        return float(np.minimum(top, self.chance + self.excess.ends(len(self.above))[1] + others))

    @property
    def bound(self) -> str:
        """Say how large the value may be: above a control, where that is what it exceeds least surely."""
        control = self.against != "chance"
        return f"{self.most - self.chance:.3f} above {self.against}" if control else f"{self.most:.3f}"


@dataclass(frozen=True)
class Answer:
    """What a run says.

    kind      "leaks", "no leak found" or "cannot tell"
    strongest what shows the leak, or came nearest to showing one; None where nothing was measured
    tests     how many numbers were looked at, for which the answer is corrected
    reasons   why nothing can be told
    models    how many victims would tell (with four chances in five); None: more of them would not, or they would do
    """

    kind: str
    strongest: Question | None
    tests: int
    reasons: tuple[str, ...] = ()
    models: int | None = None


def answered(questions: Sequence[Question], hindrances: Sequence[str] = (), models: int = 1) -> Answer:
    """Answer from all numbers of all attacks.

    It leaks where any number exceeds chance and every control at 2.5 % divided by the count of numbers. No leak is
    found where nothing hinders that, every number was measured, each interval ends below what would matter (all of them
    have to, so that nothing is divided there), and no attack ranks members below others at 2.5 % divided by the count
    of attacks: what tells them apart the other way round is a leak that was not looked for.

    hindrances  why this design could have missed a leak, whatever was measured
    models      how many victims were attacked
    """
    measured = [question for question in questions if not question.unmeasured]
    shown = [question for question in measured if question.p * len(measured) <= TAIL]
    if shown:
        return Answer(LEAKS, _strongest(shown), len(measured))
    too_wide = [question for question in measured if not question.most < question.smallest]
    unmeasured = dict.fromkeys(question.unmeasured for question in questions if question.unmeasured)
    lower = _lowest(measured)
    reasons = [*hindrances, *lower, *(_open(question) for question in largest_of_each(too_wide)), *unmeasured]
    if not questions and not reasons:
        reasons.append("nothing was measured that could tell")
    nearest = _strongest(measured)
    if not reasons:
        return Answer(NONE_FOUND, nearest, len(measured))
    needed = [models_needed(question, models, len(measured)) for question in too_wide]
    enough = None if lower or not needed or None in needed else max(count for count in needed if count is not None)
    return Answer(CANNOT_TELL, nearest, len(measured), tuple(reasons), enough)


def models_needed(question: Question, models: int, tests: int = 1) -> int | None:
    """Return how many victims tell the smallest value that matters from none, with four chances in five; or None.

    Planned for the excess: (t_{1 - .025 / c} + t_{1 - .2 / tests}) · standard error ≤ smallest - chance, as all numbers
    have to tell together; c = what each has to exceed, chance and controls. The standard error falls with the root of
    the number of complementary pairs. None for one victim, whose interval knows of points alone, where records are too
    few, and where the number would be absurd.
    """
    error, wanted = question.excess.standard_error, question.smallest - question.chance
    if models < 2 or question.alike or not isfinite(question.excess.degrees):
        return None
    reach = _reach(tests, len(question.above)) * np.sqrt(question.excess.degrees + 1) * error
    enough = np.flatnonzero(reach <= wanted)
    return max(2 * (int(enough[0]) + 2), models + 2) if len(enough) else None


@cache
def _reach(tests: int, compared: int) -> np.ndarray:
    """Return what a standard error of one pair is multiplied by, for 2, 3, … pairs: quantiles over the root."""
    pairs = np.arange(2, MOST_MODELS // 2 + 1)
    return (stdtrit(pairs - 1, 1 - TAIL / compared) + stdtrit(pairs - 1, 1 - (1 - POWER) / tests)) / np.sqrt(pairs)


def sureness(tpr: float, fpr: float, prior: float) -> float:
    """Return how sure an accusation is: of those called members, the share that are.

    prior: share of members among those who are asked about. PPV = p · TPR / (p · TPR + (1 - p) · FPR).

    >>> round(sureness(0.15, 0.01, 0.5), 4), round(sureness(0.15, 0.01, 0.01), 4)
    (0.9375, 0.1316)
    """
    called = prior * tpr + (1 - prior) * fpr
    return prior * tpr / called if called > 0 else nan


def _strongest(questions: Sequence[Question]) -> Question | None:
    """Return the question that exceeds what it must by most of what would matter."""
    return max(questions, key=lambda asked: asked.excess.value / (asked.smallest - asked.chance), default=None)


def largest_of_each(questions: Sequence[Question]) -> list[Question]:
    """Return, for each metric, the question that leaves most open."""
    by_metric: dict[str, Question] = {}
    for question in questions:
        if question.metric not in by_metric or question.most > by_metric[question.metric].most:
            by_metric[question.metric] = question
    return list(by_metric.values())


def _lowest(measured: Sequence[Question]) -> list[str]:
    """Tell of the attack that ranks members lowest, where that is surely below others; the rest would repeat it."""
    areas = [question for question in measured if question.chance == HALF]
    sure = [question for question in areas if question.p_turned * len(areas) <= TAIL]
    if not sure:
        return []
    lowest = min(sure, key=lambda question: question.measured.value)
    low, high = np.clip(lowest.measured.ends(len(areas)), 0, 1)
    number = f"{lowest.metric} {lowest.measured.value:.3f} [{low:.3f}, {high:.3f}]"
    meaning = f": {lowest.turned}" if lowest.turned else ""
    return [f"members score lower than others by {lowest.attack} ({number}){meaning}"]


def _open(question: Question) -> str:
    chance = question.above.get("chance")
    said = f"{question.metric} up to {question.bound} is not ruled out ({question.attack})"
    if question.against == "chance" or chance is None or not chance.p <= TAIL:
        return said
    shown = f"{question.attack} has {question.metric} {question.measured.value:.3f}, surely more than chance"
    return f"{shown}, and not surely more than {question.against}: {said}"
