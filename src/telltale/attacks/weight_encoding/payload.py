"""The payload: which training pictures are hidden, and as what numbers (Song et al. 2017; sheet 3.2 for the choices).

Pictures are float64 (n, channels, height, width) on the scale 0 to 255 throughout this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.checks import choice, whole_number
from telltale.data.images.tones import WHITE, stretched, tones
from telltale.data.seeds import generator
from telltale.errors import InputError

SELECTIONS = ("first", "std_window", "std_range", "random")
COLOURS = ("grey", "channels")


@dataclass(frozen=True)
class Payload:
    """What is hidden: chosen and prepared alike by the code that hides it and by the attacker who reads it.

    images          how many; None = as many as fit, at most `most`
    select          first (of the training set in its order) | std_window (the narrowest window of standard
                    deviations) | std_range (those within `low` to `high`) | random
    low, high       standard deviations of a picture's tones, of select=std_range
    stretch         each picture to 0…255 before it is hidden
    permute         one seeded order of pixels for all
    colour          what becomes of three channels: grey (luminance) | channels (each); None = the data is grey
    most            training pictures that whoever hides them reckons with; None = any number

    Raises InputError for options out of range.
    """

    images: int | None = None
    select: str = "first"
    low: float = 0.0
    high: float = WHITE
    stretch: bool = False
    permute: bool = False
    colour: str | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        as_fit = "a whole number from 1, or null for as many as fit"
        whole_number("attack.images", self.images, or_null=True, expected=as_fit)
        whole_number("attack.most", self.most, or_null=True)
        choice("attack.select", self.select, SELECTIONS)
        if not 0 <= self.low < self.high <= WHITE:
            raise InputError("attack.std_range", [self.low, self.high], "two standard deviations from 0 to 255, rising")
        grey = f"one of {', '.join(COLOURS)}, or null for grey data"
        choice("attack.colour", self.colour, (None, *COLOURS), expected=grey)

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse, by InputError, colour pictures without a rule: shape is (channels, height, width)."""
        if shape[0] != 1 and self.colour is None:
            rule = "grey (luminance alone) or channels (all of them): the pictures have colour"
            raise InputError("attack.colour", "null", rule)
        if shape[0] not in (1, 3) and self.colour == "grey":
            raise InputError("attack.colour", self.colour, f"channels: luminance needs 3 of them, not {shape[0]}")

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a hidden picture."""
        return (1, *shape[1:]) if self.colour == "grey" else tuple(shape)

    def pictures(self, records: Any) -> np.ndarray:
        """Return records as they are to be reconstructed: (n, channels, height, width), 0 to 255."""
        return tones(records.pixels, 1 if self.colour == "grey" else None)

    def chosen(self, records: Any, number: int) -> np.ndarray:
        """Choose among training records: (number,) rows. Raises InputError for more than the rule finds.

        The records come in an order that depends on their set alone. Whoever reads the payload must know how many
        pictures it has, so fewer than `number` are never hidden in silence.
        """
        wanted = self._rows(self.pictures(records).std((1, 2, 3)), number)
        self.require(number, len(wanted))
        return wanted

    def require(self, number: int, available: int) -> None:
        """Refuse, by InputError, to hide more pictures than there are to choose from."""
        if available == 0 and self.select == "std_range":
            raise InputError("attack.std_range", [self.low, self.high], "a range that some training picture lies in")
        if available < number:
            images = "null" if self.images is None else self.images
            expected = (
                f"at most {available}, as many as can be chosen of the training pictures (there is room for {number})"
            )
            raise InputError("attack.images", images, expected)

    def alike(self, auxiliary: Any) -> Any:
        """Return those of the attacker's own records that the rule would choose: their tones are those to expect.

        How large a share of the training records was hidden the attacker does not know; of a window it takes half.
        """
        number = (len(auxiliary) + 1) // 2 if self.select == "std_window" else len(auxiliary)
        rows = self._rows(self.pictures(auxiliary).std((1, 2, 3)), number)
        return auxiliary.take(rows) if len(rows) else auxiliary

    def _rows(self, deviations: np.ndarray, number: int) -> np.ndarray:
        rows = np.arange(len(deviations))
        if self.select == "random":
            rows = generator(0, "payload").permutation(rows)
        if self.select == "std_range":
            rows = rows[(self.low <= deviations) & (deviations <= self.high)]
        if self.select == "std_window" and number < len(rows):
            order = np.argsort(deviations, kind="stable")
            widths = deviations[order[number - 1 :]] - deviations[order[: len(order) - number + 1]]
            start = int(widths.argmin())
            rows = np.sort(order[start : start + number])
        return rows[:number]

    def values(self, pictures: np.ndarray) -> np.ndarray:
        """Return the numbers to hide, picture after picture: (n, …) -> (n * pixels,)."""
        if self.stretch:
            pictures = stretched(pictures)
        return pictures.reshape(len(pictures), -1)[:, self._order(pictures[0].size)].ravel()

    def arranged(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Undo the order of `values`: (…, n * pixels) -> (…, n, *shape)."""
        size = int(np.prod(shape))
        rows = values.reshape(*values.shape[:-1], -1, size)
        return rows[..., np.argsort(self._order(size))].reshape(*rows.shape[:-1], *shape)

    def _order(self, size: int) -> np.ndarray:
        return generator(0, "order of pixels").permutation(size) if self.permute else np.arange(size)
