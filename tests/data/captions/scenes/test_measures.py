"""What a run says of a captioner on scenes: attributes told right, and how far its loss is from the best one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telltale.data.captions.scenes.reader import load
from telltale.data.captions.vocabulary import vocabulary_of
from telltale.evaluation.captions import repeated
from telltale.evaluation.statistics import Resampling
from telltale.objectives.captioning import word_losses
from telltale.truth import Truth
from tests.training.captions import batch_of, built, model_of

RECORDS = load(30, size=8, idiosyncrasy=0.0).records
MEMBERS = np.arange(30)[None] < 15


def measured(captions: tuple[str, ...]) -> dict[str, float]:
    truth = Truth(MEMBERS, (), None, RECORDS.references, RECORDS.shown)  # type: ignore[arg-type]
    found = repeated((captions,), truth, Resampling.over(30, 50, seed=0))
    return {name: float(estimate.value) for name, estimate in found.items() if name.startswith("attributes")}


def test_a_person_tells_all_attributes_right_and_who_repeats_one_caption_none_of_the_picture() -> None:
    """Catches a share of words instead of claims, and chance that counts as knowledge."""
    person = measured(tuple(texts[0] for texts in RECORDS.references))
    assert person["attributes_right"] == person["attributes_right_members"] == 1 and person["attributes_told"] > 2
    assert person["attributes_right_of_the_picture"] > 0.4
    same = measured((RECORDS.references[0][0],) * 30)
    assert 0 < same["attributes_right"] < 1 and abs(same["attributes_right_of_the_picture"]) < 0.2
    assert np.isnan(measured(("",) * 30)["attributes_right"]) and measured(("",) * 30)["attributes_told"] == 0


def test_members_alone_told_right_are_seen_apart() -> None:
    """Catches members and non-members exchanged."""
    found = measured(tuple(texts[0] if row < 15 else "one lime moon" for row, texts in enumerate(RECORDS.references)))
    assert found["attributes_right_members"] == 1 and found["attributes_right"] == 0


@pytest.mark.parametrize("least", [1, 4])
def test_nats_over_bayes_are_the_captioners_less_the_best_ones(least: int) -> None:
    """Catches ends of captions that one side does not count, and words the captioner does not have."""
    vocabulary = vocabulary_of(RECORDS.references, least).known
    objective = built(model_of(vocabulary=vocabulary, shape=RECORDS.shape)).eval()
    batch = batch_of(objective, RECORDS)
    with torch.no_grad():
        losses, _ = word_losses(objective.model.word_logits(batch.inputs, batch.labels), batch.labels)
        learned = objective.success_on(RECORDS)
    best = RECORDS.shown.log_probabilities(RECORDS.references, vocabulary.split())  # type: ignore[union-attr]
    expected = (losses.sum().item() + best.sum()) / (4 * len(RECORDS))
    assert learned["nats_over_bayes"] == pytest.approx(expected, abs=1e-4) and expected > 0
    assert 0 <= learned["attributes_right"] <= 1
