"""Gaussian records under random labels: a linear model that takes one step on them releases the members' mean.

The summary-statistics game of Homer et al. (PLoS Genetics 2008) and Sankararaman et al. (Nature Genetics 2009), with
a classifier for the published mean. `telltale.evaluation.closed_form` derives the best attack's ROC curve.
"""

from __future__ import annotations

import numpy as np

from telltale.checks import whole_number
from telltale.data.closed_form.labelled import with_random_labels
from telltale.data.seeds import derive, generator
from telltale.data.tables.records import ReadTable

MOST_NUMBERS = 10**8  # 0.4 GB


def load(records: int, dimensions: int, seed: int = 0) -> ReadTable:
    """Draw records x ~ N(0, I) of so many dimensions, and a fair coin for the label of each.

    Raises InputError for an option out of range.
    """
    whole_number("dataset.records", records, 2, 10**7)
    whole_number("dataset.dimensions", dimensions, 1, max(1, MOST_NUMBERS // records))
    whole_number("dataset.seed", seed, 0)
    # one stream for the rows and one for the coins: the first records stay the same when more are asked for
    features = generator(seed, "gaussian mean").standard_normal((records, dimensions), dtype=np.float32)
    labels = np.random.default_rng(derive(seed, "gaussian mean/labels"))
    return with_random_labels(features, labels, f"Gaussian mean ({dimensions} dimensions)")
