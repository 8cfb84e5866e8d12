"""The networks of the Molecule Extraction Policy Network (paper, section 3.3 and appendix A.3).

A two-layer graph convolutional network (GCN) embeds atoms; a molecule's embedding is their sum. An action has three
stages, and each is a two-layer perceptron with a softmax over what is open:

    π(site | Ĝ) ∝ exp MLP1( z(site) )        π(motif | site, Ĝ) ∝ exp MLP2( [z(site) : z(motif)] )
    π(motif's site | motif, site, Ĝ) ∝ exp MLP3( [z(site) : z(motif's site)] )

so that log π is the sum of three. Motifs go through the same GCN as molecules: the third stage needs their atoms'
embeddings anyway, and motifs that look alike share what is learned, where a table would learn each by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from telltale.attacks.molextract.policy.choices import Choice, drawn, drawn_within, log_softmax_within
from telltale.attacks.molextract.policy.views import Graphs, Motifs
from telltale.data.molecules.graphs import BOND_TYPES, ELEMENTS

HYDROGENS = 5  # 0 … 4 at one atom
MOST_STEPS = 100
TOGETHER = 32  # rows of a table of pairs that are valued in one go


class MotifVectors(NamedTuple):
    """Motifs embedded: whole (motifs, width), ends (P, width): each of the P sites in its motif."""

    whole: Tensor
    ends: Tensor


class Encoder(nn.Module):
    """A two-layer GCN: atoms to vectors; a molecule is the sum of its atoms.

    Its first layer sees element, hydrogens and how many steps are left, on which the value of a molecule depends. Each
    layer adds to what it is given: without that the two atoms of CO, neighbours of one another alone, would look alike.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.element, self.hydrogens = nn.Embedding(ELEMENTS, width), nn.Embedding(HYDROGENS, width)
        self.steps_left = nn.Embedding(MOST_STEPS + 1, width)
        self.layers = nn.ModuleList(GraphConvolution(width) for _ in range(2))
        for embedding in (self.element, self.hydrogens, self.steps_left):
            nn.init.xavier_uniform_(embedding.weight)

    def forward(self, graphs: Graphs) -> tuple[Tensor, Tensor]:
        """Embed atoms and molecules: (N, width), (n, width)."""
        atoms = self.element(graphs.elements) + self.hydrogens(graphs.hydrogens.clamp_max(HYDROGENS - 1))
        atoms = atoms + self.steps_left(graphs.steps_left.clamp_max(MOST_STEPS))[graphs.molecule_of]
        first, second = self.layers
        atoms = atoms + first(atoms, graphs).relu()
        atoms = atoms + second(atoms, graphs)
        return atoms, atoms.new_zeros(len(graphs), atoms.shape[1]).index_add_(0, graphs.molecule_of, atoms)

    def of_motifs(self, motifs: Motifs) -> MotifVectors:
        """Embed motifs and their sites."""
        motif_atoms, whole = self(motifs.view.tensors)
        return MotifVectors(whole, motif_atoms[motifs.pairs[1]])


class GraphConvolution(nn.Module):
    """h_v = W Σ_{u ∈ N(v) ∪ v} h_u / sqrt(d_u d_v) + Σ_{u ∈ N(v)} e_uv / d_v   (Kipf & Welling 2017, with bonds)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear, self.bond = nn.Linear(width, width), nn.Embedding(BOND_TYPES, width)
        nn.init.xavier_uniform_(self.bond.weight)

    def forward(self, atoms: Tensor, graphs: Graphs) -> Tensor:
        """Pass messages once: (N, width) -> (N, width)."""
        bonds, root = graphs.bond_counts.to(atoms), graphs.inverse_roots.to(atoms)
        sent = atoms * root
        received = sent.index_add(0, graphs.ends[1], sent[graphs.ends[0]]) * root
        output: Tensor = self.linear(received) + (bonds * root.square()) @ self.bond.weight
        return output


class OfPairs(nn.Module):
    """A two-layer perceptron on [left : right], for given pairs or for every left with every right.

    Its first layer is linear in the two, so that each is multiplied once, however many pairs it is part of.
    """

    def __init__(self, left: int, right: int, hidden: int) -> None:
        super().__init__()
        both = nn.Linear(left + right, hidden)  # for its initial weights
        self.left, self.right = (
            nn.Parameter(both.weight[:, :left].detach()),
            nn.Parameter(both.weight[:, left:].detach()),
        )
        self.bias, self.last = both.bias, nn.Linear(hidden, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Value pairs that broadcast: (…, left), (…, right) -> (…)."""
        hidden = (left @ self.left.T + self.bias) + right @ self.right.T
        value: Tensor = self.last(hidden.relu_())[..., 0]
        return value

    def table(self, left: Tensor, right: Tensor) -> Tensor:
        """Value every pair: (lefts, left), (rights, right) -> (lefts, rights)."""
        if torch.is_grad_enabled():
            return self(left[:, None], right[None])
        return torch.cat([self(part[:, None], right[None]) for part in left.split(TOGETHER)])  # what fits into a cache


