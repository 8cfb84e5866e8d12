"""Synthetic twins of records: encoded, clipped, perturbed, decoded, each with the label that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from telltale.data.images.records import ImageRecords
from telltale.data.records import Records
from telltale.data.seeds import derive, generator
from telltale.data.tables.records import TableRecords
from telltale.objectives.variational import Variational
from telltale.owner.defense import Defense, Stage
from telltale.owner.recipe import Recipe
from telltale.training.batches import make_batch

if TYPE_CHECKING:
    from telltale.defenses.vae_metric_privacy.defense import VaeMetricPrivacy

DECODINGS = ("soft", "round", "sample")


@dataclass(frozen=True)
class Twins(Defense):
    """The defence as it is for one model: `entries` are its trained autoencoders, one, or one a class (None = none).

    recipe: that they were trained by. One record's noise derives from the model's seed and its place among the model's
    records, sorted by digest; the rows go out shuffled by that seed.
    """

    stage: ClassVar[Stage] = "data"
    publishes: ClassVar[bool] = True
    keeps_order: ClassVar[bool] = True
    options: VaeMetricPrivacy
    recipe: Recipe
    entries: tuple[str | None, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Name the autoencoders' entries."""
        return tuple(entry for entry in self.entries if entry is not None)

    def detached(self) -> Self:
        """Return the same for another process."""
        return replace(self, recipe=self.recipe.detached())

    def document(self) -> dict[str, Any]:
        """Describe the defence, and name the autoencoders: whose keys say what they were trained on."""
        return {**self.options.document(), "made_by": list(self.entries)}

    def guarantee(self, trained: Any) -> dict[str, Any] | None:
        """State what the options prove."""
        return self.options.guarantee(trained)

    def records(self, records: Any, seed: int) -> Records:
        """Make the twins, as many copies of each record as the options say."""
        ordered, networks = records.take(np.argsort(records.fingerprints(), kind="stable")), self.networks()
        codes = networks.codes(ordered)
        made = [self._copy(networks, ordered, codes, derive(seed, "copy", copy)) for copy in range(self.options.copies)]
        inputs, labels = (np.concatenate(column) for column in zip(*made, strict=True))
        order = generator(seed, "order of the rows").permutation(len(labels))
        return rebuilt(ordered, inputs[order], labels[order])

    def examples(self, records: Any, seed: int, number: int) -> dict[str, Any]:
        """Return the first records, what the autoencoder makes of them without any noise, and their twins."""
        ordered, networks = records.take(np.argsort(records.fingerprints(), kind="stable")), self.networks()
        codes, few = networks.codes(ordered), ordered.take(np.arange(min(number, len(ordered))))
        twins = self._copy(networks, ordered, codes, derive(seed, "copy", 0))[0]
        plain = networks.means(few, codes[: len(few)], few.labels)
        return {
            "original": few,
            "reconstruction": rebuilt(few, plain, few.labels),
            "twin": rebuilt(few, twins[: len(few)], few.labels),
        }

    def networks(self) -> Networks:
        """Load the autoencoders from the store."""
        loaded = [None if entry is None else self._loaded(entry) for entry in self.entries]
        return Networks(tuple(loaded), self.options.vae.latent_dim)

    def _copy(self, networks: Networks, records: Any, codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        options = self.options
        labels = options.labels.perturb(records.labels, len(records.classes), seed)
        means = networks.means(records, options.mechanism.perturb(codes, seed), labels)
        return discretised(means, self.recipe.objective["likelihoods"], options.decode, seed), labels

    def _loaded(self, entry: str) -> Variational:
        loaded: Any = self.recipe.loaded(self.recipe.store.root / "release" / entry, 0, again=True)
        return loaded.eval()


@dataclass(frozen=True)
class Networks:
    """Autoencoders with their weights: one, or one a class, None where no record was of it."""

    members: tuple[Variational | None, ...]
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

        records: says the shape; a decoder that knows labels is told these.
        """
        out = np.empty((len(codes), *records.shape), np.float32)
        given, told = torch.from_numpy(codes), torch.from_numpy(labels)
        for network, rows in self._shared_out(labels):
            out[rows] = network.means(network.model.decode(given[rows], told[rows])).numpy()
        return out

    def _shared_out(self, labels: np.ndarray) -> list[tuple[Variational, np.ndarray]]:
        """Pair each autoencoder with the rows that it encodes or decodes; a class without one takes another's."""
        known = [network for network in self.members if network is not None]
        if len(self.members) == 1:
            return [(known[0], np.arange(len(labels)))]
        owners = [(network or known[0], np.flatnonzero(labels == label)) for label, network in enumerate(self.members)]
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
    return replace(records, pixels=inputs, labels=labels, coarse=None, coarse_classes=())


@rebuilt.register
def _(records: TableRecords, inputs: np.ndarray, labels: np.ndarray) -> TableRecords:
    return replace(records, features=inputs, labels=labels)
