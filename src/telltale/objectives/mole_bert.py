"""Mole-BERT: learn a vocabulary of atoms in context, then predict the words of masked atoms (Xia et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from telltale.checks import number, share, whole_number
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.graphs import CHIRALITIES, ELEMENTS, MASKED_BOND, SELF_LOOP
from telltale.errors import InputError
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.attribute_masking import accuracy_on_masked, hidden, masked_atoms
from telltale.objectives.contrast import nt_xent, projection_of, similarity_of
from telltale.objectives.decoder import AtomDecoder
from telltale.training.objective import LossTerm, Objective

ENDS = (0, 378, 434, 489, 512)  # where the words of carbon, nitrogen, oxygen and all others begin, of 512 (the code)
GROUPED = (5, 6, 7)  # carbon, nitrogen, oxygen, by element index
TRIPLET = 0.1  # weight of the triplet loss beside the contrast (the code; the paper's μ)


class MoleBERT(Objective):
    """First a tokeniser, a VQ-VAE whose words are shared by no two of carbon, nitrogen, oxygen and others; then the
    encoder: masked atom modelling on two views masked at two rates, and triplet masked contrastive learning.

    The tokeniser's loss (section 3.1) rebuilds element, chirality and bond type, moves the nearest word to an atom's
    state, and weighs `commitment` times the state's way to the word. The encoder's (sections 3.2 and 3.3) is the sum of
    the cross-entropies on the words of masked atoms and the types of their bonds, NT-Xent between the views, and 0.1
    times the triplet loss max(0, |h - h₁| - |h - h₂|), h of the whole molecule, without a gradient. Words are those of
    the nearest code; the authors' code takes the largest of the state's features for a word and never looks at the
    codes. Its schedule of the tokeniser's learning rate is left out. The options beside those of every objective:

        tokenizer_epochs  of all epochs, those at the start that train the tokeniser
        tokens            words
        commitment        weight of a state's way to its word
        rates             shares of atoms masked, ⌊rate · n + 1⌋ of n, the smaller first
        temperature       T, as in GraphCL

    Raises InputError for an option out of range.
    """

    model: MoleculeEncoder
    in_phases = True

    def __init__(
        self,
        model: MoleculeEncoder,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        tokenizer_epochs: int = 1,
        tokens: int = 512,
        commitment: float = 0.25,
        rates: Sequence[float] = (0.15, 0.3),
        temperature: float = 0.1,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        whole_number("objective.tokenizer_epochs", tokenizer_epochs, 1)
        if tokenizer_epochs >= epochs:
            why = f"a whole number below objective.epochs={epochs}: the encoder learns in the rest"
            raise InputError("objective.tokenizer_epochs", tokenizer_epochs, why)
        whole_number("objective.tokens", tokens, 32)
        number("objective.commitment", commitment, least=0)
        number("objective.temperature", temperature, above=0)
        if len(rates) != 2:
            raise InputError("objective.rates", list(rates), "two shares of atoms, one a view")
        for rate in rates:
            share("objective.rates", rate)
        self.tokenizer_epochs, self.commitment = tokenizer_epochs, commitment
        self.rates, self.temperature = tuple(rates), temperature
        self.tokenizer = model.alike(layers=len(model.convolutions))
        self.codes = nn.Embedding(tokens, model.output_width)
        self.begins = [round(end * tokens / ENDS[-1]) for end in ENDS]
        self.rebuild_element, self.rebuild_chirality = AtomDecoder(model, ELEMENTS - 1), AtomDecoder(model, CHIRALITIES)
        self.rebuild_bond = nn.Linear(model.output_width, SELF_LOOP)
        self.predict_token = nn.ModuleList(nn.Linear(model.output_width, tokens) for _ in rates)
        self.predict_bond = nn.ModuleList(nn.Linear(model.output_width, SELF_LOOP) for _ in rates)
        self.projection = projection_of(model.output_width)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss of the tokeniser, or, after its epochs and where it is only measured, the encoder's."""
        tokenizing = self.training and self.current_epoch < self.tokenizer_epochs
        return self._of_tokenizer(batch) if tokenizing else self._of_encoder(batch)

    def validation_losses(self) -> Tensor:
        """Average the encoder's loss; before it learns none is as low as a later one, whatever the words are then."""
        losses = super().validation_losses()
        return torch.full_like(losses, torch.inf) if self.current_epoch < self.tokenizer_epochs else losses

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return how often a masked atom's word is told, beside the share of the most common word."""

        def predicted(batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
            masked = masked_atoms(batch, self.rates[0], "mole_bert/0")
            atoms = self.model.atom_embeddings(without(batch, masked))
            return self.predict_token[0](atoms[masked]), self.words(batch)[masked]

        accuracy, majority = accuracy_on_masked(batches, predicted, self.codes.num_embeddings).values()
        return {"masked_word_accuracy": accuracy, "majority_rate": majority}

    @torch.no_grad()
    def words(self, batch: MoleculeBatch) -> Tensor:
        """Name each atom by the finished tokeniser: (atoms,)."""
        training = self.tokenizer.training
        self.tokenizer.eval()
        words = self._nearest(self.tokenizer.atom_embeddings(batch), batch.atoms[:, 0])
        self.tokenizer.train(training)
        return words

    def _nearest(self, states: Tensor, element: Tensor) -> Tensor:
        """Find the nearest code among those of an atom's own group."""
        group = torch.full_like(element, len(GROUPED))
        for place, of in enumerate(GROUPED):
            group[element == of] = place
        begins = torch.tensor(self.begins, device=element.device)
        word = torch.arange(self.codes.num_embeddings, device=element.device)
        own = (word >= begins[group][:, None]) & (word < begins[group + 1][:, None])
        return torch.cdist(states.detach(), self.codes.weight.detach()).masked_fill(~own, torch.inf).argmin(1)

    def _of_tokenizer(self, batch: MoleculeBatch) -> list[LossTerm]:
        states = self.tokenizer.atom_embeddings(batch)
        code = self.codes(self._nearest(states, batch.atoms[:, 0]))
        moved, committed = (code - states.detach()).square().mean(1), (states - code.detach()).square().mean(1)
        through = states + (code - states).detach()  # the gradient goes straight through
        once = batch.ends[0] < batch.ends[1]
        rebuilt = [
            (self.rebuild_element(through, batch), batch.atoms[:, 0]),
            (self.rebuild_chirality(through, batch), batch.atoms[:, 1]),
            (self.rebuild_bond(ends_of(through, batch, once)), batch.bonds[once, 0]),
        ]
        return [mean_of(moved + self.commitment * committed), *(mean_of(cross_entropies(*pair)) for pair in rebuilt)]

    def _of_encoder(self, batch: MoleculeBatch) -> list[LossTerm]:
        words, terms, views = self.words(batch), [], []
        for place, rate in enumerate(self.rates):
            masked = masked_atoms(batch, rate, f"mole_bert/{place}")
            seen = without(batch, masked)
            atoms = self.model.atom_embeddings(seen)
            views.append(self.projection(self.model.pool(atoms, seen)))
            bonds = (batch.ends[0] < batch.ends[1]) & masked[batch.ends].any(0)
            told = self.predict_bond[place](ends_of(atoms, batch, bonds))
            terms += [
                mean_of(cross_entropies(self.predict_token[place](atoms[masked]), words[masked])),
                mean_of(cross_entropies(told, batch.bonds[bonds, 0])),
            ]
        with torch.no_grad():
            whole = self.projection(self.model(batch))
        nearer, further = (nn.functional.pairwise_distance(whole, view) for view in views)
        triplet = mean_of(TRIPLET * (nearer - further).relu())
        return [*terms, nt_xent(*similarity_of(*views), self.temperature), triplet]


def without(batch: MoleculeBatch, masked: Tensor) -> MoleculeBatch:
    """Return the batch with the attributes of `masked` atoms, (atoms,) bool, and of their bonds replaced by masks."""
    touched = masked[batch.ends].any(0)
    bonds = torch.where(touched[:, None], batch.bonds.new_tensor([MASKED_BOND, 0]), batch.bonds)
    return hidden(batch, masked).with_bonds(bonds, batch.ends)


def ends_of(atoms: Tensor, batch: MoleculeBatch, bonds: Tensor) -> Tensor:
    """Add the embeddings of both ends of each bond in `bonds`, (directed bonds,) bool: (bonds, features)."""
    first, second = batch.ends[:, bonds]
    return atoms.index_select(0, first) + atoms.index_select(0, second)


def cross_entropies(logits: Tensor, kind: Tensor) -> Tensor:
    """Return the cross-entropy of each row: (rows,)."""
    return nn.functional.cross_entropy(logits, kind, reduction="none")


def mean_of(losses: Tensor) -> LossTerm:
    """Make a term of losses that are averaged: (parts,)."""
    return LossTerm(losses.sum(), losses.new_tensor(float(len(losses))))
