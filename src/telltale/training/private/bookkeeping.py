"""Gradient mode `bookkeeping`: one forward and one backward pass for norms and sums (after Bu et al. 2023).

The backward pass stops at the outputs of layers: it gives g, the gradient there, and no layer's weights. From g and
the layer's input a follow both the norm of each record's gradient and, once the clip factors are known, the sum of
clipped gradients as one product. A normal step forms that product too, so privacy costs the norms only. Weights that
several layers share, or a layer that is used several times, get the terms between their uses too (`outer.together`).
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
from telltale.models.text_backbone import Unembedding
from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective
from telltale.training.private.graph_rules import GRAPH_RULES, graph_rules
from telltale.training.private.outer import Outer, Part, formed, of_outer, together
from telltale.training.private.problem import CannotError, Clipped, Problem, State, clip_factors, total_of

Parts = Mapping[str, Part]  # of one use of a layer, by the names of its parameters
Layers = Mapping[str, nn.Module]
Uses = Mapping[str, Sequence[Tensor]]  # a tensor for each use of a layer, by its name
Borrowed = dict[str, str]  # names of parameters that layers are handed, by those that the layers have for them
Differentiated = tuple[Tensor, Uses, Uses, Borrowed]  # losses; inputs and g of layers


class Bookkeeping:
    """The mode for networks of linear layers, convolutions, embeddings and normalisations of a record alone.

    stacked: whether it runs inside torch.func.vmap. Autograd does not reach the outputs of layers there, so zeros are
    added to them, whose gradient is theirs.
    """

    def __init__(self, stacked: bool = False) -> None:
        self.differentiated = self._by_probes if stacked else self._by_outputs
        # of outputs, for zeros to add, and what is borrowed: by the shapes of a batch
        self.shapes: dict[object, tuple[dict[str, list[torch.Size]], Borrowed]] = {}

    def __call__(
        self, problem: Problem, state: State, batch: LabelledBatch, clip: float, taken: Tensor | None = None
    ) -> Clipped:
        """Clip and add up the gradients of a batch's records. Raises CannotError for layers it does not know."""
        if isinstance(batch.inputs, MoleculeBatch):  # every atom is a row of a layer
            batch = replace(batch, inputs=batch.inputs.apart())
        rules = graph_rules(batch.inputs) if isinstance(batch.inputs, MoleculeBatch) else RULES
        layers, names = _layers(problem, rules), _shared_names(problem.objective)
        losses, inputs, gradients, borrowed = self.differentiated(problem, state, batch, layers)
        names |= borrowed
        trained, found = set(problem.trained), dict[str, list[Part]]()
        for layer, module in layers.items():
            for a, g in zip(inputs[layer], gradients[layer], strict=True):
                for parameter, part in rules[type(module)](module, a, g).items():
                    if (name := names.get(f"{layer}.{parameter}")) in trained:
                        found.setdefault(str(name), []).append(part)
        if any(part.square.shape != losses.shape for parts in found.values() for part in parts):
            raise CannotError("bookkeeping wants layers that see each record by itself")
        parts = {name: together(uses) for name, uses in found.items()}
        factors = clip_factors(torch.stack([part.square for part in parts.values()]).sum(0), clip, taken)
        return Clipped(total_of(losses, taken), {name: parts[name].summed(factors) for name in problem.trained})

    def _by_outputs(self, problem: Problem, state: State, batch: LabelledBatch, layers: Layers) -> Differentiated:
        trained, rest = problem.split(state)
        with torch.enable_grad(), _tapped(layers, {}) as (inputs, outputs, handed):
            leaves = {name: parameter.detach().requires_grad_() for name, parameter in trained.items()}
            losses = problem.losses({**leaves, **rest}, batch)
            _require_all_used(layers, outputs)
            flat = torch.autograd.grad(losses.sum(), [output for name in layers for output in outputs[name]])
        detached = {name: [one.detach() for one in inputs[name]] for name in layers}
        of_each = iter(flat)
        gradients = {name: [next(of_each) for _ in outputs[name]] for name in layers}
        return losses.detach(), detached, gradients, _borrowed(handed, leaves)

    def _by_probes(self, problem: Problem, state: State, batch: LabelledBatch, layers: Layers) -> Differentiated:
        size = (batch.inputs.shape, batch.labels.shape)
        if size not in self.shapes:
            with _tapped(layers, {}) as (_, outputs, handed):
                problem.losses(state, batch)
            _require_all_used(layers, outputs)
            shapes = {name: [output.shape for output in of] for name, of in outputs.items()}
            self.shapes[size] = shapes, _borrowed(handed, problem.split(state)[0])
        like, (shapes, borrowed) = state[problem.trained[0]], self.shapes[size]
        probes = {name: [like.new_zeros(shape) for shape in of] for name, of in shapes.items()}

        def total(probes: Uses) -> tuple[Tensor, tuple[Tensor, dict[str, list[Tensor]]]]:
            with _tapped(layers, probes) as (inputs, _, _):
                losses = problem.losses(state, batch)
            return losses.sum(), (losses, inputs)

        gradients, (losses, inputs) = grad(total, has_aux=True)(probes)
        return losses, inputs, gradients, borrowed


def knows_layers(objective: Objective) -> bool:
    """Say whether there is a rule for every layer of an objective that is trained."""
    try:
        _layers(Problem(objective), GRAPH_RULES if objective.model.accepts == "molecules" else RULES)
    except CannotError:
        return False
    return True


