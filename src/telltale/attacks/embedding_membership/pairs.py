"""Was this picture with its captions in a dual encoder's training set? From cosines of both, and the picture's own.

The cosine alone is CSA of Ko et al. (ICCV 2023), "Practical membership inference attacks against large-scale
multi-modal models"; calibrated by shadow encoders it is difficulty calibration (Watson et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from telltale.attacks.embedding_membership.attack import EmbeddingMembership, likeness_to
from telltale.attacks.embedding_membership.signals import Probes, columns_of, joined
from telltale.data.captions.records import CaptionedImages
from telltale.data.captions.withheld import REFERENCES
from telltale.data.captions.words import words
from telltale.data.seeds import generator
from telltale.owner.release import Release

PICTURES = ("norm", "views")  # families that ask for pictures' embeddings, as of any encoder
FAMILIES = (*PICTURES, "cosine", "contrast")
OTHERS = 10  # other pictures that each caption is held against, at most


class PairMembership(EmbeddingMembership):
    """Judges challenge points by one signal of their picture's embedding or of its cosine with their captions.

    signal       norm | views, of the picture alone, as of other encoders
                 cosine = the mean over a picture's captions of the cosine with each
                 contrast = less the mean of the captions' cosines with other pictures of the group, so that what
                 captions give away by themselves is taken off
                 logistic = all of them together

    calibrated   less its mean over shadow encoders
    views        changed copies of a picture
    ridge        penalty of the logistic regression
    rivals       other signals, raw by name or with `_calibrated`; the attack's own is left out
    """

    access = frozenset({"embeddings", "caption_cosines", REFERENCES})
    accepts = frozenset({"captions"})
    other_kinds: ClassVar[Mapping[str, str]] = dict.fromkeys(("images", "molecules"), "embedding_membership")
    signals = (*FAMILIES, "logistic")

    def __init__(
        self,
        signal: str = "cosine",
        calibrated: bool = True,
        views: int = 8,
        ridge: float = 1.0,
        rivals: Sequence[str] = (),
    ) -> None:
        super().__init__(signal, calibrated, views, ridge=ridge, rivals=rivals)

    def measured(self, release: Release, probes: Probes) -> np.ndarray:
        """Ask a dual encoder what the signal needs: (points, its columns)."""
        families = FAMILIES if self.signal == "logistic" else (self.signal,)
        points = auxiliary = np.zeros((len(probes.challenge), 0))
        if set(families) & set(PICTURES):
            points, auxiliary = (release.embeddings(one).astype(float) for one in (probes.challenge, probes.auxiliary))
        columns = []
        for family in families:
            if family == "cosine":
                columns.append(cosine_signals(cosines_of(release, pairs_of(probes))))
            elif family == "contrast":
                columns.append(contrast_of(release, pairs_of(probes), probes.seed)[:, None])
            else:
                columns.append(columns_of(release, probes, family, points, auxiliary))
        return joined(columns, self.signal)

    def _variant(self, name: str) -> PairMembership:
        signal = name.removesuffix("_calibrated")
        return PairMembership(signal, signal != name, self.views, self.ridge)

    def prices(self, probes: Probes) -> np.ndarray:
        """Count the queries that each point takes: (points,)."""
        captions = np.array([len(texts) for texts in pairs_of(probes).references])
        others = min(OTHERS, len(captions) - 1)
        of_pictures, contrast = np.full(len(captions), 1 + self.views), captions * (1 + others)
        each: dict[str, np.ndarray] = {
            "norm": np.ones_like(captions),
            "views": of_pictures,
            "cosine": captions,
            "contrast": contrast,
            "logistic": of_pictures + captions + contrast,
        }
        return each[self.signal]


@likeness_to.register
def _(records: CaptionedImages, auxiliary: CaptionedImages) -> np.ndarray | None:
    """Largest share of words in common (Jaccard) of a record's captions with one of the others'."""
    own, others = (
        [{word for text in texts for word in words(text)} for texts in part.references] for part in (records, auxiliary)
    )
    return np.array(
        [max((len(one & other) / max(1, len(one | other)) for other in others), default=0.0) for one in own]
    )


def pairs_of(probes: Probes) -> CaptionedImages:
    """Return the challenge points as pictures with captions."""
    points = probes.challenge
    if not isinstance(points, CaptionedImages):
        raise TypeError(f"no captions of {type(points).__name__}")
    return points


def cosines_of(
    release: Release, pictures: CaptionedImages, references: Sequence[Sequence[str]] | None = None
) -> np.ndarray:
    """Ask for cosines of each picture with its captions, or with `references`: (pictures, most of one), else NaN."""
    references = pictures.references if references is None else references
    number = [len(texts) for texts in references]
    values = np.full((len(pictures), max(number, default=0)), np.nan)
    for place in range(values.shape[1]):
        rows = np.flatnonzero(np.array(number) > place)
        texts = [references[row][place] for row in rows.tolist()]
        values[rows, place] = release.caption_cosines(pictures.take(rows), texts)
    return values


def cosine_signals(cosines: np.ndarray) -> np.ndarray:
    """Describe (points, captions) cosines, NaN where there is none: mean, least, largest and spread, (points, 4).

    >>> cosine_signals(np.array([[0.5, 0.7], [0.25, np.nan]])).round(2).tolist()
    [[0.6, 0.5, 0.7, 0.1], [0.25, 0.25, 0.25, 0.0]]
    """
    return np.stack([measure(cosines, axis=1) for measure in (np.nanmean, np.nanmin, np.nanmax, np.nanstd)], 1)


def contrast_of(release: Release, points: CaptionedImages, seed: int) -> np.ndarray:
    """Return each point's mean cosine less that of its captions with up to OTHERS other pictures: (points,)."""
    number = len(points)
    order = generator(seed, "other pictures").permutation(number)
    place = np.empty(number, int)
    place[order] = np.arange(number)
    own = np.nanmean(cosines_of(release, points), 1)
    steps = range(1, min(OTHERS, number - 1) + 1)
    if not steps:
        return own
    pictures = points.take(np.concatenate([order[(place + step) % number] for step in steps]))
    elsewhere = cosines_of(release, pictures, points.references * len(steps))
    difference: np.ndarray = own - np.nanmean(elsewhere, 1).reshape(len(steps), number).mean(0)
    return difference
