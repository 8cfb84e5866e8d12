"""What a captioner is to those who train and ask it: it finds words probable, and writes sentences."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from telltale.data.captions.vocabulary import Vocabulary
from telltale.models.word_decoder import WordDecoder

LONGEST = 20  # words of a caption that is told, as in the authors' code


class CaptionWriter(nn.Module):
    """Base of captioners: `forward` makes features of pictures, `decoder` words of features."""

    stacks: ClassVar[bool] = True  # whether torch.func.vmap can run it for many models at once
    vocabulary: Vocabulary
    decoder: WordDecoder

    def word_logits(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Predict the next word after each word of the captions given, as `WordDecoder.forward`."""
        logits: Tensor = self.decoder(self(pictures), words)
        return logits

    def tokens(self, pictures: Tensor, beam_width: int = 1) -> tuple[Tensor, Tensor]:
        """Write a caption of each picture: words (records, LONGEST), and its log-probability; beam width 1 = greedy."""
        features = self(pictures)
        if beam_width == 1:
            return self.decoder.greedy(features, LONGEST)
        return self.decoder.beam(features, LONGEST, beam_width)

    def captions(self, pictures: Tensor, beam_width: int = 1) -> np.ndarray:
        """Write a caption of each picture as text: (records,) of strings."""
        return self.vocabulary.texts(self.tokens(pictures, beam_width)[0].cpu().numpy())
