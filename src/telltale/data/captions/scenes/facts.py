"""What scenes show, as arrays: how many objects, what each is like and where it lies, the ground and the light."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from telltale.data.captions.scenes.draws import uniform, whole
from telltale.data.captions.scenes.lexicon import LEXICA, RELATIONS

MOST_OBJECTS = 4  # one in each quarter of a picture
OF_OBJECTS = ("shape", "colour", "size", "texture")


@dataclass(frozen=True, eq=False)
class Facts:
    """What n scenes show. Numbers are of meanings, in the order of a source's lexicon.

    count                         (n,) objects: those before it in the arrays below are there
    ground, light                 (n,)
    shape, colour, size, texture  (n, MOST_OBJECTS)
    quarter                       (n, MOST_OBJECTS) where: 0 and 1 above, 2 and 3 below, even ones on the left
    """

    count: np.ndarray
    ground: np.ndarray
    light: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    size: np.ndarray
    texture: np.ndarray
    quarter: np.ndarray

    def __len__(self) -> int:
        """Count the scenes."""
        return len(self.count)

    def take(self, rows: np.ndarray) -> Self:
        """Return the scenes at `rows`, indices or a boolean mask."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def table(self) -> np.ndarray:
        """Return all of it, a row a scene: (n, columns) int8."""
        columns = [getattr(self, field.name).reshape(len(self), -1) for field in fields(self)]
        return np.concatenate(columns, 1).astype(np.int8)

    @classmethod
    def of(cls, table: np.ndarray) -> Self:
        """Read what `table` returned."""
        whole = table.astype(np.int64)
        count, ground, light = whole[:, :3].T
        shape, colour, size, texture, quarter = np.split(whole[:, 3:], 5, 1)
        return cls(count, ground, light, shape, colour, size, texture, quarter)

    @property
    def present(self) -> np.ndarray:
        """Say which objects there are: (n, MOST_OBJECTS) bool."""
        return np.arange(MOST_OBJECTS) < self.count[:, None]

    def relations(self) -> np.ndarray:
        """Say what is true of each object seen from each other one: (n, objects, objects, RELATIONS) bool.

        Of two that lie across a corner two relations are true.
        """
        row, column = self.quarter // 2, self.quarter % 2
        beside = column[:, :, None] - column[:, None, :]
        over = row[:, :, None] - row[:, None, :]
        true = np.stack([beside < 0, beside > 0, over < 0, over > 0], -1)
        both = self.present[:, :, None] & self.present[:, None, :]
        return true & both[..., None]


def drawn(source: str, objects: int, seed: int, pictures: np.ndarray) -> Facts:
    """Draw the scenes of the numbers `pictures` (n,): one to `objects` objects, all that they may be as likely."""
    said = LEXICA[source].said

    def draw(kind: str, places: int, below: int = 0) -> np.ndarray:
        return whole(seed, f"{source}/{kind}", pictures, places, below or len(said[kind]))

    count = 1 + draw("count", 1, objects)[:, 0]
    ground, light = draw("ground", 1)[:, 0], draw("light", 1)[:, 0]
    quarter = uniform(seed, f"{source}/quarter", pictures, MOST_OBJECTS).argsort(1, kind="stable")
    shape, colour, size, texture = (draw(kind, MOST_OBJECTS) for kind in OF_OBJECTS)
    return Facts(count, ground, light, shape, colour, size, texture, quarter)


assert len(RELATIONS) == 4  # the order in which `relations` stacks them
