"""Who is in which range: the truth about ranges, from the truth about records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from telltale.evidence import held_by
from telltale.truth import Truth


def of_ranges(truth: Truth, inside: np.ndarray) -> Truth:
    """Return the truth about ranges: does a range hold a record of the model? inside: (ranges, points) bool.

    Counted is a range whose points are all in the model, or all not: discordant between its records and as many others
    that were drawn alike. Where members are half of the points it is of either kind with the chance of a coin, however
    common its chemistry; a range with points on both sides is left out, as nothing that it shows could be wrong.
    """
    held, of_others = (held_by(side, inside) for side in (truth.membership, ~truth.membership))
    return replace(truth, membership=held, counted=held ^ of_others, groups=None, features=None, predicted=None)
