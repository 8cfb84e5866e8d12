"""Many molecule encoders in one pass, each over its own molecules: batched products, and sums by index.

h: (models, slots, width). What a convolution returns is 0 where nobody is, so that sums over slots are sums over atoms;
a bias that is the same for all atoms it leaves to the norm, which takes the mean off again where it is a BatchNorm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, leaky_relu, normalize, pad

from telltale.data.molecules.alike import KINDS
from telltale.data.molecules.graphs import CHIRALITIES, ELEMENTS
from telltale.models.batch_norm import GlobalBatchNorm
from telltale.models.gat import GAT, GATConvolution
from telltale.models.gcn import GCN, GCNConvolution
from telltale.models.gin import AROUND_LOOP, GIN, GINConvolution
from telltale.models.graphsage import GraphSAGE, GraphSAGEConvolution
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.training.fleet.graphs import Layout

ENCODERS: tuple[type[MoleculeEncoder], ...] = (GIN, GCN, GraphSAGE, GAT)
State = Mapping[
    str, Tensor
]  # (models, *shape) of each parameter and buffer; weights of linear layers (models, in, out)


class StackedEncoder:
    """Computes with the state of many encoders.

    encoder  one of them, which says what they are made of
    prefix   of its names in the state
    """

    def __init__(self, encoder: MoleculeEncoder, prefix: str) -> None:
        self.encoder, self.prefix = encoder, prefix

    def atoms(self, state: State, layout: Layout) -> Tensor:
        """Embed every atom in its molecule: (models, slots, output_width)."""
        own = {name.removeprefix(self.prefix): of for name, of in state.items() if name.startswith(self.prefix)}
        layers = [_initial(own, layout)]
        number = len(self.encoder.convolutions)
        for depth, convolution in enumerate(self.encoder.convolutions):
            part = {
                name.removeprefix(f"convolutions.{depth}."): of
                for name, of in own.items()
                if name.startswith(f"convolutions.{depth}.")
            }
            hidden, bias = CONVOLUTIONS[type(convolution)](convolution, part, layers[-1], layout)
            norm = self.encoder.norms[depth]
            kept = {name: own[f"norms.{depth}.{name}"] for name, _ in norm.state_dict().items()}
            layers.append(_normalised(norm, kept, hidden, bias, layout, relu=depth < number - 1))
        return self._read_out(layers)

    def pool(self, atoms: Tensor, layout: Layout) -> Tensor:
        """Pool the atoms of each molecule: (models, batch, output_width)."""
        total = layout.pooled(atoms)
        return total if self.encoder.pooling == "sum" else total / layout.sizes.clamp_min(1)[..., None]

    def _read_out(self, layers: list[Tensor]) -> Tensor:
        how = self.encoder.jumping_knowledge
        if how == "last":
            return layers[-1]
        if how == "concat":
            return torch.cat(layers, -1)
        stacked = torch.stack(layers)
        return stacked.sum(0) if how == "sum" else stacked.amax(0)


def linear(rows: Tensor, state: State, name: str) -> Tensor:
    """Apply each model's linear layer: (models, rows, in) -> (models, rows, out)."""
    return torch.baddbmm(state[f"{name}.bias"][:, None], rows, state[f"{name}.weight"])


def _initial(state: State, layout: Layout) -> Tensor:
    """Embed atoms by element and chirality: of each pair that occurs, once a model."""
    pairs = layout.graphs.pairs
    element, chirality = (
        _one_of(pairs[:, place], number, layout) for place, number in enumerate((ELEMENTS, CHIRALITIES))
    )
    table = element @ state["element.weight"] + chirality @ state["chirality.weight"]
    return layout.kinds[..., : len(pairs)] @ table


def _one_of(places: Tensor, number: int, layout: Layout) -> Tensor:
    """Put a 1 at each place: (…,) -> (…, number); a product with it looks rows up, and its gradient adds in order."""
    return (places[..., None] == torch.arange(number, device=places.device)).to(layout.kinds.dtype)


def _bonds(state: State) -> Tensor:
    """Return the embedding of each kind of bond: (models, KINDS, width)."""
    return (state["bond.bond_type.weight"][:, :, None] + state["bond.direction.weight"][:, None]).flatten(1, 2)


def _gin(_: Any, state: State, hidden: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None]:
    first, second = state["mlp.0.weight"], state["mlp.2.weight"]
    # each atom has one loop, whose row takes the bias along
    table = _bonds(state) @ first + pad(state["mlp.0.bias"][:, None], AROUND_LOOP)
    wide = torch.bmm(layout.kinds[..., -KINDS:], table).baddbmm_(layout.sums(hidden), first)
    return torch.bmm(wide.relu_(), second), state["mlp.2.bias"]


def _gcn(_: Any, state: State, hidden: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None]:
    root = layout.graphs.degrees.rsqrt()[layout.atom]
    weights = root[layout.neighbours] * root[:, None] * layout.there()
    return _summed(state, hidden, layout, weights, weights), None


def _graphsage(_: Any, state: State, hidden: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None]:
    share, there = layout.graphs.degrees.reciprocal()[layout.atom], layout.there()
    weights, back = share[:, None] * there, share[layout.neighbours] * there
    return normalize(_summed(state, hidden, layout, weights, back), dim=-1), None


