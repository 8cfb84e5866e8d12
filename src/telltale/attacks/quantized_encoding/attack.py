"""Quantized correlation encoding: a reconstruction of Xu et al. (DAC 2020) from its abstract and Song et al. (2017).

Three parts, whose rules are ours: the payload is chosen by contrast, only insensitive layers carry it, and the
compression code that the attacker supplies keeps it while it quantizes and fine-tunes.
"""

from __future__ import annotations

from collections.abc import Sequence

from telltale.attacks.quantized_encoding.compression import EncodedCompression
from telltale.attacks.weight_encoding.attack import payload_of
from telltale.attacks.weight_encoding.base import HiddenRecords
from telltale.attacks.weight_encoding.carriers import Carriers
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.checks import choice
from telltale.owner.recipe import Recipe

COMPRESSION = ("attacker", "owner")


class QuantizedEncoding(HiddenRecords):
    """Hides pictures by correlation, in a release that is compressed afterwards.

    compression     attacker: by code that came with the training code | owner: by the owner's own, which is the
                    defence chosen (defense=quantization or fine_tuned_quantization)
    quantizer       of the attacker's: histogram | affine, an ordinary one or none, see EncodedCompression
    bits            of the attacker's: of a weight, at most 2^bits levels
    fine_tuning     of the attacker's: none | task | correlated, what the levels are trained for afterwards
    tuning_epochs   of that
    tuning_rate     of that
    layers          inner | all: which layers carry the payload, see Carriers
    strength        λ of their term in the loss
    lambdas         instead, a λ for each group of layers; None = by layers and strength
    signed          -λ r in place of -λ |r|, so that no picture is a negative
    images          pictures to hide; None = as many as fit, at most `most`
    select          first | std_window | std_range | random: which ones, see Payload
    std_range       of select=std_range: the lowest and the highest standard deviation of a picture's tones
    stretch         each picture's tones to 0…255 before it is hidden
    permute         hide the pixels in one seeded order
    colour          grey | channels: what becomes of three channels; None = the data is grey
    decode          moment | minmax: which decoding counts
    most            training pictures that there are to hide; None = any number
    """

    def __init__(
        self,
        compression: str = "attacker",
        quantizer: str = "histogram",
        bits: int = 4,
        fine_tuning: str = "correlated",
        tuning_epochs: int = 15,
        tuning_rate: float = 0.001,
        layers: str = "inner",
        strength: float = 3.0,
        lambdas: Sequence[float] | None = None,
        signed: bool = False,
        images: int | None = None,
        select: str = "std_window",
        std_range: Sequence[float] | None = None,
        stretch: bool = False,
        permute: bool = False,
        colour: str | None = None,
        decode: str = "moment",
        most: int | None = None,
    ) -> None:
        choice("attack.compression", compression, COMPRESSION)
        payload = payload_of(images, select, std_range, stretch, permute, colour, most)
        carriers = Carriers(layers, strength, None if lambdas is None else tuple(lambdas))
        encoding = CorrelatedEncoding(payload, carriers, signed)
        super().__init__(encoding, decode)
        self.compression = compression
        self.code = EncodedCompression(encoding, quantizer, bits, fine_tuning, tuning_epochs, tuning_rate)

    def tamper(self, recipe: Recipe) -> Recipe:
        """Add the code that hides the payload, and the compression that keeps it."""
        tampered = super().tamper(recipe)
        if self.compression == "owner":
            return tampered
        return tampered.replace(added_code=(*tampered.added_code, self.code))
