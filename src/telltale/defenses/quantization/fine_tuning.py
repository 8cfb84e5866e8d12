"""Fine-tuning of code books: each weight keeps its level, and the levels learn (Han et al., ICLR 2016, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from telltale.checks import choice, number, whole_number
from telltale.data.records import Records
from telltale.defenses.quantization.codebook import Codebook
from telltale.defenses.quantization.network import (
    GRANULARITIES,
    QUANTIZERS,
    codebooks_of,
    matrices,
    require_bits,
    require_matrices,
)
from telltale.owner.defense import Defense, ProtectedRecipe, Stage
from telltale.training.objective import Objective


@dataclass(frozen=True)
class FineTunedQuantization(Defense):
    """Quantizes as `Quantization` does, then trains the levels, biases and norms on the owner's own loss.

        bits           1 to 8, of each weight
        quantizer      uniform | symmetric | kmeans | kmeans_linear | weighted_entropy
        granularity    tensor | channel: what has one set of levels
        epochs         passes over the training records
        learning_rate  of Adam, without weight decay

    What an attacker added to the loss plays no part. Raises InputError for options out of range, and for a network
    without matrices.
    """

    stage: ClassVar[Stage] = "finish"
    bits: int = 4
    quantizer: str = "kmeans"
    granularity: str = "tensor"
    epochs: int = 15
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        require_bits("defense.bits", self.bits)
        choice("defense.quantizer", self.quantizer, QUANTIZERS)
        choice("defense.granularity", self.granularity, GRANULARITIES)
        whole_number("defense.epochs", self.epochs)
        number("defense.learning_rate", self.learning_rate, above=0)

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse a network without matrices."""
        require_matrices("defense.quantizer", self.quantizer, recipe.initial().model)

    def finish(self, objective: Objective, records: Records, train: Callable[[], None]) -> None:
        """Quantize the trained network and train its levels."""
        quantizer = QUANTIZERS[self.quantizer]
        books = {
            name: codebooks_of(matrix.detach().cpu().numpy(), quantizer, self.bits, self.granularity)
            for name, matrix in matrices(objective.model)
        }
        train_levels(objective, books, self.epochs, self.learning_rate, train)


def train_levels(
    objective: Objective,
    books: Mapping[str, Sequence[Codebook]],
    epochs: int,
    learning_rate: float,
    train: Callable[[], None],
    kept: Mapping[str, Tensor] | None = None,
) -> None:
    """Store the matrices named in `books` by their levels, in place, and train the network if epochs is above 0.

    books: name -> one code book, or one for each output channel. The gradient of a level is the sum over the weights
    that have it. kept: name -> bool of a matrix' shape, where False the weight is 0 and stays so.
    """
    kept = kept or {}
    owners = {name: _owner(objective.model, name) for name in {**books, **kept}}
    for name, (module, attribute) in owners.items():
        if name in books:
            register_parametrization(module, attribute, Levels(books[name], getattr(module, attribute).shape))
        if name in kept:
            register_parametrization(module, attribute, Kept(kept[name]))
    if epochs:
        objective.epochs, objective.learning_rate, objective.weight_decay = epochs, learning_rate, 0.0
        objective.optimizer = "adam"  # a level's gradient is a sum over thousands of weights: steps must not scale
        train()
    for module, attribute in owners.values():
        remove_parametrizations(module, attribute, leave_parametrized=True)


class Levels(nn.Module):
    """A tensor as levels (K,) and the place of each weight's level there: what is trained are the levels."""

    def __init__(self, books: Sequence[Codebook], shape: Sequence[int]) -> None:
        super().__init__()
        starts = np.cumsum([0, *(len(book.levels) for book in books[:-1])])
        places = [start + book.indices.astype(np.int64) for start, book in zip(starts, books, strict=True)]
        self.register_buffer("places", torch.from_numpy(np.concatenate(places)).view(tuple(shape)), persistent=False)
        self.start = torch.from_numpy(np.concatenate([book.levels for book in books]).astype(np.float32))

    def forward(self, levels: Tensor) -> Tensor:
        """Look every weight's level up: (K,) -> the tensor's shape."""
        return _LookUp.apply(levels, self.places)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """Return the levels to begin with; the weights as they were are given up."""
        return self.start.to(weights)


class Kept(nn.Module):
    """A tensor of which some weights are 0 for good."""

    which: Tensor

    def __init__(self, which: Tensor) -> None:
        super().__init__()
        self.register_buffer("which", which, persistent=False)

    def forward(self, weights: Tensor) -> Tensor:
        """Cut the others: same shape."""
        return weights * self.which

    def right_inverse(self, weights: Tensor) -> Tensor:
        """Begin with the weights as they are."""
        return weights


class _LookUp(torch.autograd.Function):
    """levels[places], with the sum over equal places as its gradient: a bincount, ten times faster than indexing's."""

    @staticmethod
    def forward(ctx: Any, levels: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.number = len(levels)
        return levels[places]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return torch.bincount(places.flatten(), gradient.flatten(), minlength=ctx.number).to(gradient), None


def _owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, attribute = name.rpartition(".")
    return model.get_submodule(path), attribute
