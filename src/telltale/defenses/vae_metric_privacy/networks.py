"""Autoencoders at work on records: codes, means, the values read off them, and records of the same kind again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
import torch

from telltale.data.images.records import ImageRecords
from telltale.data.seeds import generator
from telltale.data.tables.records import TableRecords
from telltale.objectives.variational import Variational
from telltale.training.batches import make_batch

DECODINGS = ("soft", "round", "sample")


@dataclass(frozen=True)
class Networks:
    """Autoencoders with their weights: one, or one a class, None where no record was of it."""

    autoencoders: tuple[Variational | None, ...]
    latent_dim: int

    @torch.no_grad()
    def codes(self, records: Any) -> np.ndarray:
        """Return the mean code of each record, not clipped: (records, n) float32."""
        codes = np.empty((len(records), self.latent_dim), np.float32)
        inputs, labels = make_batch(records.arrays(), np.arange(len(records))), torch.from_numpy(records.labels)
        for network, rows in self._shared_out(records.labels):
            codes[rows] = network.model.encode(inputs[rows], labels[rows])[0].numpy()
        return codes

    @torch.no_grad()
    def means(self, records: Any, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z), in [0, 1]: codes (records, n), labels (records,) -> (records, *shape) float32.

        records: of the shape to return; labels: for a decoder that knows labels.
        """
        out = np.empty((len(codes), *records.shape), np.float32)
        latent, classes = torch.from_numpy(codes), torch.from_numpy(labels)
        for network, rows in self._shared_out(labels):
            out[rows] = network.means(network.model.decode(latent[rows], classes[rows])).numpy()
        return out

    def _shared_out(self, labels: np.ndarray) -> list[tuple[Variational, np.ndarray]]:
        """Pair each autoencoder with the rows that it encodes or decodes; a class without one takes another's."""
        trained = [network for network in self.autoencoders if network is not None]
        if len(self.autoencoders) == 1:
            return [(trained[0], np.arange(len(labels)))]
        owners = [
            (network or trained[0], np.flatnonzero(labels == label)) for label, network in enumerate(self.autoencoders)
        ]
        return [(network, rows) for network, rows in owners if len(rows)]


def discretised(means: np.ndarray, likelihoods: Sequence[Any], decode: str, seed: int) -> np.ndarray:
    """Turn probabilities of binary and one-hot features into values: (records, *shape) float32 -> the same shape.

    decode: soft = leave them; round = the likeliest; sample = draw by them. Pixels and numbers stay as they are.
    """
    if decode == "soft":
        return means
    flat, rng = means.reshape(len(means), -1).copy(), generator(seed, "decoding")
    for kind, start, stop in likelihoods:
        part = flat[:, start:stop]
        drawn = rng.random((len(part), 1 if kind == "categorical" else stop - start)) if decode == "sample" else 0.5
        if kind == "binary":
            flat[:, start:stop] = part > drawn
        elif kind == "categorical":
            totals = part.cumsum(1)
            level = part.argmax(1) if decode == "round" else (totals < drawn * totals[:, -1:]).sum(1)
            flat[:, start:stop] = np.arange(stop - start) == level[:, None]
    return flat.reshape(means.shape)


@singledispatch
def rebuilt(records: Any, inputs: np.ndarray, labels: np.ndarray) -> Any:
    """Return records of the same kind with these inputs and labels; there may be more or fewer of them."""
    raise TypeError(f"no twins are made of {type(records).__name__}")


@rebuilt.register
def _(records: ImageRecords, inputs: np.ndarray, labels: np.ndarray) -> ImageRecords:
    return replace(records, pixels=inputs, labels=labels, coarse=None, coarse_classes=(), ids=None)


@rebuilt.register
def _(records: TableRecords, inputs: np.ndarray, labels: np.ndarray) -> TableRecords:
    return replace(records, features=inputs, labels=labels, ids=None)
