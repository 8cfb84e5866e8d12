"""Captioned pictures as records: each picture with its reference captions, its concept and where it is from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Self

import numpy as np

from telltale.checks import choice
from telltale.data.captions.shown import Shown
from telltale.data.digests import as_digests, once, with_known_digests
from telltale.data.images.records import pixel_digests
from telltale.data.records import input_digests

NONMEMBER_SOURCES = ("same", "other_dataset")


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """An ordered set of n pictures, each with one or more reference captions.

    images            (n, channels, height, width), float32 in [0, 1] or uint8, 255 for 1
    references        the captions of each, in lower case, none of any where they are withheld
    concepts          (n,) int64, what is shown: records of one concept never lie in two pools
    sources           (n,) int64, who drew or took the picture, a position in source_names
    source_names      the first is the owner's
    names             of each record, for reports
    source            the data set, as printed beside every figure
    nonmember_source  where non-members are drawn from when pools are dealt: same = the owner's source |
                      other_dataset = the second one, as in the released code of M^4I (mi_attack.py)
    shown             what the pictures are known to show, of data sets that can say it; else None
    """

    images: np.ndarray
    references: tuple[tuple[str, ...], ...]
    concepts: np.ndarray
    sources: np.ndarray
    source_names: tuple[str, ...]
    names: tuple[str, ...]
    source: str
    nonmember_source: str = "same"
    shown: Shown | None = None
    kind: str = field(default="captions", init=False)

    def __post_init__(self) -> None:
        expected = " or ".join(NONMEMBER_SOURCES)
        choice("dataset.nonmember_source", self.nonmember_source, NONMEMBER_SOURCES, expected=expected)
        count = len(self.images)
        lengths = {
            len(part) for part in (self.references, self.concepts, self.sources, self.names, self.shown or self.names)
        }
        if lengths != {count}:
            raise ValueError(f"{count} pictures, but references, concepts, sources and names of {sorted(lengths)}")
        if self.concepts.dtype != np.int64 or self.sources.dtype != np.int64:
            raise ValueError(f"concepts are {self.concepts.dtype}, sources {self.sources.dtype}, expected int64")
        if count and not (self.sources.min() >= 0 and self.sources.max() < len(self.source_names)):
            raise ValueError(f"sources run to {self.sources.max()}, but there are {len(self.source_names)} names")
        if any(self.references) and not all(self.references):
            raise ValueError("a picture has no reference caption, while others have")

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one picture: (channels, height, width)."""
        return self.images.shape[1:]

    def take(self, rows: np.ndarray) -> Self:
        """Return the pictures at `rows` (indices or a boolean mask), in that order, with all that belongs to them."""
        places = np.arange(len(self))[rows].tolist()
        return with_known_digests(
            replace(
                self,
                images=self.images[rows],
                references=tuple(self.references[place] for place in places),
                concepts=self.concepts[rows],
                sources=self.sources[rows],
                names=tuple(self.names[place] for place in places),
                shown=None if self.shown is None else self.shown.take(rows),
            ),
            self,
            rows,
        )

    def without_captions(self) -> Self:
        """Return the pictures for who may not see their captions: references and what is shown are gone."""
        names = tuple(f"picture {number}" for number in range(1, len(self) + 1))
        return replace(self, references=((),) * len(self), names=names, shown=None)

    def unmarked(self) -> Self:
        """Return pictures and captions without what tells where they are from: one source, names are numbers."""
        return replace(
            self,
            concepts=np.arange(len(self)),
            sources=np.zeros(len(self), np.int64),
            source_names=("",),
            names=tuple(f"picture {number}" for number in range(1, len(self) + 1)),
            shown=None,
        )

    @once("_fingerprints_kept")
    def fingerprints(self) -> np.ndarray:
        """Return the BLAKE2b digest of each picture with its captions, (n,) dtype S16."""
        texts = (json.dumps(captions).encode() for captions in self.references)
        pairs = zip(pixel_digests(self.images).tolist(), texts, strict=True)
        return as_digests(blake2b(content, digest_size=16, key=picture).digest() for picture, content in pairs)

    def arrays(self) -> Self:
        """Return the records themselves: they are plain arrays already."""
        return self


@input_digests.register
@once("_input_digests_kept")
def _(records: CaptionedImages) -> np.ndarray:
    """Digest the picture alone: it is all that a captioner is asked with."""
    return pixel_digests(records.images)
