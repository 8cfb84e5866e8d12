"""Grover's transformer: attention over heads that are message passing networks (Rong et al. 2020, section 4.1)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import linear

from telltale.checks import whole_number
from telltale.data.molecules.arrivals import Arrivals, Passed, index
from telltale.data.molecules.batch import MoleculeBatch
from telltale.errors import InputError
from telltale.models.alike_states import rows_at, summed
from telltale.models.messages import received
from telltale.models.molecule_encoder import BondEmbedding, MoleculeEncoder
from telltale.models.processes import world_size

REACH = 3  # hops that one step of training may have more or fewer than `hops`: where the normal law is cut off


class Heads(nn.Module):
    """Queries, keys and values of each head by 3 · heads message passing networks, then attention over the heads.

    A network: m ← ReLU(s + W M(m)), hops - 1 times from m = s, M the sum of what arrives. In training each draws its
    hops from a normal law around `hops`, cut off three away (dyMPN); otherwise it has `hops`. As in the authors' code,
    attention is between the heads of one atom or bond; between atoms, what passes are the messages.
    """

    draws_steps = True  # each step of training computes otherwise: no gradient mode can be tested

    def __init__(self, width: int, heads: int, hops: int) -> None:
        super().__init__()
        self.heads, self.hops, self.head_width = heads, hops, width // heads
        self.passing = nn.Parameter(torch.empty(3 * heads, width, width))
        self.attend = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.join, self.leave = nn.Linear(width, width), nn.Linear(heads * width, width)
        self.norm = nn.LayerNorm(width)
        bound = 1 / math.sqrt(width)
        nn.init.uniform_(self.passing, -bound, bound)

    def forward(self, states: Tensor, arriving: Arriving) -> Tensor:
        """Attend to what arrives at (things, width) atoms or bonds: (things, width)."""
        network = states.expand(len(self.passing), *states.shape)
        hops = self._hops(states.device)
        for hop in range(1, max(2, int(hops.max()))):  # once at least: DDP waits for a gradient of each weight
            passed = (states + torch.bmm(arriving(network), self.passing)).relu()
            network = torch.where((hop < hops)[:, None, None], passed, network)
        # (networks, things, width) -> three times (things, heads, networks, width of a head)
        queries, keys, values = (
            of(part.transpose(0, 1)).unflatten(2, (self.heads, self.head_width)).transpose(1, 2)
            for of, part in zip(self.attend, network.chunk(3), strict=True)
        )
        attended = self.join(self._attended(queries, keys, values).transpose(1, 2).flatten(2))
        return self.norm(self.leave(attended.flatten(1)))

    def of_states(self, states: Tensor, arrivals: Arrivals) -> tuple[Tensor, Passed]:
        """Do the same for what looks alike at once, and for each network no further than its hops reach.

        (states before the first pass, width) -> (states after the last, width), and which these are.
        """
        hops = self._hops(states.device)
        order = torch.argsort(hops, descending=True, stable=True)
        passes, weights = (hops[order] - 1).tolist(), self.passing.index_select(0, order)
        if not passes[0]:
            states = states + 0 * weights.sum()  # a gradient of 0 is not none: Adam moves on by what it had before
        last = arrivals.after(passes[0])
        rows = states.expand(len(passes), *states.shape)  # (networks that go on, states, width)
        ended: dict[int, Tensor] = {}
        for done in range(passes[0] + 1):
            further = sum(number > done for number in passes)
            networks = order[further : len(rows)].tolist()
            place = index(arrivals.after(done).place[last.sample])
            ended |= zip(networks, self._transformed(rows[further:], networks, place), strict=True)
            if further:
                after = arrivals.after(done + 1)
                # multiplied before they are added up, as fewer states are below
                sent = torch.bmm(rows[:further], weights[:further]).transpose(0, 1).flatten(1)
                arrived = summed(sent, after.sums).unflatten(1, (further, -1)).transpose(0, 1)
                rows = (arrived + rows_at(states, index(after.first))).relu()
        queries, keys, values = (
            torch.stack([ended[part * self.heads + head] for head in range(self.heads)], 2) for part in range(3)
        )
        return self.norm(self._left(self._attended(queries, keys, values))), last

    def _transformed(self, rows: Tensor, networks: list[int], place: Tensor) -> tuple[Tensor, ...]:
        """Make queries, keys or values of the rows of each network: (things, heads, width of a head) each."""
        if not networks:
            return ()
        layers: list[Any] = [self.attend[network // self.heads] for network in networks]
        weight, bias = torch.stack([of.weight.T for of in layers]), torch.stack([of.bias for of in layers])
        transformed = torch.baddbmm(bias[:, None], rows, weight).transpose(0, 1).flatten(1)
        return rows_at(transformed, place).unflatten(1, (len(networks), self.heads, self.head_width)).unbind(1)

    def _left(self, attended: Tensor) -> Tensor:
        """Apply `join` to each network and `leave` to all, which are one linear map: (things, heads, networks, …)."""
        leave = self.leave.weight.unflatten(1, (self.heads, -1))
        weight = (leave @ self.join.weight).unflatten(2, (self.heads, self.head_width)).transpose(1, 2).flatten(1)
        return linear(attended.flatten(1), weight, self.leave.bias + leave.sum(1) @ self.join.bias)

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Let networks of one head attend to each other: (things, heads, networks, width of a head)."""
        weights = (queries @ keys.transpose(2, 3) / math.sqrt(self.head_width)).softmax(3)
        return weights @ values

    def _hops(self, device: torch.device) -> Tensor:
        if not self.training:
            return torch.full((len(self.passing),), self.hops, device=device)
        drawn = (torch.randn(len(self.passing)).clamp(-REACH, REACH) + self.hops).long().clamp_min(1).to(device)
        if world_size() > 1:  # each process draws numbers of its own; all take the steps of one network
            dist.broadcast(drawn, 0)
        return drawn


