"""Captioner with a transformer in the LSTM's place: what is asked today whether M^4I's findings hold for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telltale.checks import whole_number
from telltale.models.caption_writer import CaptionWriter
from telltale.models.picture_side import PictureSide
from telltale.models.transformer_decoder import TransformerDecoder


class TransformerCaptioner(PictureSide, CaptionWriter):
    """The feature of a picture (see `PictureSide`), `prefix` · `width` numbers, stands before each of its captions.

        width           of the transformer's states and of a word's embedding
        layers          blocks
        heads           of each block's attention
        hidden          of each block's network
        prefix          states that a picture's feature is cut into
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
        layers: int,
        heads: int,
        hidden: int,
        prefix: int,
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
        wide = whole_number("model.prefix", prefix) * whole_number("model.width", width)
        super().__init__(wide, encoder, channels, norm, vocabulary, shape, trunk, weights, side)
        self.decoder = TransformerDecoder(len(self.vocabulary), width, layers, heads, hidden, prefix, word_deviation)
