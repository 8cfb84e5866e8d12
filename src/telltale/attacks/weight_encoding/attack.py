"""Data hidden in weights by malicious training code (Song, Ristenpart & Shmatikov, CCS 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from telltale.attacks.weight_encoding.base import HiddenRecords
from telltale.attacks.weight_encoding.capacity import CapacityAbuse
from telltale.attacks.weight_encoding.carriers import Carriers
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding
from telltale.attacks.weight_encoding.encoding import Encoding
from telltale.attacks.weight_encoding.least_significant_bits import LeastSignificantBits
from telltale.attacks.weight_encoding.payload import Payload
from telltale.attacks.weight_encoding.sign import SignEncoding
from telltale.checks import choice
from telltale.errors import InputError


class WeightEncoding(HiddenRecords):
    """One of the paper's four methods; the first three read weights, `capacity` asks for labels only.

    method          correlated | sign | lsb | capacity
    layers          inner | all: which layers carry the payload, see Carriers (lsb: always all)
    strength        λ of their term in the loss
    lambdas         instead, a λ for each group of layers; None = by layers and strength
    signed          correlated: -λ r in place of -λ |r|, so that no picture is a negative
    lowest_bits     lsb: how many of a weight's bits are written over
    images          pictures to hide; None = as many as fit, at most `most` (capacity: 1)
    select          first | std_window | std_range | random: which ones, see Payload
    std_range       of select=std_range: the lowest and the highest standard deviation of a picture's tones
    stretch         each picture's tones to 0…255 before it is hidden
    permute         hide the pixels in one seeded order
    colour          grey | channels: what becomes of three channels; None = the data is grey
    decode          moment | minmax: which decoding of correlated weights counts
    most            training pictures that there are to hide; None = any number
    """

    def __init__(
        self,
        method: str = "correlated",
        layers: str = "all",
        strength: float = 3.0,
        lambdas: Sequence[float] | None = None,
        signed: bool = False,
        lowest_bits: int = 16,
        images: int | None = None,
        select: str = "first",
        std_range: Sequence[float] | None = None,
        stretch: bool = False,
        permute: bool = False,
        colour: str | None = None,
        decode: str = "moment",
        most: int | None = None,
    ) -> None:
        payload = payload_of(images, select, std_range, stretch, permute, colour, most)
        carriers = Carriers(layers, strength, None if lambdas is None else tuple(lambdas))
        encodings: dict[str, Encoding] = {
            "correlated": CorrelatedEncoding(payload, carriers, signed),
            "sign": SignEncoding(payload, carriers),
            "lsb": LeastSignificantBits(payload, bits=lowest_bits),
            "capacity": CapacityAbuse(payload),
        }
        super().__init__(encodings[choice("attack.method", method, encodings)], decode)


def payload_of(
    images: int | None,
    select: str,
    std_range: Sequence[float] | None,
    stretch: bool,
    permute: bool,
    colour: str | None,
    most: int | None = None,
) -> Payload:
    """Build the payload's options from those of an attack. Raises InputError where they do not fit together."""
    if (std_range is not None and len(std_range) != 2) or (std_range is None and select == "std_range"):
        raise InputError("attack.std_range", std_range if std_range is not None else "null", "two numbers, as [40,60]")
    if std_range is not None and select != "std_range":
        raise InputError("attack.std_range", list(std_range), f"null with attack.select={select}, or select=std_range")
    low, high = (0.0, 255.0) if std_range is None else std_range
    return Payload(images, select, low, high, stretch, permute, colour, most)
