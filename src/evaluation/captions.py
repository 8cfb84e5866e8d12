"""How well a captioner repeats true captions: ROUGE-L of members, which it learned, and of others, its usefulness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.data.captions.metrics.rouge import rouge_l
from src.data.captions.metrics.tokens import CaptionTokens
from src.data.captions.words import words
from src.evaluation.statistics import Estimate, Resampling, ratio_or_nan
from src.evaluation.weights import totals
from src.truth import Truth


def repeated(captions: Sequence[Sequence[str]], truth: Truth, plan: Resampling) -> dict[str, Estimate]:
    """Average ROUGE-L F1 over members, over non-members, and its gap; captions: (victims) of (points) texts.

    distinct_captions: different captions over points, the mean over victims; near 0
    of a captioner that says the same of everything. It is of the points as they are: no replicate changes it.
    """
    likeness = np.stack([likeness_of(texts, truth.references) for texts in captions])
    weights = plan.pooled(np.arange(likeness.shape[1]))
    values, members, number = likeness.ravel(), truth.membership.ravel(), likeness.size
    inside, outside = (
        ratio_or_nan(totals(weights, values * side), totals(weights, side)) for side in (members, ~members)
    )
    measured = {"rouge_l_members": inside, "rouge_l_non_members": outside, "rouge_l_gap": inside - outside}
    distinct = np.mean([len(set(texts)) / len(texts) for texts in captions])
    measured["distinct_captions"] = np.full_like(inside, distinct)
    return {name: plan.estimate(value, number) for name, value in measured.items()}


def likeness_of(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return ROUGE-L F1 of each caption, the mean over its references: (captions,)."""
    own = [text.split() for text in captions]
    return rouge_l(CaptionTokens.of(own, [[words(text) for text in texts] for texts in references])).f1
