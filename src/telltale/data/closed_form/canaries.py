"""Orthogonal canaries: what a linear model learns of one says nothing of another.

Each record has a coordinate of its own, so that one step from random weights moves a member's logits by a known
amount against noise that is independent from record to record. `telltale.evaluation.closed_form` derives the ROC curve.
"""

from __future__ import annotations

import math

import numpy as np

from telltale.data.closed_form.labelled import require_whole, with_random_labels
from telltale.data.seeds import generator
from telltale.data.tables.records import ReadTable
from telltale.errors import InputError


def load(records: int, scale: float, seed: int = 0) -> ReadTable:
    """Return the rows of `scale` times the identity, as many as there are records, a fair coin for each label.

    Takes 4 records² bytes. Raises InputError for an option out of range.
    """
    require_whole("dataset.records", records, least=2)
    require_whole("dataset.seed", seed, least=0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < math.inf:
        raise InputError("dataset.scale", scale, "a number above 0")
    features = np.zeros((records, records), np.float32)
    np.fill_diagonal(features, scale)
    return with_random_labels(features, generator(seed, "canaries"), f"canaries ({records:,})")
