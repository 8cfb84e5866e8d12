"""What captioned pictures can carry, whoever attacks: how much of unseen pictures' captions members' captions hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from telltale.data.captions.metrics.all_pairs import rouge_l_of_pairs
from telltale.data.captions.words import words
from telltale.evaluation.captions import likeness_of, words_seen
from telltale.evaluation.statistics import Estimate, Resampling, ratio_or_nan
from telltale.truth import Truth

ASKED = 200  # non-members of each victim whose captions are compared with all that its members have

CARRIED = ("words_seen", "rouge_l_oracle", "rouge_l_random", "rouge_l_person")


def carried(truth: Truth, plan: Resampling) -> dict[str, Estimate]:
    """Return what the data allow of non-members' captions, before any model is asked; nothing where there are none.

    words_seen      share of their words that some member's caption has too: no captioner can learn the others
    rouge_l_oracle  of the best of all members' captions, picked for each picture with its own captions in hand: who
                    only repeats what it learned can say no better
    rouge_l_random  the mean over all members' captions: what is said of any picture
    rouge_l_person  a picture's first caption against its others; not there where no picture has two

    ROUGE-L is that of at most `ASKED` non-members of a victim, evenly spread, as good as at random: points are shuffled
    before. Intervals are over pictures, given the members.
    """
    if not truth.references or not all(truth.references):
        return {}
    seen, spoken = words_seen(truth)
    measured = {"words_seen": ratio_or_nan(plan.sums(seen), plan.sums(spoken))}
    asked, best, mean = _against_members(truth)
    for name, values in (("rouge_l_oracle", best), ("rouge_l_random", mean)):
        measured[name] = ratio_or_nan(plan.sums(values * asked), plan.sums(asked))
    asked = asked & np.array([len(texts) > 1 for texts in truth.references])
    if asked.any():
        own = likeness_of([texts[0] for texts in truth.references], [texts[1:] or texts for texts in truth.references])
        measured["rouge_l_person"] = ratio_or_nan(plan.sums(own * asked), plan.sums(asked))
    return {name: plan.estimate(value, asked.size) for name, value in measured.items()}


def _against_members(truth: Truth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tell which points are asked about, and ROUGE-L of members' captions, best and mean: (victims, points) each."""
    captions = [[words(text) for text in texts] for texts in truth.references]
    asked, (best, mean) = np.zeros(truth.membership.shape, bool), np.zeros((2, *truth.membership.shape))
    for victim, member in enumerate(truth.membership):
        others = np.flatnonzero(~member)
        rows = others[np.linspace(0, len(others) - 1, min(ASKED, len(others))).round().astype(int)]
        learned = _distinct(captions[row] for row in np.flatnonzero(member).tolist())
        if not learned or not len(rows):
            continue
        table = rouge_l_of_pairs(list(learned), [captions[row] for row in rows.tolist()])
        times = np.array(list(learned.values()))
        asked[victim, rows], best[victim, rows], mean[victim, rows] = True, table.max(0), times @ table / times.sum()
    return asked, best, mean


def _distinct(pictures: Iterable[Sequence[Sequence[str]]]) -> dict[tuple[str, ...], int]:
    """Count how often each caption is among those of all pictures."""
    return Counter(tuple(caption) for captions in pictures for caption in captions)
