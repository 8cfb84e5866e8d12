"""What models of pictures with captions share: an encoder or a frozen trunk, a head on it, and a list of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.data.captions.vocabulary import Vocabulary
from telltale.errors import InputError
from telltale.models.picture_encoders import ENCODERS
from telltale.models.trunk_options import trunk_of


class PictureSide(nn.Module):
    """feature = norm(W · encoder(picture)), of `output_width` numbers.

        encoder      residual (A, in the place of the paper's ResNet-152) | vgg (B, of its VGG-16), trained together
                     with all else at the pictures' own size
        channels     of the encoder's stages, each of which halves the picture
        norm         batch | group, where no picture sees another
        vocabulary   the list of words, parted by blanks, which the experiment makes, as it fills in `shape`
        shape        (channels, height, width) of one picture
        trunk        what each of the files of weights holds
        weights      file of each encoder's frozen pre-trained trunk, as the paper has it; None = trained
        side         pixels, see `FrozenTrunk`

    Of a frozen trunk the model holds nothing: it takes features in place of pictures. Raises InputError for an option
    out of range.
    """

    accepts = frozenset({"captions"})

    def __init__(
        self,
        output_width: int,
        encoder: str,
        channels: Sequence[int],
        norm: str,
        vocabulary: str | None,
        shape: Sequence[int] | None,
        trunk: Mapping[str, str] | None,
        weights: Mapping[str, str | None] | None,
        side: int,
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
        self.output_width = whole_number("model.width", output_width)
        self.head = nn.Linear(entering, output_width, bias=norm != "batch")
        self.head_norm = nn.BatchNorm1d(output_width) if norm == "batch" else nn.LayerNorm(output_width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute features: (records, channels, height, width), or of a trunk (records, wide) -> (records, width)."""
        return self.head_norm(self.head(self.encoder(pictures)))
