"""Private training of language models: the gradients of single texts, their clipping, and what they hide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._python_dispatch import TorchDispatchMode

from telltale.defenses.dp_sgd import DPSGD
from telltale.owner.executor import Local
from telltale.owner.guarantee import guarantee_of
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch, make_batch
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.sizing import chunk_size
from telltale.training.private.accountant import epsilon_of
from telltale.training.private.bookkeeping import Bookkeeping
from telltale.training.private.modes import inexactness, mode_of
from telltale.training.private.one_by_one import each_alone, gradient_of
from telltale.training.private.outer import Outer
from telltale.training.private.problem import Problem
from tests.training.private.networks import flat
from tests.training.private.test_modes import by_hand
from tests.training.texts import CONTEXT, RECORDS, WORDS, model_of, objective_of, recipe_in, texts_of

MODELS: dict[str, dict[str, Any]] = {
    "tied, rotary": {},
    "tied, learned places": {"positions": "learned"},
    "two tables": {"tied": False, "positions": "learned"},
    "one block": {"layers": 1, "heads": 4},
}
TRANSFER = {"_target_": "telltale.objectives.transfer.Transfer", "classes": 4}
TUNED: dict[str, dict[str, Any]] = {
    "head": {"tune": "head"},
    "last block": {"tune": "last_k"},
    "all": {"tune": "all"},
    "low rank": {"tune": "lora"},
}


def objective_in_double(model: str = "tied, rotary", **options: Any) -> Any:
    objective = initial_objective(model_of(**MODELS[model]), objective_of(**options), 0).double()
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.mul_(4)  # initial weights are so small that hardly anything is attended to
    return objective


def batch_of(records: Any = RECORDS, number: int = 12, labels: bool = False) -> LabelledBatch:
    tokens = make_batch(records, np.arange(number))
    answers = torch.from_numpy(records.labels[:number]) if labels else tokens
    return LabelledBatch(tokens, answers, torch.zeros(number, dtype=torch.int64))


def norms(objective: Any, batch: LabelledBatch) -> Tensor:
    problem = Problem(objective)
    gradients = (gradient_of(problem, problem.state(), alone)[1] for alone in each_alone(batch))
    return torch.stack([flat(gradient).norm() for gradient in gradients])


@pytest.mark.parametrize("clip", [0.05, 1.0, 1e6])
@pytest.mark.parametrize("model", MODELS)
def test_bookkeeping_equals_a_loop_over_texts(model: str, clip: float) -> None:
    """Catches a term between tied layers that is left out, places whose gradient is the batch's, a shifted word."""
    objective, batch = objective_in_double(model), batch_of()
    expected, problem = by_hand(objective, batch, clip), Problem(objective)
    found = Bookkeeping()(problem, problem.state(), batch, clip)
    assert found.sums.keys() == expected.keys()
    for name, summed in expected.items():
        torch.testing.assert_close(found.sums[name], summed, rtol=1e-9, atol=1e-11)
    assert float(found.total) == pytest.approx(float(objective.record_losses(batch).sum().detach()))


