"""The multimodal feature extractor of M^4I: picture and text in one space (MFE_model.py of the released code).

f_image = BatchNorm(W · trunk(picture)),   f_text = BatchNorm(W2 · ReLU(W1 · bag of words))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from telltale.data.captions.words import words

HIDDEN = 512  # units of the text side, as released
MOMENTUM = 0.01  # of the two BatchNorms, as released
CHUNK = 512  # pictures embedded at once


@dataclass(frozen=True)
class BagOfWords:
    """Counts of known words. marks: two columns more for <start> and <end>, which each caption has once in training
    and, as in the released code, never when it is attacked.
    """

    known: tuple[str, ...]
    marks: bool = False

    @classmethod
    def of(cls, captions: Iterable[str], marks: bool = False) -> BagOfWords:
        """Know all words of some captions."""
        return cls(tuple(sorted({word for text in captions for word in words(text)})), marks)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.known)}

    @property
    def width(self) -> int:
        """Count the columns."""
        return len(self.known) + 2 * self.marks

    def counts(self, captions: Sequence[str], training: bool = False) -> Tensor:
        """Count the words of captions: (captions, width) float32."""
        counted = np.zeros((len(captions), self.width), np.float32)
        for row, text in zip(counted, captions, strict=True):
            places = [self._places[word] for word in words(text) if word in self._places]
            np.add.at(row, places, 1)
        if self.marks and training:
            counted[:, len(self.known) :] = 1
        return torch.from_numpy(counted)


class ImageSide(nn.Module):
    """A trunk, then linear and BatchNorm: (records, channels, height, width) -> (records, width)."""

    def __init__(self, trunk: nn.Module, trunk_width: int, width: int) -> None:
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(trunk_width, width)
        self.norm = nn.BatchNorm1d(width, momentum=MOMENTUM)

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features."""
        return self.norm(self.head(self.trunk(pictures)))


class TextSide(nn.Module):
    """Two layers and BatchNorm: counts of words (captions, words) -> (captions, width)."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(words, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, width))
        self.norm = nn.BatchNorm1d(width, momentum=MOMENTUM)

    def forward(self, counts: Tensor) -> Tensor:
        """Compute features."""
        return self.norm(self.layers(counts))


class Extractor(nn.Module):
    """Both sides. `distance` is what the attack sees of a picture and a caption.

    directions: of features only the direction counts, f / ‖f‖: all that a loss of cosines gives a meaning to.
    """

    def __init__(self, image: ImageSide, text: TextSide, directions: bool = False) -> None:
        super().__init__()
        self.image, self.text, self.directions = image, text, directions

    @torch.no_grad()
    def distance(self, pictures: Tensor, counts: Tensor) -> np.ndarray:
        """Return |f_image − f_text| of each pair, coordinate by coordinate: (records, width) float32."""
        self.eval()
        pairs = zip(pictures.split(CHUNK), counts.split(CHUNK), strict=True)
        return torch.cat([self._apart(*pair) for pair in pairs]).cpu().numpy()

    def _apart(self, pictures: Tensor, counts: Tensor) -> Tensor:
        image, text = self.image(pictures), self.text(counts)
        if self.directions:
            image, text = normalize(image), normalize(text)
        return (image - text).abs()
