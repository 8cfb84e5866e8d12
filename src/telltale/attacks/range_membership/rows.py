"""Ranges of pictures and of rows of a table: what a picture may have been before it was changed, a row with gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from telltale.attacks.embedding_membership.views import views_of
from telltale.attacks.range_membership.ranges import RangeOptions, Ranges, packed
from telltale.data.images.records import ImageRecords
from telltale.data.kept import Kept
from telltale.data.seeds import derive, generator
from telltale.data.tables.records import TableRecords
from telltale.game.world import Knowledge


def transformed(knowledge: Knowledge, options: RangeOptions, kept: Kept) -> Ranges:
    """Return ranges "a picture that this one was made of": mirrored or not, moved by up to a tenth of its side.

    The attacker holds a changed copy of each challenge picture, the centre, and samples what it may have been: further
    changes of the copy. What moved out of the picture is lost, so that the picture itself is seldom among them.
    """
    challenge: ImageRecords = knowledge.challenge
    points = np.sort(generator(knowledge.seed, "ranges").permutation(len(challenge))[: options.ranges])
    shown, number = challenge.take(points), options.samples
    centres = views_of(shown, 1, 1.0, derive(knowledge.seed, "centres of ranges"))
    samples: Any = views_of(centres, number, 1.0, derive(knowledge.seed, "samples of ranges"))
    inside = np.zeros((len(points), len(challenge)), bool)
    inside[np.arange(len(points)), points] = True

    def including() -> ImageRecords:
        pixels = samples.pixels.copy()
        pixels[::number] = shown.pixels
        changed: ImageRecords = replace(samples, pixels=pixels)
        return changed

    names = tuple(f"a change of picture {point}" for point in points)
    return Ranges(names, centres, samples, number, inside, None, including)


def missing(knowledge: Knowledge, options: RangeOptions, kept: Kept) -> Ranges:
    """Return ranges "a row that has these values where they are known", some columns being unknown.

    Which ones is drawn for each range; they are filled from a row of somebody else's, all from the same one.
    """
    challenge: TableRecords = knowledge.challenge
    donors: TableRecords = knowledge.population if len(knowledge.population) else knowledge.auxiliary
    rng, number = generator(knowledge.seed, "gaps"), options.samples
    gaps = np.stack([_gap(challenge, options.missing, rng) for _ in range(len(challenge))])
    agree = np.stack(
        [_agreeing(challenge, place, gap) for place, gap in enumerate(gaps)]
    )  # (ranges, points): of the same class, and equal outside the gap
    points = packed(agree, options.most_inside, options.ranges, knowledge.seed)
    shown, rows = challenge.take(points), np.repeat(np.arange(len(points)), number)
    filled = donors.features[rng.integers(len(donors), size=len(rows))]
    samples = replace(
        shown.take(rows), features=np.where(gaps[points][rows], filled, shown.features[rows]).astype(np.float32)
    )

    def including() -> TableRecords:
        features = samples.features.copy()
        features[::number] = shown.features
        return replace(samples, features=features)

    names = tuple(f"row {point} but for {int(gaps[point].sum())} features" for point in points)
    centres = samples.take(np.arange(0, len(rows), number))
    return Ranges(names, centres, samples, number, agree[points], None, including)


def _gap(records: TableRecords, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose columns that are not known, at least one: (features,) bool."""
    columns = records.columns
    gap = np.zeros(records.features.shape[1], bool)
    for chosen in rng.permutation(len(columns))[: max(1, round(share * len(columns)))]:
        gap[columns[chosen].start : columns[chosen].stop] = True
    return gap


def _agreeing(records: TableRecords, place: int, gap: np.ndarray) -> np.ndarray:
    same = (records.features[:, ~gap] == records.features[place, ~gap]).all(1)
    return same & (records.labels == records.labels[place])
