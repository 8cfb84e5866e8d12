"""Language models learn texts, alone as in a fleet, remember them, and answer with log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from telltale.data.texts.records import END, PAD, START
from telltale.errors import AccessDeniedError, InputError
from telltale.models.linear import Linear
from telltale.objectives.language_modeling import LanguageModeling, token_losses, unigram
from telltale.owner.preparation import initial_objective
from telltale.owner.release import Release
from telltale.owner.samples import sampled, samples_of
from telltale.training.batches import LabelledBatch, make_batch
from tests.training.texts import CONTEXT, RECORDS, WORDS, model_of, objective_of, recipe_in, texts_of

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 20 for k in range(3)])
SEEDS = [5, 6, 7]


def batch_of(texts: int = 6) -> LabelledBatch:
    tokens = make_batch(RECORDS, np.arange(texts))
    return LabelledBatch(tokens, tokens, torch.zeros(texts, dtype=torch.int64))


class Table(torch.nn.Module):
    """A bigram model: logits of the next token from a table."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table[tokens]


def test_the_loss_of_two_texts_by_hand() -> None:
    """Catches a loss that is shifted by a token, counts pads, or weighs long texts more."""
    probabilities = torch.tensor(
        [[0.2] * 5, [0, 0, 0, 0.5, 0.5], [0.2] * 5, [0, 0, 0.1, 0.2, 0.7], [0, 0, 0.3, 0.3, 0.4]]
    )
    tokens = torch.tensor([[1, 3, 4, 2, 0], [1, 4, 2, 0, 0]])
    losses, is_token = token_losses(Table(probabilities.log()), tokens)
    expected = -torch.tensor([[0.5, 0.7, 0.3], [0.5, 0.3, 1.0]]).log()
    assert torch.allclose(losses, expected, atol=1e-6)
    assert is_token.tolist() == [[True, True, True], [True, True, False]]
    objective = initial_objective(model_of(), objective_of(), 0)
    objective.model = Table(probabilities.log())
    batch = LabelledBatch(tokens, tokens, torch.zeros(2, dtype=torch.int64))
    assert torch.allclose(objective.record_losses(batch), torch.stack([expected[0].mean(), expected[1, :2].mean()]))
    assert objective(batch).item() == pytest.approx(objective.record_losses(batch).mean().item())


def test_perplexities_by_hand() -> None:
    """Catches a unigram model that counts START, pads or texts, and a mean over texts in a perplexity of tokens."""
    objective: Any = initial_objective(model_of(vocabulary=5), objective_of(), 0)
    objective.model = Table(torch.zeros(5, 5))
    objective.take_note(np.array([[1, 3, 3, 4, 2], [1, 3, 2, 0, 0]]))
    assert objective.counts.tolist() == [0, 0, 2, 3, 1]
    tokens = torch.tensor([[1, 3, 4, 2, 0], [1, 3, 2, 0, 0]])
    found = objective.success([LabelledBatch(tokens, tokens, torch.zeros(2, dtype=torch.int64))])
    assert found["perplexity"] == pytest.approx(5)
    rates = [4 / 9, 2 / 9, 3 / 9, 4 / 9, 3 / 9]
    assert found["unigram_perplexity"] == pytest.approx(math.exp(-np.log(rates).mean()))
    assert unigram(torch.zeros(5)).tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3])


def test_a_model_gives_the_texts_it_learned_a_higher_probability(tmp_path: Path) -> None:
    """Catches a model that does not learn: 16 random texts, which nothing but memory can tell from others."""
    recipe = recipe_in(tmp_path, objective=objective_of(epochs=60, schedule="constant"))
    release = recipe.train(RECORDS, np.arange(16), 0)
    sums = np.nanmean(release.text_log_probs(RECORDS), 1)
    assert sums[:16].min() > sums[16:].max()
    inside, outside = (
        recipe.owner.success(recipe.recipe, release, RECORDS.take(rows)) for rows in np.split(np.arange(60), [16])
    )
    assert inside["perplexity"] < 0.5 * inside["unigram_perplexity"]
    assert outside["perplexity"] > outside["unigram_perplexity"] > 10


