"""Every gradient mode clips and adds up the gradients of single records, for every model it says it can do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from telltale.defenses.dp_sgd import DPSGD
from telltale.training.private.bookkeeping import Bookkeeping
from telltale.training.private.layer_rules import RULES
from telltale.training.private.modes import MODES, STACKABLE, inexactness, mode_of
from telltale.training.private.one_by_one import doubled, each_alone
from telltale.training.private.problem import CannotError, Problem, clip_factors
from tests.training.private.networks import ENCODERS, MODELS, batch_of, flat, objective_of

PICTURES = [name for name in MODELS if name not in ENCODERS]


def by_hand(objective: nn.Module, batch: object, clip: float) -> dict[str, torch.Tensor]:
    """A loop over records, each in a batch of its own, by plain autograd."""
    sums = {name: torch.zeros_like(one) for name, one in objective.named_parameters() if one.requires_grad}
    for alone in each_alone(batch):  # type: ignore[arg-type]
        objective.zero_grad()
        objective(alone).backward()
        own = {name: one.grad for name, one in objective.named_parameters() if one.requires_grad}
        norm = float(torch.stack([one.square().sum() for one in own.values()]).sum().sqrt())
        for name, one in own.items():
            sums[name] += one * min(1.0, clip / norm)
    return sums


@pytest.mark.parametrize("clip", [0.3, 3.0, 1e6])
@pytest.mark.parametrize("mode", ["bookkeeping", "vmap", "hooks", "ghost", "one_by_one"])
@pytest.mark.parametrize("model", PICTURES)
def test_every_mode_equals_a_loop_over_records(model: str, mode: str, clip: float) -> None:
    """Catches a layer's rule that is off, norms of a layer in place of the network's, and clipping of the mean."""
    objective, batch = objective_of(model).double(), doubled(batch_of(model))
    expected = by_hand(objective, batch, clip)
    problem = Problem(objective)
    found = MODES[mode]()(problem, problem.state(), batch, clip)
    for name, one in expected.items():
        # Opacus divides by the norm and a millionth
        torch.testing.assert_close(found.sums[name], one, rtol=1e-5, atol=1e-6 * float(one.abs().max()))
    assert float(found.total) == pytest.approx(float(objective.record_losses(batch).sum().detach()))


@pytest.mark.parametrize("mode", ["bookkeeping", "vmap"])
@pytest.mark.parametrize("model", ENCODERS)
def test_a_graph_is_one_record_whichever_others_are_in_the_batch(model: str, mode: str) -> None:
    """Catches padding that sends messages, and gradients of atoms in place of molecules: equal to 1e-6."""
    objective, batch = objective_of(model).double(), batch_of(model)
    expected, problem = by_hand(objective, batch, 0.5), Problem(objective)
    if model == "gat" and mode == "bookkeeping":  # its attention is a parameter that belongs to no layer
        with pytest.raises(CannotError, match="no rule for GATConvolution"):
            MODES[mode]()(problem, problem.state(), batch, 0.5)
        return
    found = MODES[mode]()(problem, problem.state(), batch, 0.5)
    for name, one in expected.items():
        torch.testing.assert_close(found.sums[name], one, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
def test_modes_that_would_take_atoms_for_records_are_refused_for_graphs(mode: str) -> None:
    """Catches an epsilon that would hold for an atom only."""
    assert "see atoms" in inexactness(mode, objective_of("gin"), batch_of("gin"))


def test_hooks_that_misread_pictures_with_channels_last_are_found_out() -> None:
    """Catches Opacus's convolutions on that layout of memory, which one channel is enough to bring about."""
    batch = batch_of("cnn")
    last = replace(batch, inputs=batch.inputs.as_strided(batch.inputs.shape, (64, 1, 8, 1)))
    first = replace(batch, inputs=batch.inputs.as_strided(batch.inputs.shape, (64, 64, 8, 1)))
    assert torch.equal(last.inputs, first.inputs)
    for name, one in (("last", last), ("first", first)):
        assert not inexactness("bookkeeping", objective_of("cnn"), one)
        assert bool(inexactness("hooks", objective_of("cnn"), one)) == (name == "last")


@pytest.mark.parametrize("model", [name for name in PICTURES if name != "linear"])
def test_the_modes_of_fleets_are_exact_for_every_network(model: str) -> None:
    """Catches a mode that drops out, so that fleets become slow and nobody hears of it."""
    assert [inexactness(mode, objective_of(model), batch_of(model)) for mode in STACKABLE] == ["", ""]


@pytest.mark.parametrize("model", MODELS)
def test_the_mode_that_layers_choose_is_exact(model: str) -> None:
    """Catches a rule that is named for a layer it does not know, and a choice that anything but layers decides."""
    objective = objective_of(model)
    DPSGD(sigma=1.0, epsilon=None).prepare(objective)
    assert mode_of(objective) == ("vmap" if model == "gat" else "bookkeeping")
    assert not inexactness(mode_of(objective), objective_of(model), batch_of(model))


def test_batch_norm_is_found_out_by_the_check_itself() -> None:
    """Catches a check that compares a mode with itself: with BatchNorm no mode equals one record at a time."""
    objective = objective_of("cnn, group")
    for name, module in list(objective.model.backbone.layers.named_children()):
        if isinstance(module, nn.GroupNorm):
            objective.model.backbone.layers[int(name)] = nn.BatchNorm2d(module.num_channels, affine=False)
    assert inexactness("hooks", objective, batch_of("cnn, group"))


class Twice(nn.Module):
    def __init__(self, shared: bool) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(16, 16), nn.Linear(16, 16) if shared else None
        if self.other is not None:
            self.other.weight = self.layer.weight

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (self.other or self.layer)(self.layer(values).tanh())


