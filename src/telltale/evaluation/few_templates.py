"""Numbers behind which few templates stand: intervals resample templates, and of few they resample next to nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from telltale.evaluation.estimate import Estimate
from telltale.writing import counted

FEW_TEMPLATES = 5  # below, intervals resample next to nothing


def fewest_templates(index: np.ndarray, keep: np.ndarray) -> int:
    """Count the templates (candidates,) behind what is kept, (victims, candidates) bool, of the victim with fewest."""
    return min(len(np.unique(index[of])) for of in keep)


def of_few_templates(estimate: Estimate, templates: int, decides: bool = False) -> Estimate:
    """Return a number with a note where few templates are behind it, and without interval where that has no width.

    Intervals resample templates: one alone is drawn again and again, and looks as if it were certain. decides: the
    number says whether a model leaks; of few templates it does not, and its note is that nothing can be told.
    """
    if not 0 < templates < FEW_TEMPLATES or not estimate.replicates.size:
        return estimate
    few = f"the candidates are of {counted(templates, 'template')} alone, and intervals resample templates"
    doubt = estimate.note if decides and estimate.note else f"cannot tell: {few}"
    if templates > 1 and estimate.high > estimate.low:
        return replace(estimate, note=doubt if decides else "; ".join(filter(None, (estimate.note, few))))
    return replace(estimate, replicates=np.full_like(estimate.replicates, np.nan), note=doubt)