def _layers(problem: Problem, rules: Mapping[type, Any]) -> dict[str, nn.Module]:
    """Return the layers that hold what is trained."""
    names, trained, layers = _shared_names(problem.objective), set(problem.trained), dict[str, nn.Module]()
    held: set[str] = set()
    for name, module in problem.objective.named_modules():
        composite = type(module) in rules  # with all that is inside
        inside = {parameter for parameter, _ in module.named_parameters(name, recurse=composite)}
        parameters = {parameter for parameter in inside - held if names[parameter] in trained}
        if parameters or type(module) in BORROWERS:
            if not composite or (isinstance(module, nn.Conv2d) and not _plain(module)):
                raise CannotError(f"bookkeeping has no rule for {type(module).__name__}")
            layers[name] = module
            held |= parameters
    return layers


def _shared_names(objective: nn.Module) -> dict[str, str]:
    """Return the first name of each parameter by all of its names: layers may share one."""
    first: dict[int, str] = {}
    named = objective.named_parameters(remove_duplicate=False)
    return {name: first.setdefault(id(parameter), name) for name, parameter in named}


def _plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _require_all_used(layers: Layers, outputs: Uses) -> None:
    if outputs.keys() != layers.keys():
        raise CannotError("bookkeeping wants every layer to be used")


def _borrowed(handed: Mapping[str, Tensor], trained: State) -> Borrowed:
    """Name the parameters that layers are handed: tensors of the state, or nothing that is trained."""
    names = {id(tensor): name for name, tensor in trained.items()}
    if any(id(tensor) not in names and tensor.requires_grad for tensor in handed.values()):
        raise CannotError("bookkeeping does not know what a layer's weights are made of")
    return {layer: names[id(tensor)] for layer, tensor in handed.items() if id(tensor) in names}


@contextmanager
def _tapped(
    layers: Layers, probes: Uses
) -> Iterator[tuple[dict[str, list[Tensor]], dict[str, list[Tensor]], dict[str, Tensor]]]:
    """Keep the inputs and outputs of layers inside, by name, and the weights that they are handed.

    Zeros are added to outputs, whose gradient is theirs.
    """
    inputs: dict[str, list[Tensor]] = {}
    outputs: dict[str, list[Tensor]] = {}
    handed: dict[str, Tensor] = {}

    def tap(name: str) -> Callable[..., Tensor]:
        def keep(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            uses = outputs.setdefault(name, [])
            uses.append(output + probes[name][len(uses)] if name in probes else output)
            inputs.setdefault(name, []).append(arguments[0])
            if type(layers[name]) in BORROWERS:
                handed[f"{name}.{HANDED}"] = arguments[1]
            return uses[-1]

        return keep

    hooks = [layer.register_forward_hook(tap(name)) for name, layer in layers.items()]
    try:
        yield inputs, outputs, handed
    finally:
        for hook in hooks:
            hook.remove()


def _linear(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """∂L/∂W = Σ_t g_t a_tᵀ: of one row ‖g‖² ‖a‖² without forming it."""
    if a.ndim == 2:
        size = g.square().sum(1)
        outer, product = Outer(g[:, None], a[:, None]), lambda factors: (g * factors[:, None]).mT @ a
        return {"weight": Part(size * a.square().sum(1), product, outer), "bias": formed(g)}
    g, a = g.flatten(1, -2), a.flatten(1, -2)
    weight = Outer(g, a)
    if 2 * g.shape[1] ** 2 < g.shape[2] * a.shape[2]:  # Gram matrices are smaller than gradients
        return {"weight": of_outer(weight, layer.weight.shape), "bias": formed(g.sum(1))}
    return {"weight": formed(g.mT @ a)._replace(outer=weight), "bias": formed(g.sum(1))}


def _embedding(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """∂L/∂E = Σ_t e_a(t) g_tᵀ: words that a text repeats meet in one entry, and no other text's."""
    a, g = a.flatten(1), g.flatten(1, -2)
    if layer.padding_idx is not None:
        g = g * (a != layer.padding_idx)[..., None]
    return {"weight": of_outer(Outer(a, g), layer.weight.shape)}


def _unembedding(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """A linear layer with the weights of another."""
    shape = torch.Size((g.shape[-1], a.shape[-1]))
    return {HANDED: of_outer(Outer(g.flatten(1, -2), a.flatten(1, -2)), shape)}


def _convolution(layer: Any, a: Tensor, g: Tensor) -> Parts:
    """A linear layer on the patches of a picture: t counts positions."""
    after, before, *kernel = layer.weight.shape
    g_rows, shape = g.permute(0, 2, 3, 1).flatten(1, 2).mT, (after, *kernel, before)
    parts = _products(g_rows, _patches(layer, a, g.shape[2:]), shape)
    square, summed, _ = parts["weight"]
    return {**parts, "weight": Part(square, lambda factors: summed(factors).movedim(3, 1).contiguous())}


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
    """Gradients of a convolution, used at many positions: g (records, out, positions), a (records, in, positions)."""
    parts: Parts = {"bias": formed(g.sum(2))}
    if 2 * g.shape[2] ** 2 < g.shape[1] * a.shape[1]:  # Gram matrices are smaller than gradients
        square = ((a.mT @ a) * (g.mT @ g)).sum((1, 2))
        return {**parts, "weight": Part(square, lambda f: _summed(g * f[:, None, None], a).view(shape))}
    each = (g @ a.mT).flatten(1)
    return {**parts, "weight": Part(each.square().sum(1), lambda factors: (factors @ each).view(shape))}


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
    return {"weight": formed(scale), "bias": formed(shift)}


HANDED, BORROWERS = "handed", (Unembedding,)  # layers whose weights are an argument: the second one
RULES: dict[type, Callable[[Any, Tensor, Tensor], Parts]] = {
    nn.Linear: _linear,
    nn.Embedding: _embedding,
    Unembedding: _unembedding,
    nn.Conv2d: _convolution,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
}
