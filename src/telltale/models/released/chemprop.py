"""chemprop 2's default network: messages along directed bonds, a mean over atoms, BatchNorm, two linear layers.

Yang et al., J. Chem. Inf. Model. 2019, 59, 3370 (eqs. 2 to 6); Heid et al., J. Chem. Inf. Model. 2024, 64, 9. With x_v
the features of atom v and e_vw those of a bond:

    h⁰_vw = W_i [x_v ; e_vw],   h_vw ← relu(h⁰_vw + W_h Σ_{u ∈ N(v) \\ w} h_uv),   depth - 1 times from relu(h⁰)
    h_v = relu(W_o [x_v ; Σ_u h_uv]),   output = MLP(BatchNorm(mean_v h_v)) · scale + mean

Parameters are named as chemprop's own, so that its state dict fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.errors import InputError

ELEMENTS = (*range(1, 37), 53)
DEGREES, HYDROGENS, CHIRALITIES = range(6), range(5), range(4)
CHARGES = (-1, -2, 1, 2, 0)
HYBRIDISATIONS = ("S", "SP", "SP2", "SP2D", "SP3", "SP3D", "SP3D2")
ATOM_CHOICES: tuple[Any, ...] = (ELEMENTS, DEGREES, CHARGES, CHIRALITIES, HYDROGENS, HYBRIDISATIONS)
BONDS, STEREO = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC"), range(6)
ATOM_WIDTH = sum(len(choices) + 1 for choices in ATOM_CHOICES) + 2  # each with a place for "another"; aromatic, mass
BOND_WIDTH = 1 + len(BONDS) + 2 + len(STEREO) + 1  # no bond, type, conjugated, in a ring, stereo with "another"
PLACES = [{value: place for place, value in enumerate(choices)} for choices in ATOM_CHOICES]


@dataclass(frozen=True)
class DirectedBonds:
    """Several molecules as one graph: bond 2i + 1 is bond 2i the other way round.

    atoms (atoms, 72), bonds (directed bonds, 14) float32; ends (2, directed bonds) from, to; molecule_of (atoms,)
    """

    atoms: Tensor
    bonds: Tensor
    ends: Tensor
    molecule_of: Tensor
    molecules: int

    def to(self, device: Any) -> DirectedBonds:
        """Move every tensor to a device."""
        atoms, bonds, ends, owner = (of.to(device) for of in (self.atoms, self.bonds, self.ends, self.molecule_of))
        return DirectedBonds(atoms, bonds, ends, owner, self.molecules)


def graphs_of(smiles: list[str]) -> DirectedBonds:
    """Return molecules as chemprop 2.0 sees them. Raises InputError for a SMILES that RDKit cannot read."""
    from rdkit import Chem, rdBase

    atoms: list[list[float]] = []
    bonds: list[list[float]] = []
    ends: list[tuple[int, int]] = []
    molecule_of: list[int] = []
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None or not molecule.GetNumAtoms():
                raise InputError("dataset.smiles", repr(text), f"row {row}: expected a SMILES that RDKit can read")
            first = len(atoms)
            atoms += [atom_features(atom) for atom in molecule.GetAtoms()]
            molecule_of += [row] * molecule.GetNumAtoms()
            for bond in molecule.GetBonds():
                start, end = first + bond.GetBeginAtomIdx(), first + bond.GetEndAtomIdx()
                ends += [(start, end), (end, start)]
                bonds += [bond_features(bond)] * 2
    return DirectedBonds(
        torch.from_numpy(np.array(atoms, np.float32).reshape(-1, ATOM_WIDTH)),
        torch.from_numpy(np.array(bonds, np.float32).reshape(-1, BOND_WIDTH)),
        torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T,
        torch.tensor(molecule_of, dtype=torch.int64),
        len(smiles),
    )


def atom_features(atom: Any) -> list[float]:
    """Return the 72 numbers of an atom: six choices of one, each with a place for another, aromatic, mass / 100."""
    values = (
        atom.GetAtomicNum(),
        atom.GetTotalDegree(),
        atom.GetFormalCharge(),
        int(atom.GetChiralTag()),
        int(atom.GetTotalNumHs()),
        str(atom.GetHybridization()),
    )
    features: list[float] = []
    for value, places in zip(values, PLACES, strict=True):
        features += _one_of(places.get(value, len(places)), len(places) + 1)
    return [*features, float(atom.GetIsAromatic()), 0.01 * atom.GetMass()]


def bond_features(bond: Any) -> list[float]:
    """Return the 14 numbers of a bond; a type that is none of the four is all zeros."""
    kind = str(bond.GetBondType())
    types = _one_of(BONDS.index(kind), len(BONDS)) if kind in BONDS else [0.0] * len(BONDS)
    stereo = int(bond.GetStereo())
    known = _one_of(stereo if stereo in STEREO else len(STEREO), len(STEREO) + 1)
    return [0.0, *types, float(bond.GetIsConjugated()), float(bond.IsInRing()), *known]


def _one_of(place: int, places: int) -> list[float]:
    return [float(at == place) for at in range(places)]


class Chemprop(nn.Module):
    """The network; molecules in, real values (molecules,) out. depth: rounds of messages, hidden: width of each."""

    def __init__(self, hidden: int = 300, depth: int = 3) -> None:
        super().__init__()
        self.depth = depth
        self.message_passing = nn.ModuleDict(
            {
                "W_i": nn.Linear(ATOM_WIDTH + BOND_WIDTH, hidden, bias=False),
                "W_h": nn.Linear(hidden, hidden, bias=False),
                "W_o": nn.Linear(ATOM_WIDTH + hidden, hidden),
            }
        )
        self.bn = nn.BatchNorm1d(hidden)
        self.predictor = _Predictor(hidden)

    def atom_states(self, graph: DirectedBonds) -> Tensor:
        """Embed every atom: (atoms, hidden)."""
        layers, (start, end) = self.message_passing, graph.ends
        first = layers["W_i"](torch.cat([graph.atoms[start], graph.bonds], 1))
        states = first.relu()
        for _ in range(1, self.depth):
            back = states.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
            states = (first + layers["W_h"](_sums(states, end, len(graph.atoms))[start] - back)).relu()
        return layers["W_o"](torch.cat([graph.atoms, _sums(states, end, len(graph.atoms))], 1)).relu()

    def forward(self, graph: DirectedBonds) -> Tensor:
        """Predict the value of each molecule, (molecules,), in the unit of the training data."""
        atoms = self.atom_states(graph)
        sizes = torch.bincount(graph.molecule_of, minlength=graph.molecules).to(atoms)
        means = _sums(atoms, graph.molecule_of, graph.molecules) / sizes[:, None]
        return self.predictor(self.bn(means))


def options_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return how wide the network of a state dict is; what else differs is told where it is loaded."""
    hidden = state.get("message_passing.W_h.weight")
    return {} if hidden is None else {"hidden": len(hidden)}


class _Predictor(nn.Module):
    """Two linear layers, and the scale of the targets."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        layers = nn.Sequential(nn.Linear(hidden, hidden)), nn.Sequential(nn.ReLU(), nn.Dropout(0), nn.Linear(hidden, 1))
        self.ffn = nn.Sequential(*layers)
        self.criterion = _Buffers(task_weights=torch.ones(1, 1))
        self.output_transform = _Buffers(mean=torch.zeros(1, 1), scale=torch.ones(1, 1))

    def forward(self, means: Tensor) -> Tensor:
        scaler = self.output_transform
        return (self.ffn(means) * scaler.scale + scaler.mean)[:, 0]


class _Buffers(nn.Module):
    """Numbers that belong to a state dict."""

    mean: Tensor
    scale: Tensor

    def __init__(self, **buffers: Tensor) -> None:
        super().__init__()
        for name, values in buffers.items():
            self.register_buffer(name, values)


def _sums(values: Tensor, index: Tensor, number: int) -> Tensor:
    return values.new_zeros(number, values.shape[1]).index_add_(0, index, values)
