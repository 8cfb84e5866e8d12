"""Captioner: a convolutional encoder, whose feature an LSTM turns into a sentence (target and shadows of M^4I)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telltale.checks import whole_number
from telltale.models.caption_decoder import CaptionDecoder
from telltale.models.caption_writer import CaptionWriter
from telltale.models.picture_side import PictureSide


class Captioner(PictureSide, CaptionWriter):
    """The feature of a picture (see `PictureSide`) is the first input of the decoder, in the place of <start>.

    What follows it is a caption's first word. In the released code (model_resnet.py, train.py) <start> follows: it is
    predicted, fed in and one of the at most 20 words; here it is neither learned nor told.

        width           of feature and word embedding
        hidden          of the LSTM
        word_deviation  of words' embeddings before training
        least_count     how often a word occurs in the data set's captions to be in the list of words
        downloads       folder for weights that are `fetched`

    The others as in `PictureSide`. Raises InputError for an option out of range.
    """

    def __init__(
        self,
        encoder: str,
        channels: Sequence[int],
        width: int,
        hidden: int,
        norm: str = "batch",
        least_count: int = 3,
        vocabulary: str | None = None,
        shape: Sequence[int] | None = None,
        trunk: Mapping[str, str] | None = None,
        weights: Mapping[str, str | None] | None = None,
        side: int = 224,
        downloads: str | None = None,
        word_deviation: float = 1.0,
    ) -> None:
        super().__init__(width, encoder, channels, norm, vocabulary, shape, trunk, weights, side)
        self.decoder = CaptionDecoder(len(self.vocabulary), width, whole_number("model.hidden", hidden), word_deviation)
