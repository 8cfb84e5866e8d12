"""Captioner: a convolutional encoder, whose feature an LSTM turns into a sentence (target and shadows of M^4I)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.data.captions.vocabulary import Vocabulary
from telltale.errors import InputError
from telltale.models.backbone import Backbone, norm_layer, picture_channels
from telltale.models.caption_decoder import CaptionDecoder
from telltale.models.resnet import Block
from telltale.models.trunk_options import trunk_of

LONGEST = 20  # words of a caption that is told, as in the authors' code


class Captioner(nn.Module):
    """feature = norm(W · encoder(picture)), the first input of the decoder, in the place of <start>.

    What follows it is a caption's first word. In the released code (model_resnet.py, train.py) <start> follows: it is
    predicted, fed in and one of the at most 20 words; here it is neither learned nor told.

        encoder      residual (A, in the place of the paper's ResNet-152) | vgg (B, of its VGG-16), trained together
                     with all else at the pictures' own size
        channels     of the encoder's stages, each of which halves the picture
        width        of feature and word embedding
        hidden       of the LSTM
        norm         batch | group, where no picture sees another
        least_count  how often a word occurs in the data set's captions to be in the list of words
        vocabulary   the list of words, parted by blanks, which the experiment makes, as it fills in `shape`
        shape        (channels, height, width) of one picture
        trunk        what each of the files of weights holds
        weights      file of each encoder's frozen pre-trained trunk, as the paper has it; None = trained
        side         pixels, see `FrozenTrunk`
        downloads    folder for weights that are `fetched`

    Of a frozen trunk the model holds nothing: it takes features in place of pictures. Raises InputError for an option
    out of range.
    """

    accepts = frozenset({"captions"})

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
    ) -> None:
        super().__init__()
        choice("model.encoder", encoder, ENCODERS)
        if not isinstance(vocabulary, str) or not vocabulary.strip():
            expected = "words parted by blanks; leave it null to take the data set's, and model.least_count low enough"
            raise InputError("model.vocabulary", vocabulary, expected)
        self.vocabulary = Vocabulary(vocabulary)
        frozen = trunk_of({"encoder": encoder, "trunk": trunk, "weights": weights, "side": side})
        trained = ENCODERS[encoder](channels, norm, shape)
        # a frozen trunk stays outside: what is fed here has gone through it (telltale.owner.frozen_features)
        self.encoder = nn.Identity() if frozen else trained
        entering = frozen.width if frozen else trained.output_width
        self.head = nn.Linear(entering, whole_number("model.width", width), bias=norm != "batch")
        self.head_norm = nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)
        self.decoder = CaptionDecoder(len(self.vocabulary), width, whole_number("model.hidden", hidden))
        self.output_width = width

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features: (records, channels, height, width), or of a trunk (records, wide) -> (records, width)."""
        return self.head_norm(self.head(self.encoder(pictures)))

    def word_logits(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Predict the next word after each of the captions given: (records, length, words), as CaptionDecoder."""
        return self.decoder(self(pictures), words)

    def tokens(self, pictures: Tensor, beam_width: int = 1) -> tuple[Tensor, Tensor]:
        """Write a caption of each picture: words (records, LONGEST), and its log-probability; beam width 1 = greedy."""
        features = self(pictures)
        if beam_width == 1:
            return self.decoder.greedy(features, LONGEST)
        return self.decoder.beam(features, LONGEST, beam_width)

    def captions(self, pictures: Tensor, beam_width: int = 1) -> np.ndarray:
        """Write a caption of each picture as text: (records,) of strings."""
        return self.vocabulary.texts(self.tokens(pictures, beam_width)[0].cpu().numpy())


class ResidualEncoder(Backbone):
    """A: a stem, which halves the picture, and a residual block a stage; all positions, flattened.

    A ResNet takes the mean over positions: of so few channels that is too little to tell hundreds of pictures apart.
    """

    accepts = frozenset({"images", "captions"})

    def __init__(self, channels: Sequence[int], norm: str = "batch", shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        stages = checked_channels(channels, self.shape)
        stem = nn.Conv2d(picture_channels(self.shape), stages[0], 3, 2, 1, bias=False)
        layers: list[nn.Module] = [stem, norm_layer(norm, stages[0]), nn.ReLU()]
        for place, after in enumerate(stages):
            layers.append(Block(stages[max(place - 1, 0)], after, 2 if place else 1, norm))
        self.layers = nn.Sequential(*layers)
        sides = [-(-side // 2 ** len(stages)) for side in self.shape[1:]]
        self.output_width = stages[-1] * sides[0] * sides[1]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.layers(records).flatten(1)


class VGGEncoder(Backbone):
    """B: two 3x3 convolutions and a max pooling a stage (Simonyan & Zisserman 2015); all positions, flattened."""

    accepts = frozenset({"images", "captions"})

    def __init__(self, channels: Sequence[int], norm: str = "batch", shape: Sequence[int] | None = None) -> None:
        super().__init__(shape)
        stages = checked_channels(channels, self.shape)
        before, layers = picture_channels(self.shape), list[nn.Module]()
        for after in stages:
            for entering in (before, after):
                layers += [nn.Conv2d(entering, after, 3, padding=1, bias=False), norm_layer(norm, after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = after
        self.layers = nn.Sequential(*layers)
        halved = [side >> len(stages) for side in self.shape[1:]]
        self.output_width = before * halved[0] * halved[1]

    def forward(self, records: Tensor) -> Tensor:
        """Compute features: (records, output_width)."""
        return self.layers(records).flatten(1)


ENCODERS: dict[str, Callable[..., Backbone]] = {"residual": ResidualEncoder, "vgg": VGGEncoder}


def checked_channels(channels: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Return the channels of an encoder's stages; InputError for none, or more than the picture can be halved."""
    if isinstance(channels, str) or not channels:
        raise InputError("model.channels", channels, "a list of whole numbers, one a stage, as [16,32]")
    if min(shape[1:]) >> len(channels) < 1:
        raise InputError("model.channels", list(channels), f"fewer stages: each halves {shape[1]} x {shape[2]}")
    return [whole_number("model.channels", after) for after in channels]
