"""chemprop 2's default network: messages along directed bonds, a mean over atoms, BatchNorm, two linear layers.

Yang et al., J. Chem. Inf. Model. 2019, 59, 3370 (eqs. 2 to 6); Heid et al., J. Chem. Inf. Model. 2024, 64, 9. With x_v
the features of atom v and e_vw those of a bond:

    h⁰_vw = W_i [x_v ; e_vw],   h_vw ← relu(h⁰_vw + W_h Σ_{u ∈ N(v) \\ w} h_uv),   depth - 1 times from relu(h⁰)
    h_v = relu(W_o [x_v ; Σ_u h_uv]),   output = MLP(BatchNorm(mean_v h_v)) · scale + mean

Parameters are named as chemprop's own, so that its state dict fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.errors import InputError
from telltale.models.alike_states import rows_at, summed
from telltale.models.released.alike_bonds import BondLayout, layout_of

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
    _layouts: dict[int, BondLayout] = field(default_factory=dict, repr=False, compare=False)

    def to(self, device: Any) -> DirectedBonds:
        """Move every tensor to a device; where they are there already, nothing is laid out anew."""
        if self.atoms.device == torch.device(device):
            return self
        atoms, bonds, ends, owner = (of.to(device) for of in (self.atoms, self.bonds, self.ends, self.molecule_of))
        return DirectedBonds(atoms, bonds, ends, owner, self.molecules)

    def layout(self, depth: int) -> BondLayout:
        """Return what a network with `depth` - 1 rounds of messages computes, once for bonds that look alike."""
        if depth not in self._layouts:
            parts = self.atoms, self.bonds, self.ends, self.molecule_of
            self._layouts[depth] = layout_of(*parts, self.molecules, depth)
        return self._layouts[depth]


def graphs_of(smiles: list[str]) -> DirectedBonds:
    """Return molecules as chemprop 2.0 sees them. Raises InputError for a SMILES that RDKit cannot read."""
    from rdkit import Chem, rdBase

    atoms: list[int] = []
    bonds: list[int] = []
    ends: list[int] = []
    sizes: list[int] = []
    known_atoms, known_bonds = _Known(atom_values, _atom_row), _Known(bond_values, _bond_row)
    with rdBase.BlockLogs():
        for row, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None or not molecule.GetNumAtoms():
                raise InputError("dataset.smiles", repr(text), f"row {row}: expected a SMILES that RDKit can read")
            first = len(atoms)
            atoms += map(known_atoms.number_of, molecule.GetAtoms())
            sizes.append(len(atoms) - first)
            for bond in molecule.GetBonds():
                start, end = first + bond.GetBeginAtomIdx(), first + bond.GetEndAtomIdx()
                ends += (start, end, end, start)
                bonds.append(known_bonds.number_of(bond))
    return DirectedBonds(
        known_atoms.rows(ATOM_WIDTH)[atoms],
        known_bonds.rows(BOND_WIDTH)[bonds].repeat_interleave(2, 0),
        torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T,
        torch.arange(len(smiles)).repeat_interleave(torch.tensor(sizes, dtype=torch.int64)),
        len(smiles),
    )


class _Known:
    """Numbers what is equal, and makes the features of each once: a molecule has few kinds of atoms and bonds."""

    def __init__(self, values: Callable[[Any], tuple[Any, ...]], row: Callable[..., list[float]]) -> None:
        self._values, self._row, self._numbers = values, row, dict[tuple[Any, ...], int]()

    def number_of(self, part: Any) -> int:
        return self._numbers.setdefault(self._values(part), len(self._numbers))

    def rows(self, width: int) -> Tensor:
        made = [self._row(*values) for values in self._numbers]
        return torch.from_numpy(np.array(made, np.float32).reshape(-1, width))


def atom_values(atom: Any) -> tuple[Any, ...]:
    """Return what the features of an atom are made of."""
    return (
        atom.GetAtomicNum(),
        atom.GetTotalDegree(),
        atom.GetFormalCharge(),
        atom.GetChiralTag(),
        atom.GetTotalNumHs(),
        atom.GetHybridization(),
        atom.GetIsAromatic(),
        atom.GetMass(),
    )


def bond_values(bond: Any) -> tuple[Any, ...]:
    """Return what the features of a bond are made of."""
    return bond.GetBondType(), bond.GetIsConjugated(), bond.IsInRing(), bond.GetStereo()


def atom_features(atom: Any) -> list[float]:
    """Return the 72 numbers of an atom: six choices of one, each with a place for another, aromatic, mass / 100."""
    return _atom_row(*atom_values(atom))


def bond_features(bond: Any) -> list[float]:
    """Return the 14 numbers of a bond; a type that is none of the four is all zeros."""
    return _bond_row(*bond_values(bond))


def _atom_row(
    element: int, degree: int, charge: int, tag: Any, hydrogens: int, hybridisation: Any, aromatic: bool, mass: float
) -> list[float]:
    features: list[float] = []
    chosen = element, degree, charge, int(tag), hydrogens, str(hybridisation)
    for value, places in zip(chosen, PLACES, strict=True):
        features += _one_of(places.get(value, len(places)), len(places) + 1)
    return [*features, float(aromatic), 0.01 * mass]


def _bond_row(kind: Any, conjugated: bool, ring: bool, stereo: Any) -> list[float]:
    types = _one_of(BONDS.index(str(kind)), len(BONDS)) if str(kind) in BONDS else [0.0] * len(BONDS)
    mark = int(stereo)
    known = _one_of(mark if mark in STEREO else len(STEREO), len(STEREO) + 1)
    return [0.0, *types, float(conjugated), float(ring), *known]


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

    def states(self, graph: DirectedBonds) -> Tensor:
        """Embed atoms that look alike once, on a CPU: (atom states, hidden), as the graph is laid out."""
        layers, layout = self.message_passing, graph.layout(self.depth)
        first = layers["W_i"](torch.cat([graph.atoms[graph.ends[0, layout.bonds]], graph.bonds[layout.bonds]], 1))
        states = first.relu()
        for once in layout.rounds:
            states = (rows_at(first, once.first) + layers["W_h"](summed(states, once.sums))).relu_()
        return layers["W_o"](torch.cat([graph.atoms[layout.atoms], summed(states, layout.incoming)], 1)).relu_()

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
        if graph.atoms.device.type == "cpu":
            layout = graph.layout(self.depth)
            return self.predictor(self.bn(summed(self.states(graph), layout.molecules) / layout.sizes[:, None]))
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
