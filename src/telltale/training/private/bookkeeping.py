"""Gradient mode `bookkeeping`: one forward and one backward pass for norms and sums (after Bu et al. 2023).

The backward pass stops at the outputs of layers: it gives g, the gradient there, and no layer's weights. From g and
the layer's input a follow both the norm of each record's gradient and, once the clip factors are known, the sum of
clipped gradients as one product. A normal step forms that product too, so privacy costs the norms only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad
from torch.nn.functional import group_norm, layer_norm, pad

from telltale.data.molecules.batch import MoleculeBatch
from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective
from telltale.training.private.graph_rules import GRAPH_RULES, graph_rules
from telltale.training.private.problem import CannotError, Clipped, Problem, State, clip_factors, total_of

# for each parameter of a layer: squared norms (records,) and what turns factors (records,) into the clipped sum
Parts = Mapping[str, tuple[Tensor, Callable[[Tensor], Tensor]]]

Layers = Mapping[str, nn.Module]
Differentiated = tuple[Tensor, Mapping[str, Tensor], Mapping[str, Tensor]]  # losses; inputs and g of layers by name


class Bookkeeping:
    """The mode for networks of linear layers, convolutions and normalisations of a record alone.

    stacked: whether it runs inside torch.func.vmap. Autograd does not reach the outputs of layers there, so zeros are
    added to them, whose gradient is theirs.
    """

    def __init__(self, stacked: bool = False) -> None:
        self.differentiated = self._by_probes if stacked else self._by_outputs
        self.shapes: dict[str, torch.Size] = {}  # of each layer's output for one record, where zeros are added

    def __call__(
        self, problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None
    ) -> Clipped:
        """Clip and add up the gradients of a batch's records. Raises CannotError for layers it does not know."""
        if isinstance(batch.inputs, MoleculeBatch):  # every atom is a row of a layer
            batch = replace(batch, inputs=batch.inputs.apart())
        rules = graph_rules(batch.inputs) if isinstance(batch.inputs, MoleculeBatch) else RULES
        layers = _layers(problem, rules)
        losses, inputs, gradients = self.differentiated(problem, state, batch, layers)
        parts = {
            f"{name}.{parameter}": part
            for name, layer in layers.items()
            for parameter, part in rules[type(layer)](layer, inputs[name], gradients[name]).items()
            if f"{name}.{parameter}" in problem.trained
        }
        factors = clip_factors(torch.stack([square for square, _ in parts.values()]).sum(0), clip, taken)
        return Clipped(total_of(losses, taken), {name: parts[name][1](factors) for name in problem.trained})

    def _by_outputs(self, problem: Problem, state: State, batch: LabelledBatch, layers: Layers) -> Differentiated:
        trained, rest = problem.split(state)
        with torch.enable_grad(), _tapped(layers, {}) as (inputs, outputs):
            leaves = {name: parameter.detach().requires_grad_() for name, parameter in trained.items()}
            losses = problem.losses({**leaves, **rest}, batch)
            _require_one_use(layers, outputs)
            gradients = torch.autograd.grad(losses.sum(), [outputs[name][0] for name in layers])
        detached = {name: inputs[name][0].detach() for name in layers}
        return losses.detach(), detached, dict(zip(layers, gradients, strict=True))

    def _by_probes(self, problem: Problem, state: State, batch: LabelledBatch, layers: Layers) -> Differentiated:
        if not self.shapes:
            with _tapped(layers, {}) as (_, outputs):
                problem.losses(state, batch)
            self.shapes = {name: output[0].shape[1:] for name, output in outputs.items()}
        like = state[problem.trained[0]]
        probes = {name: like.new_zeros(len(batch), *shape) for name, shape in self.shapes.items()}

        def total(probes: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
            with _tapped(layers, probes) as (inputs, outputs):
                losses = problem.losses(state, batch)
            _require_one_use(layers, outputs)
            return losses.sum(), (losses, {name: tensors[0] for name, tensors in inputs.items()})

        gradients, (losses, inputs) = grad(total, has_aux=True)(probes)
        return losses, inputs, gradients


def knows_layers(objective: Objective) -> bool:
    """Say whether there is a rule for every layer of an objective that is trained."""
    try:
        _layers(Problem(objective), GRAPH_RULES if objective.model.accepts == "molecules" else RULES)
    except CannotError:
        return False
    return True


def _layers(problem: Problem, rules: Mapping[type, Any]) -> dict[str, nn.Module]:
    """Return the layers that hold what is trained."""
    trained, layers = set(problem.trained), dict[str, nn.Module]()
    for name, module in problem.objective.named_modules():
        composite = type(module) in rules  # with all that is inside
        parameters = {parameter for parameter, _ in module.named_parameters(name, recurse=composite)}
        if parameters & trained:
            if not composite or (isinstance(module, nn.Conv2d) and not _plain(module)):
                raise CannotError(f"bookkeeping has no rule for {type(module).__name__}")
            layers[name] = module
            trained -= parameters
    return layers


def _plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _require_one_use(layers: Layers, outputs: Mapping[str, list[Tensor]]) -> None:
    if any(len(uses) != 1 for uses in outputs.values()) or outputs.keys() != layers.keys():
        raise CannotError("bookkeeping wants every layer to be used exactly once")


@contextmanager
def _tapped(
    layers: Layers, probes: Mapping[str, Tensor]
) -> Iterator[tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]]:
    """Keep the inputs and outputs of layers inside, by name, and add zeros to outputs, whose gradient is theirs."""
    inputs: dict[str, list[Tensor]] = {}
    outputs: dict[str, list[Tensor]] = {}

    def tap(name: str) -> Callable[..., Tensor]:
        def keep(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            inputs.setdefault(name, []).append(arguments[0])
            outputs.setdefault(name, []).append(output)
            return output + probes[name] if name in probes else output

        return keep

    hooks = [layer.register_forward_hook(tap(name)) for name, layer in layers.items()]
    try:
        yield inputs, outputs
    finally:
        for hook in hooks:
            hook.remove()


def _linear(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """∂L/∂W = Σ_t g_t a_tᵀ: of one row ‖g‖² ‖a‖² without forming it."""
    if a.ndim == 2:
        size = g.square().sum(1)
        weight = (size * a.square().sum(1), lambda factors: (g * factors[:, None]).mT @ a)
        return {"weight": weight, "bias": (size, lambda factors: factors @ g)}
    return _products(g.flatten(1, -2).mT, a.flatten(1, -2).mT, layer.weight.shape)


def _convolution(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """A linear layer on the patches of a picture: t counts positions."""
    after, before, *kernel = layer.weight.shape
    g_rows, shape = g.permute(0, 2, 3, 1).flatten(1, 2).mT, (after, *kernel, before)
    parts = _products(g_rows, _patches(layer, a, g.shape[2:]), shape)
    square, summed = parts["weight"]
    return {**parts, "weight": (square, lambda factors: summed(factors).movedim(3, 1).contiguous())}


def _patches(layer: Any, pictures: Tensor, size: torch.Size) -> Tensor:
    """Cut pictures into what a convolution sees at each position: (records, height * width * channels, positions).

    Slices are several times faster than torch's unfold on CPUs.
    """
    (height, width), (down, right), (row, column) = layer.padding, layer.stride, layer.dilation
    framed = pad(pictures, (width, width, height, height))
    slices = [
        framed[:, :, y : y + down * (size[0] - 1) + 1 : down, x : x + right * (size[1] - 1) + 1 : right]
        for y in range(0, row * layer.kernel_size[0], row)
        for x in range(0, column * layer.kernel_size[1], column)
    ]
    return torch.cat(slices, 1).flatten(2)


def _products(g: Tensor, a: Tensor, shape: Sequence[int]) -> Parts:
    """Gradients of a layer used at many positions: g (records, out, positions), a (records, in, positions)."""
    bias = g.sum(2)
    parts: Parts = {"bias": (bias.square().sum(1), lambda factors: factors @ bias)}
    if 2 * g.shape[2] ** 2 < g.shape[1] * a.shape[1]:  # Gram matrices are smaller than gradients
        square = ((a.mT @ a) * (g.mT @ g)).sum((1, 2))
        return {**parts, "weight": (square, lambda f: _summed(g * f[:, None, None], a).view(shape))}
    each = (g @ a.mT).flatten(1)
    return {**parts, "weight": (each.square().sum(1), lambda factors: (factors @ each).view(shape))}


def _summed(g: Tensor, a: Tensor) -> Tensor:
    return g.transpose(0, 1).flatten(1) @ a.transpose(0, 1).flatten(1).mT


def _group_norm(layer: Any, a: Tensor, g: Tensor) -> Parts:
    # contiguous: torch's kernel for channels last is several times slower than the copy
    return _scale_and_shift(g, group_norm(a.contiguous(), layer.num_groups, eps=layer.eps), tuple(range(2, a.ndim)))


def _layer_norm(layer: Any, a: Tensor, g: Tensor) -> Parts:
    between = tuple(range(1, a.ndim - len(layer.normalized_shape)))
    return _scale_and_shift(g, layer_norm(a, layer.normalized_shape, eps=layer.eps), between)


def _scale_and_shift(g: Tensor, normal: Tensor, positions: tuple[int, ...]) -> Parts:
    """y = γ x̂ + β: ∂L/∂γ = Σ_t g_t x̂_t and ∂L/∂β = Σ_t g_t, both small enough to be formed for each record."""
    scale, shift = ((term.sum(positions) if positions else term) for term in (g * normal, g))
    return {"weight": _formed(scale), "bias": _formed(shift)}


def _formed(each: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    return each.flatten(1).square().sum(1), lambda factors: (factors @ each.flatten(1)).view(each.shape[1:])


RULES: dict[type, Callable[[Any, Tensor, Tensor], Parts]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
}
