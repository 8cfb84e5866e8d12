"""Encoders of Hu et al., ICLR 2020 (Strategies for Pre-training Graph Neural Networks), with their released weights.

Five layers of width 300, BatchNorm, ReLU but after the last, the mean over atoms read out. Their GIN, GCN and GraphSAGE
are ours; their GAT has heads of full width, whose mean is the output (appendix A), where ours has them side by side.

Atoms are element and chirality, bonds type and direction, as in `telltale.data.molecules.graphs`; a chirality that
is neither of the three they trained on is embedded as zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from telltale.data.molecules.batch import MoleculeBatch, to_batch
from telltale.data.molecules.graphs import CHIRALITIES, featurise
from telltale.errors import InputError
from telltale.models.gcn import GCN
from telltale.models.gin import GIN
from telltale.models.graphsage import GraphSAGE
from telltale.models.messages import received, shares
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder

LAYERS, WIDTH, HEADS = 5, 300, 2
NAMES = (  # theirs, ours; in this order
    ("x_embedding1.", "element."),
    ("x_embedding2.", "chirality."),
    ("gnns.", "convolutions."),
    ("batch_norms.", "norms."),
    (".edge_embedding1.", ".bond.bond_type."),
    (".edge_embedding2.", ".bond.direction."),
    (".weight_linear.", ".linear."),
)
ATTENTION = (".att", ".attention")  # at the end of a name
GNN, HEAD = "gnn.", "graph_pred_linear.weight"  # of a fine-tuned network


class WideGATConvolution(nn.Module):
    """h_v = mean over heads of Σ_u softmax_u( LeakyReLU( a · [W h_v ; W h_u + e_uv] ) ) (W h_u + e_uv), then a bias."""

    def __init__(self, width: int, heads: int = HEADS) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.linear = nn.Linear(width, heads * width)
        self.bond = BondEmbedding(heads * width)
        self.attention = nn.Parameter(torch.empty(1, heads, 2 * width))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.xavier_uniform_(self.attention)

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages once: (atoms, width) -> (atoms, width)."""
        shape = (-1, self.heads, self.width)
        states = self.linear(atoms).view(shape)
        sent = states.index_select(0, ends[0]) + self.bond(bonds).view(shape)
        logits = (torch.cat([states.index_select(0, ends[1]), sent], -1) * self.attention).sum(-1)
        weight = shares(nn.functional.leaky_relu(logits, 0.2), ends[1], len(atoms))
        return received(weight[..., None] * sent, ends[1], len(atoms)).mean(1) + self.bias


class WideGAT(MoleculeEncoder):
    """Stack of attention layers with heads of full width."""

    def convolution(self, width: int) -> nn.Module:
        """Build one attention layer."""
        return WideGATConvolution(width)


ENCODERS: dict[str, type[MoleculeEncoder]] = {"gin": GIN, "gcn": GCN, "graphsage": GraphSAGE, "gat": WideGAT}


def encoder(kind: str, layers: int = LAYERS, width: int = WIDTH) -> MoleculeEncoder:
    """Build a fresh encoder of one of their kinds: gin | gcn | graphsage | gat."""
    return ENCODERS[kind](layers, width)


class Predictor(nn.Module):
    """An encoder with a linear head on the mean over atoms, fine-tuned as theirs are: one logit a molecule."""

    def __init__(self, encoder: MoleculeEncoder) -> None:
        super().__init__()
        self.gnn, self.graph_pred_linear = encoder, nn.Linear(encoder.output_width, 1)

    def forward(self, batch: MoleculeBatch) -> Tensor:
        """Return the logit of each molecule's second class, (molecules,)."""
        return self.graph_pred_linear(self.gnn(batch))[:, 0]


def predictor(kind: str, layers: int = LAYERS, width: int = WIDTH) -> Predictor:
    """Build a fresh encoder with a head."""
    return Predictor(encoder(kind, layers, width))


def network(kind: str, layers: int = LAYERS, width: int = WIDTH, head: bool = True) -> nn.Module:
    """Build a fresh encoder, with a head or alone."""
    return predictor(kind, layers, width) if head else encoder(kind, layers, width)


def options_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return how deep and wide the network of a state dict, in our names, is, and whether it has a head.

    Raises InputError for one with several heads.
    """
    head, element = state.get(HEAD), state.get("element.weight")
    if head is not None and len(head) != 1:
        expected = "one head (graph_pred_linear) gives probabilities; target.gives=embeddings asks the encoder alone"
        raise InputError("target.weights", f"{len(head)} heads", expected)
    first = "" if head is None else GNN
    layers = {name.split(".")[1] for name in (key.removeprefix(first) for key in state) if name.startswith("convolu")}
    width = head.shape[1] if head is not None else element.shape[1] if element is not None else WIDTH
    return {"layers": len(layers) or LAYERS, "width": width, "head": head is not None}


def encoder_of(state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the encoder of a state dict, in our names; None where it has no head: it is one."""
    if HEAD not in state:
        return None
    return {name.removeprefix(GNN): part for name, part in state.items() if name.startswith(GNN)}


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return their state dict under our names; what has other names stays as it is, to be refused by whoever loads it.

    >>> sorted(renamed({"gnns.0.edge_embedding1.weight": torch.zeros(6, 2), "x_embedding2.weight": torch.zeros(3, 2)}))
    ['chirality.weight', 'convolutions.0.bond.bond_type.weight']
    """
    ours = {}
    for name, values in state.items():
        known = name
        for theirs, here in NAMES:
            known = known.replace(theirs, here)
        ours[known.removesuffix(ATTENTION[0]) + ATTENTION[1] if known.endswith(ATTENTION[0]) else known] = values
    for name in ("chirality.weight", "gnn.chirality.weight"):
        if name in ours and len(ours[name]) == CHIRALITIES - 1:
            ours[name] = torch.cat([ours[name], ours[name].new_zeros(1, ours[name].shape[1])])
    return ours


def graphs_of(smiles: list[str]) -> MoleculeBatch:
    """Return molecules as the encoders see them. Raises InputError for a SMILES that RDKit cannot read."""
    return to_batch(featurise(smiles, workers=1))
