"""A dual encoder learns which caption belongs to which picture, alone as in a fleet, and answers with cosines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.captions.vocabulary import START
from telltale.defenses.dp_sgd import DPSGD
from telltale.defenses.early_stopping import EarlyStopping
from telltale.errors import InputError
from telltale.objectives.caption_contrast import CaptionContrast
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch, RecordDataset
from tests.training.captions import RECORDS, VOCABULARY, close, model_of, recipe_of
from tests.training.pairs import contrast_of, dual_of, paired

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 12 for k in range(2)])


def built(**options: Any) -> Any:
    return initial_objective(dual_of(norm="group"), contrast_of(**options), 0)


def batch_of(objective: CaptionContrast) -> LabelledBatch:
    found: LabelledBatch = RecordDataset(RECORDS, 0, objective.targets(RECORDS))[0, np.arange(len(RECORDS))]
    return found


@pytest.mark.parametrize("defenses", [(), (EarlyStopping("own", 0.25),)], ids=["plain", "early stopping"])
def test_a_fleet_gives_the_encoders_of_single_runs(defenses: Any, tmp_path: Path) -> None:
    """Catches pictures of one model held against captions of another's batch, and captions drawn otherwise."""
    together = paired(tmp_path / "fleet", defenses=defenses, epochs=3).train_many(RECORDS, ROWS, [5, 6])
    alone = paired(tmp_path / "alone", defenses=defenses, epochs=3)
    assert alone.recipe.stackable
    for one, row, seed in zip(together, ROWS, [5, 6], strict=True):
        assert close(alone.train(RECORDS, np.flatnonzero(row), seed).weights(), one.weights(), 1e-4)


def test_what_was_learned_is_found_again(tmp_path: Path) -> None:
    """Catches a contrast that pushes own pairs apart, and a success that is of another batch's captions."""
    recipe = paired(tmp_path, dual_of(channels=[8, 16], width=16), epochs=60, batch_size=12)
    release, own = recipe.train(RECORDS, np.arange(12), 0), RECORDS.take(np.arange(12))
    mine = recipe.success(release, own)
    assert mine["caption_retrieval_accuracy"] > 0.9 and mine["chance"] == pytest.approx(1 / 12)
    told = [texts[0] for texts in own.references]
    assert release.caption_cosines(own, told).mean() > 0.3 + release.caption_cosines(own, told[1:] + told[:1]).mean()


def test_the_cosine_is_that_of_both_embeddings(tmp_path: Path) -> None:
    """Catches a text that is judged with another's picture, and padding that changes an answer."""
    release = paired(tmp_path).train(RECORDS, np.arange(12), 0)
    texts = [texts[-1] for texts in RECORDS.references]
    told = release.caption_cosines(RECORDS, texts)
    model, pictures = release._model().eval(), torch.from_numpy(release.embeddings(RECORDS))
    with torch.no_grad():
        each = [model.texts(torch.from_numpy(VOCABULARY.rows([(text,)])))[0] for text in texts]
    expected = torch.nn.functional.cosine_similarity(pictures, torch.stack(each)).numpy()
    assert np.allclose(told, expected, atol=1e-5) and release.queries["caption_cosines"] == len(RECORDS)
    assert np.array_equal(
        told[3:7], release.restricted(frozenset({"caption_cosines"})).caption_cosines(RECORDS, texts)[3:7]
    )


def test_a_caption_among_others_is_as_alone() -> None:
    """Catches words that see another caption of their picture."""
    model = built().model.eval()
    several, chosen = torch.from_numpy(VOCABULARY.rows(RECORDS.references)), torch.full((len(RECORDS),), 1)
    alone = torch.from_numpy(VOCABULARY.rows([texts[1:2] for texts in RECORDS.references]))
    assert torch.allclose(model.texts(several, chosen), model.texts(alone), atol=1e-5)


def test_every_caption_is_drawn_at_times_and_no_other() -> None:
    """Catches a draw that never reaches the last caption, or one beyond it, whose feature is of nothing."""
    objective = built().train()
    batch, drawn = batch_of(objective), []
    objective.model.texts = lambda words, chosen: drawn.append(chosen) or torch.ones(len(words), 8)  # type: ignore[func-returns-value]
    for epoch in range(20):
        objective.terms(replace(batch, keys=batch.keys + epoch))
    seen, captions = torch.stack(drawn), (batch.labels == START).sum((1, 2))
    assert torch.equal(seen.amax(0), captions - 1) and not seen.amin(0).any()


def test_the_loss_is_that_of_a_softmax_both_ways() -> None:
    """Catches a temperature on one side alone, and rows for columns."""
    objective = built(temperature=0.2).eval()
    batch = batch_of(objective)
    own = (
        torch.nn.functional.normalize(objective.model(batch.inputs))
        @ torch.nn.functional.normalize(objective.model.texts(batch.labels)).T
    )
    target, cross = torch.arange(len(own)), torch.nn.functional.cross_entropy
    expected = (cross(own / 0.2, target) + cross(own.T / 0.2, target)) / 2
    assert objective(batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """Catches a traceback: pairs are compared within a batch, so no record has a gradient of its own."""
    with pytest.raises(InputError, match="a loss of each record alone"):
        paired(tmp_path, dual_of(norm="group"), [DPSGD()]).check()
    with pytest.raises(InputError, match=r"model=Captioner: .*model=dual_encoder"):
        initial_objective(model_of(), contrast_of(), 0)
    with pytest.raises(InputError, match=r"model=DualEncoder: .*model=captioner"):
        recipe_of(tmp_path, dual_of()).check()
    with pytest.raises(InputError, match=r"^objective\.temperature="):
        built(temperature=0.0)