@pytest.mark.parametrize("tuned", TUNED)
def test_a_classifier_of_texts_is_exact_whatever_part_of_it_is_tuned(tuned: str) -> None:
    """Catches norms that frozen parts count in, and a text's feature that another text changes."""
    options = objective_of(**TRANSFER, **TUNED[tuned], head_init=0.5)
    objective, batch = initial_objective(model_of(), options, 0).double(), batch_of(labels=True)
    with torch.no_grad():
        for name, parameter in objective.named_parameters():
            if name.endswith("up.weight"):  # 0 at first, so that nothing before them has a gradient
                parameter.fill_(0.1)
    expected, problem = by_hand(objective, batch, 0.5), Problem(objective)
    assert len(expected) == {"head": 2, "last block": 15, "all": 27, "low rank": 18}[tuned]
    found = Bookkeeping()(problem, problem.state(), batch, 0.5).sums
    for name, summed in expected.items():
        torch.testing.assert_close(found[name], summed, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_layers_choose_bookkeeping_and_it_is_exact(model: str) -> None:
    """Catches a rule that no layer is known by any more, so that training becomes slow and nobody hears of it."""
    objective = initial_objective(model_of(**MODELS[model]), objective_of(), 0)
    DPSGD(sigma=1.0, epsilon=None).prepare(objective)
    assert mode_of(objective) == "bookkeeping"
    assert [inexactness(mode, objective, batch_of()) for mode in ("bookkeeping", "vmap")] == ["", ""]


@pytest.mark.parametrize("model", ["tied, rotary", "two tables"])
def test_many_models_in_one_step_have_the_gradients_of_each(model: str) -> None:
    """Catches zeros added to outputs that have the shape of another batch."""
    objective = objective_in_double(model)
    problem, mode, batch = Problem(objective), Bookkeeping(stacked=True), batch_of()
    states = [{name: tensor * scale for name, tensor in problem.state().items()} for scale in (1.0, 0.7)]
    stacked = {name: torch.stack([state[name] for state in states]) for name in states[0]}

    def sums(state: Any, inputs: Tensor, labels: Tensor, keys: Tensor) -> dict[str, Tensor]:
        return mode(problem, state, LabelledBatch(inputs, labels, keys), 0.5).sums

    for shift in (0, 3):  # two batches, of which the second has shorter rows
        parts = [
            tensor[:, shift:] if tensor.ndim > 1 else tensor for tensor in (batch.inputs, batch.labels, batch.keys)
        ]
        found = vmap(sums)(stacked, *(torch.stack([part, part]) for part in parts))
        for place, state in enumerate(states):
            expected = Bookkeeping()(problem, state, LabelledBatch(*parts), 0.5).sums
            for name, summed in expected.items():
                torch.testing.assert_close(found[name][place], summed, rtol=1e-9, atol=1e-11)


def test_padding_contributes_nothing() -> None:
    """Catches pads that are predicted, looked up or attended to: rows of another length, the same sums."""
    short, long = texts_of(12, 3), texts_of(12, 3)
    padded = np.pad(long.tokens, ((0, 0), (0, 5)))
    objective = objective_in_double(model="tied, rotary")
    problem = Problem(objective)
    few = Bookkeeping()(problem, problem.state(), batch_of(short), 0.3)
    tokens = torch.from_numpy(padded)
    many = Bookkeeping()(problem, problem.state(), LabelledBatch(tokens, tokens, batch_of(short).keys), 0.3)
    torch.testing.assert_close(flat(many.sums.values()), flat(few.sums.values()), rtol=1e-9, atol=1e-12)
    untied = objective_in_double("two tables")
    sums = Bookkeeping()(Problem(untied), Problem(untied).state(), batch_of(short), 0.3).sums
    assert not sums["model.backbone.embedding.weight"][0].any()  # a pad's own row


def test_the_term_between_tied_layers_matters_here() -> None:
    """Catches texts in which it is so small that the tests above would not miss it."""
    objective, batch = objective_in_double(), batch_of()
    table = "model.backbone.embedding.weight"
    problem, untied = Problem(objective), objective_in_double("two tables", epochs=2)
    assert table in problem.trained and {table, "model.head.weight"} <= set(Problem(untied).trained)
    whole = norms(objective, batch)
    cross = _cross_term(objective, batch)
    assert (cross.abs() / whole.square()).max() > 0.01


def _cross_term(objective: Any, batch: LabelledBatch) -> Tensor:
    """2 ⟨G_in, G_out⟩ of each text, by autograd with a copy of the table in each place."""
    found = []
    model, table = objective.model, objective.model.backbone.embedding.weight
    for alone in each_alone(batch):
        length = int((alone.labels != 0).sum())
        after = table.detach().clone().requires_grad_()
        tokens = alone.labels[:, :length]
        logits = model.head(model.backbone.states(tokens[:, :-1]), after)
        loss = nn.functional.cross_entropy(logits[0], tokens[0, 1:])
        into, out = torch.autograd.grad(loss, (table, after))
        found.append(2 * (into * out).sum())
    return torch.stack(found)


def test_inner_products_of_rows_and_numbers_equal_those_of_matrices() -> None:
    """Catches a product of two kinds of outer products that is turned round: all four pairs, formed."""
    torch.manual_seed(0)
    places = torch.randint(0, 7, (3, 4)), torch.randn(3, 4, 5, dtype=torch.float64)
    numbers = torch.randn(3, 6, 7, dtype=torch.float64), torch.randn(3, 6, 5, dtype=torch.float64)
    outers = [Outer(*places), Outer(*numbers)]
    formed = [
        torch.einsum("btv,btw->bvw", nn.functional.one_hot(places[0], 7).double(), places[1]),
        torch.einsum("btv,btw->bvw", *numbers),
    ]
    factors = torch.rand(3, dtype=torch.float64)
    for one, matrix in zip(outers, formed, strict=True):
        torch.testing.assert_close(one.summed(factors, (7, 5)), (factors[:, None, None] * matrix).sum(0))
        for other, theirs in zip(outers, formed, strict=True):
            torch.testing.assert_close(one.inner(other), (matrix * theirs).sum((1, 2)))


def test_no_table_is_formed_for_each_text() -> None:
    """Catches a gradient of texts x vocabulary x width, which a vocabulary of 50,000 would not leave room for."""
    texts, vocabulary, width = 12, 900, 32
    model = {**model_of(vocabulary=vocabulary), "width": width}
    objective = initial_objective(model, objective_of(), 0)
    problem, largest = Problem(objective), Largest()
    with largest, torch.no_grad():
        Bookkeeping()(problem, problem.state(), batch_of(number=texts), 1.0)
    assert texts * CONTEXT * vocabulary >= largest.numbers > texts * vocabulary
    assert largest.numbers < texts * vocabulary * width / 2


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that is made inside."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return made


def test_the_clip_bounds_what_one_text_adds() -> None:
    """Planted: a text that the model finds all but impossible, whose gradient is many times the others'."""
    objective, batch = objective_in_double(), batch_of()
    with torch.no_grad():
        objective.model.backbone.embedding.weight[WORDS - 1] *= 300
    loud = batch.labels.clone()
    loud[0, 1:] = WORDS - 1
    planted = LabelledBatch(loud, loud, batch.keys)
    problem, mode = Problem(objective), Bookkeeping()
    size, clip = norms(objective, planted)[0], 0.5
    assert size > 20 * clip
    sums = mode(problem, problem.state(), planted, clip).sums
    without = mode(problem, problem.state(), planted, clip, torch.arange(12) > 0).sums
    added = flat(sums.values()) - flat(without.values())
    assert float(added.norm()) == pytest.approx(clip, rel=1e-6)
    unclipped = mode(problem, problem.state(), planted, 1e9).sums
    assert float(flat(unclipped.values()).norm()) > 10 * clip


def test_a_private_language_model_spends_what_it_says_and_says_it_of_texts(tmp_path: Path) -> None:
    """Catches an account that texts change, and a fit whose self-test is left out."""
    defense = DPSGD(epsilon=None, sigma=1.3, clip=0.5)
    recipe = recipe_in(tmp_path).protect(defense)
    release = recipe.train(RECORDS, np.arange(40), 1)
    guarantee = guarantee_of(recipe.recipe, recipe.store, [release], "text")
    assert guarantee is not None and guarantee["unit"] == "one text added or removed"
    assert guarantee["epsilon"] == pytest.approx(epsilon_of(1.3, 8 / 40, 2 * 5, 1e-5, "rdp"))
    tests = list((tmp_path / "private_self_test").glob("*/passed.json"))
    assert len(tests) == 1


def test_no_release_holds_counts_of_tokens_and_private_training_keeps_none(tmp_path: Path) -> None:
    """Catches counts of the members' tokens, exact and without noise, beside weights that are private."""
    rows = np.stack([np.arange(len(RECORDS)) < 30, np.arange(len(RECORDS)) >= 30])
    counts = []
    plain = recipe_in(tmp_path, executor=Local(way="stacked"))
    for name, recipe in (("private", plain.protect(DPSGD(epsilon=None, sigma=0.8))), ("plain", plain)):
        for release in recipe.train_many(RECORDS, rows, [3, 4]):
            stored = load_file(recipe.store.weights(release.entry))
            assert {f"model.{part}" for part in release.weights()} == {part for part in stored if part[:6] == "model."}
            assert "counts" not in release.weights()
            counts.append(int(stored["counts"].sum()))
            assert ("unigram_perplexity" in recipe.success(release, RECORDS)) == (name == "plain")
    assert counts[:2] == [0, 0] and min(counts[2:]) > 100


@pytest.mark.parametrize("executor", [Local(), Local(way="stacked"), Local(chunk=1)])
def test_a_private_fleet_equals_its_single_runs(executor: Local, tmp_path: Path) -> None:
    """Catches samples or noise of another model, pads that fill a batch up, and a chunk's place in a draw."""
    defense = DPSGD(epsilon=None, sigma=0.8)
    rows = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 30 for k in range(2)])
    together = recipe_in(tmp_path / "fleet", executor=executor).protect(defense).train_many(RECORDS, rows, [3, 4])
    alone = recipe_in(tmp_path / "alone").protect(defense)
    for release, row, seed in zip(together, rows, (3, 4), strict=True):
        single = alone.train(RECORDS, np.flatnonzero(row), seed).weights()
        for name, value in release.weights().items():
            np.testing.assert_allclose(value, single[name], rtol=0, atol=2e-4)