def test_log_probabilities_are_of_tokens_and_end_with_them(tmp_path: Path) -> None:
    """Catches an answer that depends on the batch, or a NaN inside a text."""
    recipe = recipe_in(tmp_path)
    release = recipe.train(RECORDS, np.arange(20), 0)
    told = release.text_log_probs(RECORDS)
    assert told.shape == (len(RECORDS), CONTEXT - 1) and told.dtype == np.float64
    assert np.array_equal(np.isnan(told), RECORDS.tokens[:, 1:] == PAD)
    assert np.nanmax(told) <= 0
    assert release.text_log_probs(RECORDS.take(np.array([7]))) == pytest.approx(told[[7]], abs=1e-5, nan_ok=True)
    objective = recipe.recipe.loaded(recipe.store.weights(release.entry), 0).eval()
    with torch.no_grad():
        assert -np.nanmean(told[:6], 1) == pytest.approx(objective.record_losses(batch_of()).numpy(), abs=1e-5)
    with pytest.raises(AccessDeniedError):
        release.restricted(frozenset({"embeddings"})).text_log_probs(RECORDS)


def test_moments_are_of_log_p_over_the_vocabulary_under_p(tmp_path: Path) -> None:
    """Catches a mean that is not weighted, a variance, tokens of another place, and numbers after a text's end."""
    recipe = recipe_in(tmp_path)
    release = recipe.train(RECORDS, np.arange(20), 0)
    told, texts = release.text_moments(RECORDS), make_batch(RECORDS, np.arange(len(RECORDS)))
    assert told.shape == (len(RECORDS), CONTEXT - 1, 2)
    with torch.no_grad():
        p = (
            recipe.recipe.loaded(recipe.store.weights(release.entry), 0)
            .eval()
            .model(texts[:, :-1])
            .double()
            .softmax(-1)
        )
    mean = (p * p.log()).sum(-1)
    deviation = (p * (p.log() - mean[..., None]) ** 2).sum(-1).sqrt()
    expected = torch.stack([mean, deviation], -1).numpy()
    assert told == pytest.approx(np.where(RECORDS.tokens[:, 1:, None] == PAD, np.nan, expected), abs=1e-4, nan_ok=True)
    with pytest.raises(AccessDeniedError):
        release.restricted(frozenset({"text_log_probs"})).text_moments(RECORDS)


def test_embeddings_are_features_of_the_backbone(tmp_path: Path) -> None:
    """Catches logits that are handed out as features."""
    release = recipe_in(tmp_path).train(RECORDS, np.arange(20), 0)
    assert release.embeddings(RECORDS).shape == (len(RECORDS), 16)
    assert not any(name.startswith("counts") for name in release.weights())