def _summed(state: State, hidden: Tensor, layout: Layout, weights: Tensor, back: Tensor) -> Tensor:
    """Sum what neighbours send, W h_u + e_uv with the bias, weighed: the states first, then their products."""
    kinds = (_one_of(layout.graphs.bonds[layout.atom], KINDS, layout) * weights[..., None]).sum(1)
    table = _bonds(state) + state["linear.bias"][:, None]
    return torch.bmm(kinds.view(*hidden.shape[:2], -1), table).baddbmm_(
        layout.sums(hidden, weights, back), state["linear.weight"]
    )


def _gat(convolution: GATConvolution, state: State, hidden: Tensor, layout: Layout) -> tuple[Tensor, Tensor | None]:
    models, slots, width = hidden.shape
    shape = (models, slots, -1, convolution.heads, convolution.head_width)
    own = linear(hidden, state, "linear")
    kinds = _one_of(layout.graphs.bonds[layout.atom], KINDS, layout)
    bonds = torch.bmm(kinds.view(models, -1, KINDS), _bonds(state))
    sent = (layout.sent(own).view(bonds.shape) + bonds).view(shape)
    towards, away = state["attention"][:, None, None].tensor_split(2, -1)
    logits = (own.view(shape) * towards).sum(-1) + (sent * away).sum(-1)
    there = layout.there().view(models, slots, -1, 1)
    logits = leaky_relu(logits, 0.2).masked_fill(~there, torch.finfo(logits.dtype).min)
    weights = logits.softmax(2) * there
    return (weights[..., None] * sent).sum(2).view(models, slots, width), state["bias"]


CONVOLUTIONS: dict[type[nn.Module], Callable[..., tuple[Tensor, Tensor | None]]] = {
    GINConvolution: _gin,
    GCNConvolution: _gcn,
    GraphSAGEConvolution: _graphsage,
    GATConvolution: _gat,
}


def _normalised(
    norm: nn.Module, state: State, hidden: Tensor, bias: Tensor | None, layout: Layout, relu: bool
) -> Tensor:
    """Normalise each model's atoms, to whose states a bias (models, width) belongs; then ReLU, if asked for."""
    if isinstance(norm, GlobalBatchNorm):
        before = hidden.new_zeros(hidden.shape[::2]) if bias is None else bias
        result: Tensor = _Norm.apply(hidden, before, state["weight"], state["bias"], layout, norm, state, relu)
        return result
    assert isinstance(norm, nn.LayerNorm)
    hidden = hidden if bias is None else hidden + bias[:, None]
    normal = layer_norm(hidden, hidden.shape[-1:], eps=norm.eps)
    normal = torch.addcmul(state["bias"][:, None], normal, state["weight"][:, None])
    return normal.relu_() if relu else normal


class _Norm(torch.autograd.Function):
    """BatchNorm over each model's atoms, in training; gradients come in as 0 where nobody is, and so do states.

    The bias before it moves the running mean and nothing else, so its gradient is 0: but for a model with one atom.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        before: Tensor,
        weight: Tensor,
        bias: Tensor,
        layout: Layout,
        norm: Any,
        kept: State,
        relu: bool,
    ) -> Tensor:
        number, share = layout.atoms, layout.real / layout.atoms
        mean = states.sum(1, keepdim=True) / number
        centred = torch.addcmul(states, layout.real, mean, value=-1)
        variance = torch.linalg.vector_norm(centred, dim=1, keepdim=True).square() / number
        _track(norm, kept, mean[:, 0] + before, variance[:, 0], number[:, 0])
        if layout.few:  # one atom has no variance: the statistics of before, which it leaves as they are
            alone = number < 2
            mean = torch.where(alone, kept["running_mean"][:, None] - before[:, None], mean)
            centred = torch.addcmul(states, layout.real, mean, value=-1)
            variance = torch.where(alone, kept["running_var"][:, None], variance)
            share = share * ~alone
        inverse = torch.rsqrt(variance + norm.eps)
        normal = torch.addcmul(bias[:, None], centred, inverse * weight[:, None])
        if relu:
            normal.relu_()
        ctx.alone = number < 2 if layout.few else None
        ctx.save_for_backward(centred, share, weight, inverse, *([normal] if relu else []))
        return normal

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        centred, share, weight, inverse, *normal = ctx.saved_tensors
        if normal:
            gradient = torch.ops.aten.threshold_backward(gradient, normal[0], 0)
        total, states = gradient.sum(1, keepdim=True), gradient * centred
        along = states.sum(1, keepdim=True)
        # of each atom: through the mean and through the variance
        torch.addcmul(total, centred, along * inverse.square(), out=states)
        slope = inverse * weight[:, None]
        states = torch.addcmul(gradient, states, share, value=-1).mul_(slope)
        before = torch.zeros_like(weight) if ctx.alone is None else (ctx.alone * total * slope)[:, 0]
        return states, before, (along * inverse)[:, 0], total[:, 0], None, None, None, None


@torch.no_grad()
def _track(norm: Any, kept: State, mean: Tensor, variance: Tensor, number: Tensor) -> None:
    """Move running statistics towards those of a batch, (models, width), where it has two atoms."""
    counted = number >= 2
    kept["num_batches_tracked"].add_(counted[:, 0])
    kept["running_mean"].lerp_(mean, norm.momentum * counted.to(mean.dtype))
    kept["running_var"].lerp_(variance * (number / (number - 1).clamp_min(1)), norm.momentum * counted.to(mean.dtype))