@pytest.mark.parametrize("shared", [False, True])
def test_weights_used_twice_are_counted_with_what_their_uses_have_in_common(shared: bool) -> None:
    """Catches gradients of which one use is counted, and norms without the term between two; two layers, or one."""
    objective, batch = objective_of("mlp"), doubled(batch_of("mlp"))
    objective.model.backbone.layers = nn.Sequential(*objective.model.backbone.layers, Twice(shared))
    assert not inexactness("bookkeeping", objective, batch)
    expected, problem = by_hand(objective.double(), batch, 0.5), Problem(objective)
    found = Bookkeeping()(problem, problem.state(), batch, 0.5).sums
    assert found.keys() == expected.keys()
    torch.testing.assert_close(flat(found.values()), flat(expected.values()), rtol=1e-9, atol=1e-12)


def test_a_convolution_used_twice_and_a_bare_parameter_are_not_done_by_bookkeeping() -> None:
    """Catches gradients of which only one use is counted."""
    objective, batch = objective_of("cnn, group"), batch_of("cnn, group")
    again = nn.Conv2d(1, 1, 3, padding=1)
    objective.model.backbone.layers = nn.Sequential(again, again, *objective.model.backbone.layers)
    problem = Problem(objective)
    with pytest.raises(CannotError, match="exactly once"):
        Bookkeeping()(problem, problem.state(), batch, 1.0)
    objective, batch = objective_of("mlp"), batch_of("mlp")
    objective.scale = nn.Parameter(torch.ones(3))
    with pytest.raises(CannotError, match="no rule for Classification"):
        Bookkeeping()(Problem(objective), Problem(objective).state(), batch, 1.0)


def test_frozen_parameters_get_no_gradient_and_count_in_no_norm() -> None:
    """Catches a backbone whose gradient shrinks what the head may learn."""
    objective, batch = objective_of("mlp").double(), doubled(batch_of("mlp"))
    objective.model.backbone.requires_grad_(False)
    expected, problem = by_hand(objective, batch, 0.5), Problem(objective)
    assert set(expected) == {"model.head.weight", "model.head.bias"}
    for mode in MODES:
        found = MODES[mode]()(problem, problem.state(), batch, 0.5).sums
        assert found.keys() == expected.keys()
        torch.testing.assert_close(flat(found.values()), flat(expected.values()), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_what_fills_a_batch_up_counts_nowhere(mode: str) -> None:
    """Catches padding that is trained on."""
    objective, batch = objective_of("mlp").double(), doubled(batch_of("mlp"))
    problem, taken = Problem(objective), torch.arange(12) < 7
    whole = MODES[mode]()(problem, problem.state(), batch, 0.5, taken)
    few = MODES[mode]()(problem, problem.state(), doubled(batch_of("mlp", 7)), 0.5)
    torch.testing.assert_close(flat(whole.sums.values()), flat(few.sums.values()), rtol=1e-5, atol=1e-8)
    assert float(whole.total) == pytest.approx(float(few.total))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 1),
    st.integers(1, 2),
    st.integers(4, 9),
    st.booleans(),
)
def test_the_rule_of_convolutions_equals_autograd(
    records: int, before: int, after: int, kernel: int, padding: int, stride: int, side: int, bias: bool
) -> None:
    """Catches Gram matrices and formed gradients that differ, by kernel, stride, padding and size."""
    torch.manual_seed(records + side)
    layer = nn.Conv2d(before, after, kernel, stride, padding, bias=bias).double()
    _holds(layer, torch.randn(records, before, side, side, dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 5), st.lists(st.integers(1, 4), max_size=2), st.integers(1, 4), st.sampled_from(["linear", "norm"])
)
def test_the_rules_of_linear_layers_and_normalisation_equal_autograd(
    records: int, between: list[int], width: int, kind: str
) -> None:
    """Catches a sum over the wrong axis where a layer is used at several positions of a record."""
    layer = nn.Linear(width, 3) if kind == "linear" else nn.LayerNorm(width)
    _holds(layer.double(), torch.randn(records, *between, width, dtype=torch.float64))


def _holds(layer: nn.Module, inputs: torch.Tensor) -> None:
    output = layer(inputs)
    g = torch.randn_like(output)
    factors = torch.rand(len(inputs), dtype=torch.float64)
    for name, (squares, summed, _) in RULES[type(layer)](layer, inputs, g).items():
        if getattr(layer, name) is None:
            continue
        each = [
            torch.autograd.grad((layer(inputs[k : k + 1]) * g[k : k + 1]).sum(), getattr(layer, name))[0]
            for k in range(len(inputs))
        ]
        torch.testing.assert_close(squares, torch.stack([one.square().sum() for one in each]))
        torch.testing.assert_close(summed(factors), sum(f * one for f, one in zip(factors, each, strict=True)))


NORMS = st.just(0.0) | st.floats(1e-9, 1e6)  # squares of much smaller ones are 0


@given(st.lists(NORMS, min_size=1, max_size=9), st.just(0.0) | st.floats(1e-9, 1e3))
def test_no_record_adds_more_than_the_clip(norms: list[float], clip: float) -> None:
    """Catches a factor of norms near zero, and one above 1 that would enlarge small gradients."""
    values = torch.tensor(norms, dtype=torch.float64)
    factors = clip_factors(values.square(), clip, None)
    assert (factors >= 0).all() and (factors <= 1).all() and torch.isfinite(factors).all()
    assert (factors * values <= clip * (1 + 1e-9)).all()
    small = values <= clip
    assert clip == 0 or np.allclose(factors[small], 1)