@pytest.mark.parametrize("at_once", [7, 512])
def test_texts_get_their_answers_in_the_order_they_were_asked(tmp_path: Path, at_once: int) -> None:
    """Catches batches of texts of one length whose answers are not put back."""
    release = recipe_in(tmp_path).train(RECORDS, np.arange(20), 0)
    release = Release(release._model, "key", batch_size=at_once)
    lengths = (RECORDS.tokens != PAD).sum(1)
    assert (np.diff(lengths) < 0).any()
    for call in (release.embeddings, release.text_log_probs, release.text_moments):
        alone = np.concatenate([call(RECORDS.take(np.array([row]))) for row in range(len(RECORDS))])
        assert call(RECORDS) == pytest.approx(alone, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("way", ["stacked", "one_by_one", "auto"])
def test_a_fleet_trains_each_model_as_alone(tmp_path: Path, way: str) -> None:
    """Catches a fleet whose losses, orders, counts or weights are others than those of single fits."""
    from telltale.owner.executor import Local

    recipe = recipe_in(tmp_path / "fleet", executor=Local(way=way))
    together = recipe.train_many(RECORDS, ROWS, SEEDS)
    alone = recipe_in(tmp_path / "alone")
    for release, row, seed in zip(together, ROWS, SEEDS, strict=True):
        single: Release = alone.train(RECORDS, np.flatnonzero(row), seed)
        weights = single.weights()
        for name, value in release.weights().items():
            assert np.allclose(value, weights[name], atol=2e-4), name
        pairs = ((recipe, release), (alone, single))
        objectives: Any = [one.recipe.loaded(one.store.weights(of.entry), 0) for one, of in pairs]
        counts = [objective.counts for objective in objectives]
        assert counts[0].equal(counts[1]) and counts[0].sum() == (RECORDS.tokens[row, 1:] != PAD).sum()


def test_equal_seeds_give_equal_weights_and_others_do_not(tmp_path: Path) -> None:
    """Catches weights that depend on the order of records or the clock."""
    first = recipe_in(tmp_path / "a").train(RECORDS, np.arange(20), 3).weights()
    again = recipe_in(tmp_path / "b").train(RECORDS, np.arange(20)[::-1].copy(), 3).weights()
    other = recipe_in(tmp_path / "a").train(RECORDS, np.arange(20), 4).weights()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_a_model_of_other_records_is_refused() -> None:
    """Catches a traceback where a network of pictures is to write."""
    with pytest.raises(InputError, match="backbone of texts"):
        LanguageModeling(Linear((3, 4)), epochs=1, batch_size=1, learning_rate=0.1)
    with pytest.raises(InputError, match="schedule"):
        initial_objective(model_of(), objective_of(schedule="linear"), 0)


def test_untied_and_learned_ones_learn_too(tmp_path: Path) -> None:
    """Catches a head or places that get no gradient."""
    recipe = recipe_in(tmp_path, model=model_of(tied=False, positions="learned"))
    trained = recipe.train(texts_of(20, 1), np.arange(20), 0).weights()
    fresh = initial_objective(recipe.recipe.model, objective_of(), 0).model.state_dict()
    assert trained.keys() == fresh.keys() and trained["head.weight"].shape == (WORDS, 16)
    assert all(not np.array_equal(trained[name], fresh[name].numpy()) for name in trained)


class Letters:
    """Decodes tokens as numbers."""

    digest, vocabulary = "0" * 32, WORDS

    def encode(self, texts: Sequence[str], context: int) -> Any:
        raise NotImplementedError

    def decode(self, tokens: np.ndarray) -> list[str]:
        return [" ".join(f"w{token}" for token in row if token > 2) for row in tokens.tolist()]


def test_a_model_of_one_text_writes_that_text(tmp_path: Path) -> None:
    """Catches samples that do not come from the model, go on after their end, or begin anew with START."""
    recipe = recipe_in(tmp_path, objective=objective_of(epochs=60, batch_size=1, schedule="constant"))
    release = recipe.train(RECORDS, np.array([3]), 0)
    like: Any = replace(RECORDS, codec=Letters())
    written = samples_of(recipe.recipe, recipe.store, release, like, number=4)
    assert RECORDS.texts[3] in written  # by chance once in 10^10 or less
    tokens = sampled(recipe.recipe.loaded(recipe.store.weights(release.entry), 0).eval().model, 8, CONTEXT, 1)
    assert (tokens[:, 0] == START).all() and not (tokens[:, 1:] == START).any()
    ended = (tokens == END).cumsum(1) > 0
    assert (tokens[:, 1:][ended[:, :-1]] == PAD).all() and not (tokens[~ended] == PAD).any()


def test_no_sample_is_shown_where_texts_are_not(tmp_path: Path) -> None:
    """Catches a mail that a model repeats on a page that must not print it."""
    recipe = recipe_in(tmp_path)
    release = recipe.train(RECORDS, np.arange(4), 0)
    hidden: Any = replace(RECORDS, codec=Letters(), shown=np.full(len(RECORDS), "sender, date", object))
    assert samples_of(recipe.recipe, recipe.store, release, hidden) == ()
    assert samples_of(recipe.recipe, recipe.store, release, RECORDS) == ()
    none: Any = hidden.take(np.arange(0))  # of none at all it is not said whether they may be shown
    assert samples_of(recipe.recipe, recipe.store, release, none) == ()
