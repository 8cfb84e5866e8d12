"""Synthetic twins of records: encoded, clipped, perturbed, decoded, each with the label that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch

from src.data.images.records import ImageRecords
from src.data.records import Records
from src.data.seeds import derive, generator
from src.data.tables.records import TableRecords
from src.training.batches import make_batch
from src.training.defense import Defense, Stage
from src.training.recipe import Recipe
from src.training.variational import Variational

if TYPE_CHECKING:
    from src.defenses.vae_metric_privacy.defense import VaeMetricPrivacy

DECODINGS = ("soft", "round", "sample")


@dataclass(frozen=True)
class Twins(Defense):
    """The defence as it is for one model: `entries` are its trained autoencoders, one, or one a class (None = none).

    recipe: that they were trained by. One record's noise derives from the model's seed and its place among the model's
    records, sorted by digest; the rows go out sorted by the twins' own digests, which forget that place.
    """

    stage: ClassVar[Stage] = "data"
    publishes: ClassVar[bool] = True
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
        ordered = records.take(np.argsort(records.fingerprints(), kind="stable"))
        codes = self.codes(ordered)
        made = [self._decoded(ordered, codes, derive(seed, "copy", copy)) for copy in range(self.options.copies)]
        inputs, labels = (np.concatenate(column) for column in zip(*made, strict=True))
        return rebuilt(ordered, inputs, labels)

    def codes(self, records: Any) -> np.ndarray:
        """Return the mean code of each record, not clipped: (records, n) float32."""
        codes = np.empty((len(records), self.options.vae.latent_dim), np.float32)
        inputs, labels = _inputs(records), torch.from_numpy(records.labels)
        with torch.no_grad():
            for objective, rows in self._by_autoencoder(records.labels):
                codes[rows] = objective.model.encode(inputs[rows], labels[rows])[0].numpy()
        return codes

    def decoded(self, records: Any, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z), in [0, 1]: codes (records, n), labels (records,) -> (records, *shape) float32."""
        out = np.empty((len(codes), *records.shape), np.float32)
        wanted = torch.from_numpy(labels)
        with torch.no_grad():
            for objective, rows in self._by_autoencoder(labels):
                logits = objective.model.decode(torch.from_numpy(codes[rows]), wanted[rows])
                out[rows] = objective.means(logits).numpy()
        return out

    def _decoded(self, records: Any, codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        options = self.options
        labels = options.labels.perturb(records.labels, len(records.classes), seed)
        means = self.decoded(records, options.mechanism.perturb(codes, seed), labels)
        return discretised(means, self.recipe.objective["likelihoods"], options.decode, seed), labels

    def _by_autoencoder(self, labels: np.ndarray) -> list[tuple[Variational, np.ndarray]]:
        """Pair each autoencoder with the rows that it encodes or decodes."""
        if len(self.entries) == 1:
            return [(self._loaded(self.entries[0]), np.arange(len(labels)))]
        present = [(entry, np.flatnonzero(labels == label)) for label, entry in enumerate(self.entries)]
        spare = next(entry for entry in self.entries if entry is not None)
        return [(self._loaded(entry or spare), rows) for entry, rows in present if len(rows)]

    def _loaded(self, entry: str | None) -> Variational:
        loaded: Any = self.recipe.loaded(self.recipe.store.root / "release" / str(entry), 0)
        return loaded.eval()


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


def _inputs(records: Any) -> torch.Tensor:
    inputs: torch.Tensor = make_batch(records.arrays(), np.arange(len(records)))
    return inputs


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
