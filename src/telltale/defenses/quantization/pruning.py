"""Magnitude pruning, and sharing of what is left, in the order of Deep Compression (Han et al., ICLR 2016).

Its third stage, Huffman coding, loses nothing, and so takes nothing from what is hidden: it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from telltale.checks import choice, number, share, whole_number
from telltale.data.records import Records
from telltale.defenses.quantization.codebook import Codebook, Quantizer
from telltale.defenses.quantization.fine_tuning import train_levels
from telltale.defenses.quantization.network import QUANTIZERS, matrices, require_bits, require_matrices
from telltale.owner.defense import Defense, ProtectedRecipe, Stage
from telltale.training.objective import Objective


@dataclass(frozen=True)
class MagnitudePruning(Defense):
    """Sets the smallest weights of every matrix and kernel to 0 for good, then trains the others on (Han et al. 2015).

        share          of a matrix' weights that are cut; their paper cuts by a multiple of a layer's deviation instead
        epochs         passes over the training records afterwards, by Adam without weight decay; 0 = none
        learning_rate  of that

    What an attacker added to the loss plays no part. Raises InputError for options out of range, and for a network
    without matrices.
    """

    stage: ClassVar[Stage] = "finish"
    share: float = 0.8
    epochs: int = 15
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        share("defense.share", self.share, whole=False)
        whole_number("defense.epochs", self.epochs, 0)
        number("defense.learning_rate", self.learning_rate, above=0)

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse a network without matrices."""
        require_matrices("defense.share", self.share, recipe.initial().model)

    def finish(self, objective: Objective, records: Records, train: Callable[[], None]) -> None:
        """Cut, and train what is left."""
        train_levels(objective, {}, self.epochs, self.learning_rate, train, largest(objective, self.share))


@dataclass(frozen=True)
class DeepCompression(MagnitudePruning):
    """Prunes as `MagnitudePruning` does; then the weights left share 2^bits levels, which are trained as long again.

    quantizer: of the weights left, kmeans_linear as in the paper, or any other; a cut weight stays 0.
    """

    bits: int = 4
    quantizer: str = "kmeans_linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bits("defense.bits", self.bits)
        choice("defense.quantizer", self.quantizer, QUANTIZERS)

    def finish(self, objective: Objective, records: Records, train: Callable[[], None]) -> None:
        """Cut, train, share, train."""
        kept, options = largest(objective, self.share), (self.epochs, self.learning_rate, train)
        train_levels(objective, {}, *options, kept)
        quantizer = QUANTIZERS[self.quantizer]
        books = {
            name: [_of_those(kept[name].numpy().ravel(), matrix.detach().cpu().numpy().ravel(), quantizer, self.bits)]
            for name, matrix in matrices(objective.model)
        }
        train_levels(objective, books, *options, kept)


def largest(objective: Objective, cut: float) -> dict[str, Tensor]:
    """Tell, for each matrix by name, which of its weights are not among the share `cut` of the smallest: bool."""
    kept = {}
    for name, matrix in matrices(objective.model):
        magnitudes = matrix.detach().abs().flatten().cpu()
        order = magnitudes.argsort(stable=True)
        chosen = torch.ones(len(order), dtype=torch.bool)
        chosen[order[: min(round(cut * len(order)), len(order) - 1)]] = False
        kept[name] = chosen.view(matrix.shape)
    return kept


def _of_those(kept: np.ndarray, weights: np.ndarray, quantizer: Quantizer, bits: int) -> Codebook:
    """Quantize the weights kept; the others have the first level, which nobody looks up."""
    book = quantizer(weights[kept], bits)
    indices = np.zeros(len(weights), np.uint8)
    indices[kept] = book.indices
    return Codebook(book.levels, indices)
