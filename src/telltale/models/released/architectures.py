"""The networks that `target.architecture` names: how each is built for its weights, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from telltale.checks import choice
from telltale.errors import InputError
from telltale.models.released import chemprop, hu2020

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Architecture:
    """One network of others.

    build    makes it, untrained, with its options
    graphs   makes of SMILES what it takes; InputError for one that RDKit cannot read
    renamed  puts the network's names on a released state dict
    options  reads off such a state dict how wide the network is, and what else `build` takes
    gives    values (real predictions) | probabilities (of two classes, by a logit)
    encoder  returns the part of a state dict that embeds, None where it has no other; None = it embeds nothing
    """

    build: Callable[..., nn.Module]
    graphs: Callable[[list[str]], Any]
    renamed: Callable[[State], dict[str, Tensor]]
    options: Callable[[State], dict[str, Any]]
    gives: str
    encoder: Callable[[State], dict[str, Tensor] | None] | None = None

    def read(self, state: State, gives: str) -> tuple[dict[str, Tensor], str]:
        """Return a released state dict in our names, and what its network gives: embeddings where asked or bare.

        gives: what is asked for. Raises InputError for embeddings of what embeds nothing.
        """
        ours = self.renamed(state)
        if self.encoder is None:
            if gives == "embeddings":
                raise InputError("target.gives", gives, f"this architecture gives {self.gives}")
            return ours, self.gives
        embedding = self.encoder(ours)
        if embedding is None:
            return ours, "embeddings"
        return (embedding, gives) if gives == "embeddings" else (ours, self.gives)

    def prepare(self, inputs: Any) -> Any:
        """Make of a batch of records what the network takes. Raises InputError for what is no SMILES."""
        texts = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InputError("dataset", type(inputs).__name__, "target.architecture takes molecules: dataset=smiles")
        return _laid_out(self.graphs, tuple(texts))


@lru_cache(maxsize=32)  # batches: what a model is asked, and then its shadow models
def _laid_out(graphs: Callable[[list[str]], Any], smiles: tuple[str, ...]) -> Any:
    return graphs(list(smiles))


ARCHITECTURES = {
    "chemprop": Architecture(chemprop.Chemprop, chemprop.graphs_of, dict, chemprop.options_of, "values"),
    **{
        f"hu2020_{kind}": Architecture(
            partial(hu2020.network, kind),
            hu2020.graphs_of,
            hu2020.renamed,
            hu2020.options_of,
            "probabilities",
            hu2020.encoder_of,
        )
        for kind in hu2020.ENCODERS
    },
}


def architecture(name: str) -> Architecture:
    """Return a network by its name. Raises InputError for one that is not there."""
    return ARCHITECTURES[choice("target.architecture", name, ARCHITECTURES)]
