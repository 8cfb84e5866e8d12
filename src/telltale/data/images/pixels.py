"""Pictures as a model of the owner's takes them: kept as bytes, handed out as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSE = 8  # pixels along a side, of what a detector without the model sees


@dataclass(frozen=True, eq=False)
class Pixels:
    """n pictures, (n, channels, height, width), uint8 or float in [0, 1]; a part of them is float32 in [0, 1].

    >>> Pixels(np.full((2, 1, 1, 1), 255, np.uint8))[np.array([1])]
    array([[[[1.]]]], dtype=float32)
    """

    stored: np.ndarray

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.stored)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return the pictures at `rows`: (rows, channels, height, width) float32 in [0, 1]."""
        part = self.stored[rows]
        return part / np.float32(255) if part.dtype == np.uint8 else part.astype(np.float32)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        """Return all of them at once, for who asks for an array."""
        whole = self[np.arange(len(self))]
        return whole if dtype is None else whole.astype(dtype)  # type: ignore[call-overload]

    def cut(self, rows: np.ndarray) -> Pixels:
        """Return the pictures at `rows`, still as bytes."""
        return Pixels(self.stored[rows])

    def bytes_of(self) -> np.ndarray:
        """Return them as they are kept, to be compared."""
        return self.stored

    def numbers(self) -> np.ndarray:
        """Return each as the means of at most 8 x 8 tiles a channel: (n, width) float32."""
        number, _, height, width = self.stored.shape
        rows, columns = (np.linspace(0, side, min(side, COARSE) + 1).astype(int) for side in (height, width))
        sums = np.add.reduceat(np.add.reduceat(self.stored, rows[:-1], 2, np.float32), columns[:-1], 3)
        areas = np.diff(rows)[:, None] * np.diff(columns)
        return (sums / areas).reshape(number, -1).astype(np.float32)
