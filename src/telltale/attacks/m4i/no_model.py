"""What a detector finds that never asks the target: members and non-members told apart by pictures and captions alone.

If it beats chance, the two groups are of different distributions, and no success rate on them is memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telltale.attacks.m4i.extractor import BagOfWords
from telltale.data.captions.records import CaptionedImages

TREES = 200
SIDE = 8  # pixels of a thumbnail
BINS = 8  # of a histogram of values in [0, 1]


def picture_features(pictures: np.ndarray) -> np.ndarray:
    """Describe pictures (n, channels, height, width) in [0, 1]: thumbnail, histograms of levels and of steps.

    Steps are differences of neighbours: flat colours have few, shades many. Returns (n, width).
    """
    height, width = pictures.shape[2:]
    rows, columns = (np.linspace(0, size, min(SIDE, size) + 1).astype(int)[:-1] for size in (height, width))
    blocks = np.add.reduceat(np.add.reduceat(pictures, rows, 2), columns, 3)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    steps = np.abs(np.diff(pictures, axis=3)) ** 0.5  # the small ones apart
    parts = [blocks / sizes, _histograms(pictures), _histograms(steps)]
    return np.concatenate([part.reshape(len(pictures), -1) for part in parts], 1)


def without_a_model(
    learned: CaptionedImages,
    members: np.ndarray,
    challenge: CaptionedImages,
    references: Sequence[Sequence[str]] | None,
    seed: int,
) -> np.ndarray:
    """Learn membership from records of the attacker's own and guess it for others: (challenge,), above 0: in.

    learned: records with members (records,) bool; challenge: pictures to be judged, with their captions in
    `references`, or None where those are withheld.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    known, unknown = (picture_features(_levels(records.images)) for records in (learned, challenge))
    if references is not None:
        bag = BagOfWords.of(text for texts in learned.references for text in texts)
        known = np.concatenate([known, _words(bag, learned.references)], 1)
        unknown = np.concatenate([unknown, _words(bag, references)], 1)
    forest = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed).fit(known, members)
    votes: np.ndarray = forest.predict_proba(unknown)[:, 1]
    return votes - 0.5


def _histograms(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(*values.shape[:2], -1)
    bins = np.minimum(flat * BINS, BINS - 1).astype(int)
    return np.stack([(bins == level).mean(2) for level in range(BINS)], 2)


def _levels(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255) if images.dtype == np.uint8 else images


def _words(bag: BagOfWords, references: Sequence[Sequence[str]]) -> np.ndarray:
    return bag.counts([" ".join(texts) for texts in references]).numpy()
