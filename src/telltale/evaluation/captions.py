"""How well a captioner repeats true captions: ROUGE-L of members, which it learned, and of others, its usefulness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from telltale.data.captions.metrics.rouge import rouge_l
from telltale.data.captions.metrics.tokens import CaptionTokens
from telltale.data.captions.shown import Shown
from telltale.data.captions.words import words
from telltale.evaluation.statistics import Estimate, Resampling, ratio_or_nan
from telltale.truth import Truth

SCENES = 5  # other points whose scene a caption is held against by chance
OTHERS = 20  # points whose captions are compared with a point's references by chance


def repeated(captions: Sequence[Sequence[str]], truth: Truth, plan: Resampling) -> dict[str, Estimate]:
    """Average ROUGE-L F1 over members, over non-members, and its gap; captions: (victims) of (points) texts.

    rouge_l_of_the_picture: that of non-members less that of other non-members' captions: 0 for a captioner that says
    of every picture what suits the most, so what it is good for. distinct_captions: different captions over points,
    the mean over victims; near 0 of a captioner that says the same of everything. It is of the points as they are: no
    replicate changes it. Where it is known what pictures show, `_of_what_is_shown` beside.
    """
    likeness = np.stack([likeness_of(texts, truth.references) for texts in captions])
    members, number = truth.membership, likeness.size

    def average(of_points: np.ndarray, among: np.ndarray) -> np.ndarray:
        return ratio_or_nan(plan.sums(of_points * among), plan.sums(among))

    inside, outside = (average(likeness, side) for side in (members, ~members))
    by_chance = np.stack(
        [_of_others(texts, truth.references, ~member) for texts, member in zip(captions, truth.membership, strict=True)]
    )
    chance = average(by_chance, ~members)
    measured = {"rouge_l_members": inside, "rouge_l_non_members": outside, "rouge_l_gap": inside - outside}
    measured["rouge_l_of_the_picture"] = outside - chance
    distinct = np.mean([len(set(texts)) / len(texts) for texts in captions])
    measured["distinct_captions"] = np.full_like(inside, distinct)
    person, has_two = _of_a_person(truth)
    if (~members & has_two).any():
        measured["rouge_l_share"] = ratio_or_nan(outside - chance, average(person, ~members & has_two))
    seen, spoken = words_seen(truth)
    measured["words_seen"] = ratio_or_nan(plan.sums(seen), plan.sums(spoken))
    measured |= _of_what_is_shown(captions, truth, plan)
    return {name: plan.estimate(value, number) for name, value in measured.items()}


def _of_what_is_shown(captions: Sequence[Sequence[str]], truth: Truth, plan: Resampling) -> dict[str, np.ndarray]:
    """Measure what captions say of pictures, where it is known what these show: name -> (replicates + 1,).

    attributes_right: of what is said of non-members, the share that is right; attributes_right_members: of members;
    attributes_right_of_the_picture: the first less what the same captions get right of some other non-member, 0 for
    a captioner that says the same of everything; attributes_told: how many a caption says of a non-member.
    """
    if truth.shown is None:
        return {}
    members, shown = truth.membership, truth.shown
    judged = np.stack([shown.judged(texts) for texts in captions]).astype(float)
    right, told = judged[..., 0], judged[..., 1]
    elsewhere = np.stack([_right_elsewhere(texts, shown, ~side) for texts, side in zip(captions, members, strict=True)])

    def share(among: np.ndarray, of: np.ndarray) -> np.ndarray:
        return ratio_or_nan(plan.sums(of * among), plan.sums(told * among))

    outside = share(~members, right)
    return {
        "attributes_right": outside,
        "attributes_right_members": share(members, right),
        "attributes_right_of_the_picture": outside - share(~members, elsewhere),
        "attributes_told": ratio_or_nan(plan.sums(told * ~members), plan.sums(~members)),
    }


def _right_elsewhere(captions: Sequence[str], shown: Shown, side: np.ndarray) -> np.ndarray:
    """Count what each point's caption gets right of some other points of `side` (points,) bool, averaged: (points,)."""
    rows, right = np.flatnonzero(side), np.zeros(len(side))
    steps = range(1, min(SCENES, len(rows) - 1) + 1)
    for step in steps:
        there = np.roll(rows, -step)
        right[rows] += shown.take(there).judged([captions[row] for row in rows.tolist()])[:, 0] / len(steps)
    return right


def _of_a_person(truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Return what a non-member's first reference has over those of others, against the other ones, and where it has
    any: (victims, points) and (points,) bool.
    """
    has_two = np.array([len(texts) > 1 for texts in truth.references])
    first = [texts[0] for texts in truth.references]
    rest = [texts[1:] or texts for texts in truth.references]
    own = likeness_of(first, rest)
    gain = [own - _of_others(first, rest, ~member & has_two) for member in truth.membership]
    return np.stack(gain), has_two


def words_seen(truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Count the words of non-members' references, those that a member's have too, and all: (victims, points) each."""
    spoken = [[word for text in texts for word in words(text)] for texts in truth.references]
    counted = []
    for member in truth.membership:
        known = {word for row in np.flatnonzero(member).tolist() for word in spoken[row]}
        counted.append(
            [
                (0, 0) if inside else (sum(word in known for word in said), len(said))
                for inside, said in zip(member, spoken, strict=True)
            ]
        )
    table = np.array(counted)
    return table[:, :, 0], table[:, :, 1]


def _of_others(captions: Sequence[str], references: Any, side: np.ndarray) -> np.ndarray:
    """Return ROUGE-L of the captions of some other points of `side` (points,) bool, averaged: (points,), else 0."""
    rows = np.flatnonzero(side)
    steps = range(1, min(OTHERS, len(rows) - 1) + 1)
    true, likeness = [references[row] for row in rows.tolist()], np.zeros(len(side))
    for step in steps:
        likeness[rows] += likeness_of([captions[row] for row in np.roll(rows, step).tolist()], true) / len(steps)
    return likeness


def likeness_of(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return ROUGE-L F1 of each caption, the mean over its references: (captions,)."""
    generated = [text.split() for text in captions]
    return rouge_l(CaptionTokens.of(generated, [[words(text) for text in texts] for texts in references])).f1
