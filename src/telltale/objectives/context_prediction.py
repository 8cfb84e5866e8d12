"""Context prediction: match an atom's neighbourhood with what surrounds it (Hu et al. 2020, section 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from telltale.checks import whole_number
from telltale.data.molecules.batch import MoleculeBatch
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.objectives.corruption import choose_atom, hops_from
from telltale.training.objective import LossTerm, Objective, balanced_accuracy
from telltale.training.processes import gather_rows


class ContextPrediction(Objective):
    """Neighbourhood: atoms within K = layers hops of a random centre; context: hops K to K - 1 + context_size.

    The authors' ring from l1 = K - 1, exclusive, to l2 = l1 + context_size: it meets the neighbourhood in the atoms
    at exactly K hops. A second encoder with `context_size` layers embeds the context; its mean over these atoms is
    matched, by dot product, with the centre's embedding. Negatives are other molecules' contexts, shifted by
    1 … negatives places in the global batch. Molecules with no atom K hops away are left out of the loss.
    The options beside those of every objective:

        context_size  hops that a context is deep, the shared atoms among them
        negatives     other molecules' contexts that each neighbourhood is held against
    """

    model: MoleculeEncoder

    def __init__(
        self,
        model: MoleculeEncoder,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        context_size: int = 3,
        negatives: int = 1,
    ) -> None:
        super().__init__(model, epochs, batch_size, learning_rate, weight_decay)
        whole_number("objective.context_size", context_size)
        whole_number("objective.negatives", negatives)
        self.radius = len(model.convolutions)
        self.context_size, self.negatives = context_size, negatives
        self.context_model = model.alike(layers=context_size)

    def terms(self, batch: MoleculeBatch) -> list[LossTerm]:
        """Sum the loss over true and over shifted pairs: L_true + negatives · L_shifted, each a mean."""
        matching, shifted = self._scores(batch)
        losses = nn.functional.softplus(-matching), nn.functional.softplus(shifted)
        weights = 1, max(1, shifted.shape[1])  # true and shifted pairs: loss = L_true + negatives · L_shifted
        return [
            LossTerm(w * part.sum(), part.new_tensor(float(part.numel())))
            for w, part in zip(weights, losses, strict=True)
        ]

    def success(self, batches: Iterable[MoleculeBatch]) -> dict[str, float]:
        """Return the balanced accuracy of telling the own context from a shifted one by the sign of the score."""
        return {"context_balanced_accuracy": balanced_accuracy(batches, self._scores), "chance": 0.5}

    def _scores(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        centres = choose_atom(batch, "context_prediction")
        inner, outer = neighbourhood_and_context(batch, centres, self.radius, self.context_size)
        neighbourhood = self.model.atom_embeddings(batch.keep_atoms(inner))
        # the centre is always kept; its index in the subgraph is the number of kept atoms before it
        centre = neighbourhood[(torch.cumsum(inner, 0) - 1)[centres]]
        surroundings, present = self._contexts(batch, outer, inner)
        contexts, begin = gather_rows(torch.cat([surroundings, present[:, None].to(surroundings)], 1))
        has_context = contexts[:, -1] > 0
        before = int(has_context[:begin].sum())  # molecules with a context on the processes before this one
        contexts, centre = contexts[has_context, :-1], centre[present]
        place = before + torch.arange(len(centre), device=centre.device)
        matching = (centre * contexts.index_select(0, place)).sum(1)
        # shifted further than there are other contexts, a molecule would be its own negative
        negatives = max(0, min(self.negatives, len(contexts) - 1))
        shifts = torch.arange(1, negatives + 1, device=centre.device)
        # index_select, not indexing: its gradient adds up in a fixed order
        others = contexts.index_select(0, ((place[:, None] + shifts) % max(1, len(contexts))).flatten())
        return matching, (centre[:, None] * others.view(len(centre), negatives, contexts.shape[1])).sum(2)

    def _contexts(self, batch: MoleculeBatch, outer: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        context = batch.keep_atoms(outer)
        shared = inner[outer]
        embeddings = self.context_model.atom_embeddings(context) * shared[:, None]
        sums = embeddings.new_zeros(len(batch), embeddings.shape[1])
        sums = sums.index_add(0, context.molecule_of, embeddings)
        sizes = torch.bincount(context.molecule_of[shared], minlength=len(batch))
        return sums / sizes.clamp_min(1)[:, None], sizes > 0


def neighbourhood_and_context(
    batch: MoleculeBatch, centres: Tensor, radius: int, context_size: int
) -> tuple[Tensor, Tensor]:
    """Mark the atoms within `radius` hops of each molecule's centre, and those of its context: each (atoms,) bool.

    The context is the ring from l1 to l2 hops, l1 left out, with l1 = radius - 1 and l2 = l1 + context_size. Of a chain
    of carbons 0, 1, …, from its end, with radius 2 and context size 3: 0, 1, 2 and 2, 3, 4.
    """
    hops = hops_from(batch, centres, radius - 1 + context_size)
    return hops <= radius, (hops > radius - 1) & (hops <= radius - 1 + context_size)
