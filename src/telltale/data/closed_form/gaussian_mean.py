"""Gaussian records under random labels: a linear model that takes one step on them releases the members' mean.

The summary-statistics game of Homer et al. (PLoS Genetics 2008) and Sankararaman et al. (Nature Genetics 2009), with
a classifier for the published mean. `telltale.evaluation.closed_form` derives the best attack's ROC curve.
"""

from __future__ import annotations

import numpy as np

from telltale.data.closed_form.labelled import require_whole, with_random_labels
from telltale.data.seeds import derive, generator
from telltale.data.tables.records import ReadTable


def load(records: int, dimensions: int, seed: int = 0) -> ReadTable:
    """Draw records x ~ N(0, I) of so many dimensions, and a fair coin for the label of each.

    Raises InputError for an option out of range.
    """
    require_whole("dataset.records", records, least=2)
    require_whole("dataset.dimensions", dimensions, least=1)
    require_whole("dataset.seed", seed, least=0)
    # one stream for the rows and one for the coins: the first records stay the same when more are asked for
    features = generator(seed, "gaussian mean").standard_normal((records, dimensions), dtype=np.float32)
    labels = np.random.default_rng(derive(seed, "gaussian mean/labels"))
    return with_random_labels(features, labels, f"Gaussian mean ({dimensions} dimensions)")
