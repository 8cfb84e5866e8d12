"""What every kind of data set looks like to the rest of the project."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np


class Records(Protocol):
    """An ordered set of records of one kind; immutable, cheap to slice.

    kind: "molecules", "images", "table", …; source: the name printed beside every figure.
    """

    @property
    def kind(self) -> str:
        """Name the kind of data."""
        ...

    @property
    def source(self) -> str:
        """Name the data set, as printed beside every figure."""
        ...

    def __len__(self) -> int:
        """Count the records."""
        ...

    def take(self, rows: np.ndarray) -> Self:
        """Return the records at `rows`, in that order."""
        ...

    def fingerprints(self) -> np.ndarray:
        """Return one 16-byte digest a record, (n,) dtype S16: equal records have equal digests."""
        ...

    def arrays(self) -> Any:
        """Return the records as the plain arrays a model is fed from."""
        ...