class Arriving:
    """Sums over what arrives: at an atom its neighbours' messages; at a bond those of the bonds into its source."""

    def __init__(self, ends: Tensor, atoms: int, at_bonds: bool) -> None:
        self.source, self.target, self.atoms, self.at_bonds = ends[0], ends[1], atoms, at_bonds
        if at_bonds:  # the same bond the other way round
            forward, back = self.source * atoms + self.target, self.target * atoms + self.source
            order = torch.argsort(forward)
            self.reverse = order[torch.searchsorted(forward[order], back)]

    def __call__(self, messages: Tensor) -> Tensor:
        """Add up (networks, things, width) messages."""
        shape = (len(messages), self.atoms, messages.shape[2])
        sent = messages if self.at_bonds else messages.index_select(1, self.source)
        at_atoms = messages.new_zeros(shape).index_add(1, self.target, sent)
        if not self.at_bonds:
            return at_atoms
        return at_atoms.index_select(1, self.source) - messages.index_select(1, self.reverse)


class GroverConvolution(nn.Module):
    """Attention over atoms' messages and over bonds', each added up at the atom and joined with the atom it began as.

    h_v = Σ over both views of LayerNorm(FFN([h_v ; Σ_{u ∈ N(v)} out_u])), FFN: 2 width -> 4 width -> width. The
    authors keep the two views apart until what is predicted, and hold them against each other.
    """

    def __init__(self, width: int, heads: int, hops: int) -> None:
        super().__init__()
        self.bond = BondEmbedding(width)
        self.enter = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.LayerNorm(width))
        self.of_atoms, self.of_bonds = Heads(width, heads, hops), Heads(width, heads, hops)
        self.views = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, 4 * width), nn.PReLU(), nn.Linear(4 * width, width), nn.LayerNorm(width))
            for _ in range(2)
        )

    def forward(self, atoms: Tensor, ends: Tensor, bonds: Tensor) -> Tensor:
        """Pass messages `hops` times: (atoms, width) -> (atoms, width). The last bonds are loops, and are left out."""
        number = len(bonds) - len(atoms)
        ends, bonds = ends[:, :number], bonds[:number]
        states = self.enter(atoms.index_select(0, ends[0]) + self.bond(bonds))
        by_atoms = self.of_atoms(atoms, Arriving(ends, len(atoms), False)).index_select(0, ends[0])
        by_bonds = self.of_bonds(states, Arriving(ends, len(atoms), True))
        return self._viewed(atoms, *(received(by, ends[1], len(atoms)) for by in (by_atoms, by_bonds)))

    def of_batch(self, atoms: Tensor, batch: MoleculeBatch, distinct: bool) -> Tensor:
        """Do the same, with what looks alike computed once; distinct: no two atoms do."""
        of_atoms, of_bonds = Arrivals.of_atoms(batch, distinct), Arrivals.of_bonds(batch, distinct)
        first, bond = index(of_atoms.after(0).sample), index(of_bonds.after(0).sample)
        states = self.enter(atoms.index_select(0, batch.ends[0, bond]) + self.bond(batch.bonds[bond]))
        by_atoms, passed = self.of_atoms.of_states(atoms.index_select(0, first), of_atoms)
        arrived = summed(by_atoms, of_atoms.into_atoms(passed))
        by_bonds, passed = self.of_bonds.of_states(states, of_bonds)
        return self._viewed(atoms, arrived, summed(by_bonds, of_bonds.into_atoms(passed)))

    def _viewed(self, atoms: Tensor, *arrived: Tensor) -> Tensor:
        first, second = (view(torch.cat([atoms, by], 1)) for view, by in zip(self.views, arrived, strict=True))
        return first + second


class Grover(MoleculeEncoder):
    """Stack of blocks of Grover's transformer. The options beside those of every encoder:

    heads  of attention, each with three message passing networks; must divide `width`
    hops   of each network
    """

    def __init__(
        self,
        layers: int,
        width: int,
        jumping_knowledge: str = "last",
        pooling: str = "mean",
        dropout: float = 0.0,
        norm: str = "layer",
        heads: int = 4,
        hops: int = 3,
    ) -> None:
        if isinstance(heads, bool) or not isinstance(heads, int) or heads < 1 or width % heads:
            raise InputError("model.heads", heads, f"a divisor of model.width={width}")
        whole_number("model.hops", hops, 1, 100)
        self.heads, self.hops = heads, hops
        super().__init__(layers, width, jumping_knowledge, pooling, dropout, norm)
        self.options |= {"heads": heads, "hops": hops}

    def convolution(self, width: int) -> nn.Module:
        """Build one block."""
        return GroverConvolution(width, self.heads, self.hops)

    def _each_atom(self, batch: MoleculeBatch) -> Tensor:
        alone = batch.atoms.device.type == "cpu" and world_size() == 1
        if not (batch.joined and alone and len(batch.bonds)):
            return super()._each_atom(batch)
        layers = [self.element(batch.atoms[:, 0]) + self.chirality(batch.atoms[:, 1])]
        convolutions: Any = self.convolutions
        for convolution, norm in zip(convolutions, self.norms, strict=True):
            hidden = norm(convolution.of_batch(layers[-1], batch, len(layers) > 1))
            layers.append(self.dropout(hidden.relu() if len(layers) < len(convolutions) else hidden))
        return self._read_out(layers)
