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

from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.plain_layers import plain_layers
from telltale.training.batches import LabelledBatch
from telltale.training.objective import Objective
from telltale.training.private.graph_rules import GRAPH_RULES, graph_rules
from telltale.training.private.layer_rules import BORROWERS, HANDED, RULES, uses_of
from telltale.training.private.outer import Part, together
from telltale.training.private.problem import CannotError, Clipped, Problem, State, clip_factors, total_of

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
            if layer not in inputs:  # of another's weights, that no loss asked
                continue
            uses = inputs[layer], gradients[layer]
            for a, g in zip(*uses, strict=True) if rules is not RULES else uses_of(module, *uses, len(losses)):
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
            every = [output for name in layers for output in outputs.get(name, ())]
            # no loss may look at some: what a transformer's last block makes of states that are only attended to
            flat = torch.autograd.grad(losses.sum(), every, materialize_grads=True)
        detached = {name: [one.detach() for one in of] for name, of in inputs.items()}
        of_each = iter(flat)
        gradients = {name: [next(of_each) for _ in outputs[name]] for name in layers if name in outputs}
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
    if any(name not in outputs and type(layer) not in BORROWERS for name, layer in layers.items()):
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
        with plain_layers():
            yield inputs, outputs, handed
    finally:
        for hook in hooks:
            hook.remove()