def test_a_fleet_of_texts_that_was_interrupted_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """Catches optimisers, orders or counts of tokens that a checkpoint forgets."""
    rows = np.stack([np.random.default_rng(k).permutation(len(RECORDS)) < 20 for k in range(3)])
    objective = objective_of(epochs=4)
    whole = recipe_in(tmp_path / "whole", objective=objective).train_many(RECORDS, rows, [1, 2, 3])
    recipe = recipe_in(tmp_path / "stopped", objective=objective)
    with pytest.raises(KeyboardInterrupt):
        recipe.replace(on_epoch=_stop).train_many(RECORDS, rows, [1, 2, 3])
    again = recipe.train_many(RECORDS, rows, [1, 2, 3])
    for one, other in zip(whole, again, strict=True):
        assert all(np.array_equal(value, other.weights()[name]) for name, value in one.weights().items())


def _stop(_: dict[str, float], epoch: int) -> None:
    if epoch == 2:
        raise KeyboardInterrupt


def test_chunks_of_texts_are_as_large_as_memory_allows() -> None:
    """Catches a size that counts no activations, and a private one that forms each text's table."""
    data = fleet_data()
    small, large = (initial_objective(model_of(**size), objective_of(), 0) for size in ({}, {"width": 64}))
    sizes = [chunk_size(objective, data, "cpu", "stacked") for objective in (small, large)]
    assert sizes[0] > 2 * sizes[1] > 0
    wide = initial_objective(model_of(vocabulary=20_000), objective_of(batch_size=64), 0)
    DPSGD(sigma=1.0, epsilon=None).prepare(wide)
    wide.private.use("bookkeeping")
    unformed = wide.private.extra_bytes(wide)
    wide.private.use("vmap")
    assert wide.private.extra_bytes(wide) > 20 * unformed


def fleet_data() -> FleetData:
    tokens = torch.from_numpy(RECORDS.tokens)
    return FleetData(tokens, tokens, RECORDS.fingerprints(), np.arange(20)[None], (0,))