class Policy(nn.Module):
    """π(action | molecule) in three stages."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = Encoder(width)
        self.site = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.motif, self.end = OfPairs(width, width, width), OfPairs(width, width, width)

    def sample(self, graphs: Graphs, motifs: Motifs, vectors: MotifVectors, generator: torch.Generator) -> Choice:
        """Draw an action for each molecule; all molecules go through each stage at once.

        vectors: the motifs, embedded once for as many calls as the weights stay the same.
        """
        atoms, _ = self.encoder(graphs)
        site = drawn_within(self._sites(atoms, graphs), graphs.site_molecule, len(graphs), generator)
        at = atoms[graphs.sites[site]]
        motif = drawn(self._motifs(at, vectors), generator)
        place = drawn(self._ends(at, motif, motifs, vectors), generator)
        return Choice(site, motif, motifs.sites_of[0][motif, place])

    def log_prob(self, graphs: Graphs, motifs: Motifs, choice: Choice) -> Tensor:
        """Return log π of actions, any number of each molecule's: (actions,)."""
        atoms, _ = self.encoder(graphs)
        vectors, at = self.encoder.of_motifs(motifs), atoms[graphs.sites[choice.site]]
        rows = torch.arange(len(choice.site))
        place = choice.end - motifs.sites_of[0][choice.motif, 0]
        third = self._ends(at, choice.motif, motifs, vectors)[rows, place]
        return self._sites(atoms, graphs)[choice.site] + self._motifs(at, vectors)[rows, choice.motif] + third

    def table(self, graphs: Graphs, motifs: Motifs) -> Tensor:
        """Return log π of every open action: (T sites, P motif sites)."""
        atoms, _ = self.encoder(graphs)
        vectors, at = self.encoder.of_motifs(motifs), atoms[graphs.sites]
        motif, several = motifs.pairs[0], motifs.several
        log_probs = self._sites(atoms, graphs)[:, None] + self._motifs(at, vectors)[:, motif]
        if not len(several):
            return log_probs
        third = self.end.table(at, vectors.ends[several]).T  # (several, T)
        third = log_softmax_within(third, motif[several], len(vectors.whole)).T
        return log_probs.index_add(1, several, third)

    def _sites(self, atoms: Tensor, graphs: Graphs) -> Tensor:
        return log_softmax_within(self.site(atoms[graphs.sites])[:, 0], graphs.site_molecule, len(graphs))

    def _motifs(self, at: Tensor, vectors: MotifVectors) -> Tensor:
        return self.motif.table(at, vectors.whole).log_softmax(1)

    def _ends(self, at: Tensor, motif: Tensor, motifs: Motifs, vectors: MotifVectors) -> Tensor:
        rows, real = motifs.sites_of
        logits = self.end(at[:, None], vectors.ends[rows[motif]])
        return logits.masked_fill(~real[motif], -torch.inf).log_softmax(1)


class Critic(nn.Module):
    """Q(Ĝ, action): a two-layer perceptron on [z(Ĝ) : z(site) : z(motif) : z(motif's site)], with its own GCN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder, self.value = Encoder(width), OfPairs(2 * width, 2 * width, width)

    def forward(self, graphs: Graphs, motifs: Motifs, choice: Choice) -> tuple[Tensor, Tensor]:
        """Value actions, any number of each molecule's: (actions,); and every open one, with no gradient: (T, P)."""
        left, right = self._both(graphs, motifs)
        with torch.no_grad():
            table = self.value.table(left, right)
        return self.value(left[choice.site], right[choice.end]), table

    def table(self, graphs: Graphs, motifs: Motifs) -> Tensor:
        """Value every open action: (T sites, P motif sites)."""
        return self.value.table(*self._both(graphs, motifs))

    def _both(self, graphs: Graphs, motifs: Motifs) -> tuple[Tensor, Tensor]:
        atoms, whole = self.encoder(graphs)
        vectors = self.encoder.of_motifs(motifs)
        left = torch.cat([whole[graphs.site_molecule], atoms[graphs.sites]], 1)
        return left, torch.cat([vectors.whole[motifs.pairs[0]], vectors.ends], 1)
