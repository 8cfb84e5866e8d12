"""Captioners learn their captions, alone as in a fleet, and answer what their probabilities say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from telltale.data.captions.vocabulary import END, PAD, START
from telltale.errors import AccessDeniedError, InputError
from telltale.objectives.captioning import Captioning
from telltale.owner.release import Release
from telltale.training.batches import LabelledBatch, training_loader
from telltale.training.fit import fit
from tests.training.captions import RECORDS, batch_of, built, close, model_of, recipe_of
from tests.training.small import CPU
from tests.training.transformers_of_captions import transformer_of

ROWS = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 10 for k in range(3)])
SEEDS = [5, 6, 7]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    recipe = recipe_of(tmp_path_factory.mktemp("store"))
    return recipe.train(RECORDS, np.arange(12), 0)


def test_a_captioner_that_overfits_repeats_its_captions() -> None:
    """Catches a decoder that is trained on other inputs than those it writes from."""
    few = RECORDS.take(np.arange(8))
    one_each = replace(few, references=tuple(own[:1] for own in few.references))
    trained = built(model_of(channels=[8, 16], width=16, hidden=32), batch_size=8, learning_rate=0.03)
    batch, optimizer = batch_of(trained, one_each), trained.optimizer_over(trained.parameters())
    for _ in range(150):
        optimizer.zero_grad()
        trained(batch).backward()
        optimizer.step()
    told = trained.eval().model.captions(batch.inputs).tolist()
    assert told == [own[0] for own in one_each.references]


def test_padding_changes_no_loss() -> None:
    """Catches <pad> that is learned, and longer rows that weigh a loss otherwise."""
    objective, batch = built(model_of(norm="group")), batch_of(built())
    longer = replace(batch, labels=torch.nn.functional.pad(batch.labels, (0, 5)))
    assert torch.allclose(objective.record_losses(batch), objective.record_losses(longer), atol=1e-6)
    assert objective(batch).item() == pytest.approx(objective.record_losses(batch).mean().item(), rel=1e-5)


def word_by_word(objective: Captioning, batch: LabelledBatch) -> torch.Tensor:
    """Average over pictures the loss of their words, each computed by the formulas of the decoder, on its own."""
    decoder: Any = objective.model.decoder
    of_pictures = []
    for feature, captions in zip(objective.model(batch.inputs), batch.labels, strict=True):
        losses = []
        for caption in captions:
            state, cell = torch.zeros(2, decoder.hidden)
            for word, following in pairwise(caption[caption != PAD]):
                entering = feature if word == START else decoder.embedding.weight[word]
                gates = decoder.given.weight @ entering + decoder.given.bias + decoder.recurrent.weight @ state
                i, f, o, g = gates.split(decoder.hidden)
                cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
                state = o.sigmoid() * cell.tanh()
                losses.append(-decoder.output(state).log_softmax(0)[following])
        of_pictures.append(torch.stack(losses).mean())
    return torch.stack(of_pictures).mean()


def test_loss_and_gradients_are_those_of_each_word_by_itself() -> None:
    """Catches gates that the fused layer takes in another order, <pad> that counts, and words left out."""
    objective = built()
    few, parameters = batch_of(objective), dict(objective.named_parameters())
    few = type(few)(few.inputs[:6], few.labels[:6], few.keys[:6])
    loss, expected = objective(few), word_by_word(objective, few)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    gradients, of_each = (torch.autograd.grad(one, list(parameters.values())) for one in (loss, expected))
    for name, one, other in zip(parameters, gradients, of_each, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * max(1.0, other.abs().max().item())), name


def test_the_loss_under_vmap_is_the_same() -> None:
    """Catches a loop over words, for many models at once, that is another network than the fused layer."""
    objective = built(model_of(norm="group"))
    batch = batch_of(objective)

    def alone(*tensors: torch.Tensor) -> torch.Tensor:
        return objective.record_losses(LabelledBatch(*(tensor[None] for tensor in tensors)))[0]

    each = torch.func.vmap(alone)(batch.inputs, batch.labels, batch.keys)
    assert torch.allclose(each, objective.record_losses(batch), atol=1e-5)


def test_log_probabilities_of_words_add_up_to_the_loss(release: Release) -> None:
    """Catches an end that is not counted, and text judged with another picture."""
    asked = RECORDS.take(np.arange(12, 20))
    own = replace(asked, references=tuple(one[:1] for one in asked.references))
    told = release.token_log_probs(own, [one[0] for one in own.references])
    objective = built()
    objective.model.load_state_dict({name: torch.from_numpy(one) for name, one in release.weights().items()})
    losses = objective.eval().record_losses(batch_of(objective, own))
    assert np.allclose(-np.nanmean(told, 1), losses.detach().numpy(), atol=1e-5)


def test_distributions_of_words_hold_the_probabilities_of_the_text(release: Release) -> None:
    """Catches distributions shifted by a word, and rows beyond the end that look like one."""
    texts = [one[0] for one in RECORDS.references[:5]]
    asked = RECORDS.take(np.arange(5))
    shown, told = release.word_probabilities(asked, texts), release.token_log_probs(asked, texts)
    assert shown.shape[:2] == told.shape and np.allclose(shown.sum(2), np.isfinite(told), atol=1e-5)
    ends = np.isfinite(told).sum(1) - 1
    assert np.allclose(np.log(shown[np.arange(5), ends, END]), told[np.arange(5), ends], atol=1e-4)


def test_answers_are_counted_kept_and_refused(release: Release) -> None:
    """Catches captions that cost no query, are written twice, or are given to who may not ask."""
    allowed = release.restricted(frozenset({"captions"}))
    first = allowed.captions(RECORDS)
    assert allowed.captions(RECORDS) == first and all(isinstance(one, str) for one in first)
    assert allowed.queries == {"captions": 2 * len(RECORDS)}
    with pytest.raises(AccessDeniedError, match="captions"):
        allowed.token_log_probs(RECORDS, first)
    with pytest.raises(InputError, match=r"texts=3: one text for each of 24"):
        release.token_log_probs(RECORDS, first[:3])


def test_kept_captions_are_those_of_their_beams(release: Release) -> None:
    """Catches greedy captions served for beams out of the store, which is asked first."""
    wide = release.captions(RECORDS, beam_width=4)
    model = release._model().eval()
    assert wide == model.captions(batch_of(built()).inputs, 4).tolist()
    assert release.captions(RECORDS) == model.captions(batch_of(built()).inputs, 1).tolist()


@pytest.mark.parametrize(("norm", "weight"), [("batch", 0.0), ("group", 1.0)])
def test_a_fleet_gives_the_captioners_of_single_runs(norm: str, weight: float, tmp_path: Path) -> None:
    """Catches pictures or captions of one model in another's batch, and rows trimmed to one model's length."""
    options: dict[str, Any] = {"word_weight": weight, "schedule": "cosine" if weight else "constant"}
    together = recipe_of(tmp_path / "fleet", model_of(norm=norm), **options).train_many(RECORDS, ROWS, SEEDS)
    alone = recipe_of(tmp_path / "alone", model_of(norm=norm), **options)
    for one, row, seed in zip(together, ROWS, SEEDS, strict=True):
        single = alone.train(RECORDS, np.flatnonzero(row), seed)
        assert close(single.weights(), one.weights(), 1e-4)


def test_a_fit_that_goes_on_gives_the_same_captioner(tmp_path: Path) -> None:
    """Catches a first phase that starts again after an interruption, and other draws of augmentation."""
    options: dict[str, Any] = {"epochs": 4, "contrastive_epochs": 2, "augmentation": "shift_flip_noise"}
    whole, part = built(**options), built(**options)
    for objective, stops in ((whole, [4]), (part, [3, 4])):
        folder = tmp_path / str(len(stops))
        folder.mkdir()
        for stop in stops:
            objective.epochs = stop
            fit(objective, training_loader(RECORDS, 4, 0, objective.targets(RECORDS)), 0, CPU, folder, "a test")
    assert all(torch.equal(one, part.state_dict()[name]) for name, one in whole.state_dict().items())


def test_the_first_phase_trains_the_encoder_alone() -> None:
    """Catches captions learned, or pictures pulled together, while pictures are to be kept apart."""
    objective = built(model_of(norm="group"), epochs=2, contrastive_epochs=1)
    batch = batch_of(objective)
    objective(batch).backward()
    reached = {name for name, one in objective.model.named_parameters() if one.grad is not None}
    assert reached and not any(name.startswith("decoder") for name in reached) and not objective.separable
    before = objective.terms(batch)[0].total
    with torch.no_grad():
        for one in objective.parameters():
            if one.grad is not None:
                one -= 0.01 * one.grad
    assert objective.terms(batch)[0].total < before
    assert objective.eval().terms(batch)[0].total.item() == pytest.approx(objective.record_losses(batch).sum().item())


@pytest.mark.parametrize(
    ("model", "smoothing"),
    [(model_of(norm="group"), 0.0), (model_of(norm="group"), 0.3), (transformer_of(norm="group"), 0.1)],
)
def test_the_loss_beside_is_of_words_in_no_order_by_their_embeddings(model: dict[str, Any], smoothing: float) -> None:
    """Catches a loss beside that weighs captions or ends, sees a sentence, or is scaled or smoothed otherwise."""
    objective, plain = built(model, word_weight=0.5), built(model)
    objective.label_smoothing = plain.label_smoothing = smoothing
    batch, decoder = batch_of(objective), cast(Any, objective.model.decoder)
    expected = []
    for feature, captions in zip(objective.model(batch.inputs), batch.labels, strict=True):
        state = feature.view(-1, decoder.embedding.embedding_dim).sum(0)
        logits = decoder.embedding.weight @ state + decoder.output.bias
        said = [word for caption in captions.tolist() for word in caption if word not in (PAD, START, END)]
        logs = logits.log_softmax(0)
        expected.append(-(1 - smoothing) * logs[said].mean() - smoothing * logs.mean())
    beside = objective.record_losses(batch) - plain.record_losses(batch)
    assert torch.allclose(beside, 0.5 * torch.stack(expected), atol=1e-5) and objective.separable
    mixed = replace(batch, labels=batch.labels.flip(1))
    assert torch.allclose(objective.record_losses(mixed), objective.record_losses(batch), atol=1e-5)
    told = [one.eval().success([batch])["cross_entropy"] for one in (objective, plain)]
    assert told[0] == pytest.approx(told[1])


def test_a_cosine_ends_where_training_does() -> None:
    """Catches a schedule over other epochs than its own, and one that is on where none is asked for."""
    annealed = built(epochs=4, schedule="cosine")
    rates = [annealed.rate_at(epoch) for epoch in range(5)]
    assert rates == pytest.approx([1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0]) and built().rate_at(1) == 1


def test_success_tells_learned_captions_from_others(tmp_path: Path) -> None:
    """Catches captions compared with other pictures' references, and a loss measured on the wrong side."""
    recipe = recipe_of(tmp_path, epochs=30)
    release, own = recipe.train(RECORDS, np.arange(12), 0), RECORDS.take(np.arange(12))
    others = RECORDS.take(np.arange(12, 24))
    mine, theirs = recipe.success(release, own), recipe.success(release, others)
    assert mine["rouge_l"] > theirs["rouge_l"] and mine["cross_entropy"] < theirs["cross_entropy"]


def test_an_untrained_captioner_has_statistics_of_other_pictures(tmp_path: Path) -> None:
    """Catches a control whose BatchNorm was left as it was built, or that trains words."""
    recipe = recipe_of(tmp_path)
    weights = recipe.untrained(RECORDS, 3).weights()
    initial = recipe.initial().model.state_dict()
    assert not np.allclose(weights["head_norm.running_mean"], 0)
    assert weights["decoder.output.weight"].shape == tuple(initial["decoder.output.weight"].shape)
    assert len(recipe.untrained(RECORDS, 3).captions(RECORDS)) == len(RECORDS)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("optimizer", "adamw"),
        ("augmentation", "blur"),
        ("contrastive_epochs", 2),
        ("epochs", 0),
        ("schedule", "linear"),
        ("word_weight", -1),
    ],
)
def test_an_option_out_of_range_names_its_field(option: str, value: object) -> None:
    """Catches a mistake that ends in a traceback."""
    with pytest.raises(InputError, match=rf"^objective\.{option}="):
        Captioning(built().model, **{"epochs": 2, "batch_size": 4, "learning_rate": 0.01, option: value})  # type: ignore[arg-type]
