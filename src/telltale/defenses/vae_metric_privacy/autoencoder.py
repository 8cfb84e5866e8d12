"""The autoencoder behind synthetic twins: its options, and the recipe that trains it as any other model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from telltale.checks import choice, number, whole_number
from telltale.data.images.records import ImageRecords
from telltale.data.tables.records import TableRecords
from telltale.errors import InputError
from telltale.models.backbone import flat_width
from telltale.models.variational import ARCHITECTURES, LEAST_SIDE
from telltale.owner.defense import Defense
from telltale.owner.recipe import Recipe
from telltale.training.trainer import TrainerOptions

LIKELIHOODS = ("auto", "bernoulli", "gaussian")


@dataclass(frozen=True)
class Autoencoder:
    """Options of the VAE; `telltale.models.variational` and `telltale.objectives.variational` say what they do.

        architecture   mlp | conv | auto = conv for pictures of 16 pixels and more
        latent_dim     n, numbers in a code
        width          of the hidden layer
        channels       of conv's first layer, doubled in each after it
        likelihood     bernoulli | gaussian | auto = pixels by a Bernoulli's cross-entropy, tables by their columns
        deviation      of numeric features in [0, 1]
        beta           β, the weight of the KL
        epochs         passes over the records
        batch_size     records in a batch
        learning_rate  of Adam

    Raises InputError for a word that there is not, and for a number out of range.
    """

    architecture: str = "auto"
    latent_dim: int = 16
    width: int = 256
    channels: int = 16
    likelihood: str = "auto"
    deviation: float = 0.1
    beta: float = 1.0
    epochs: int = 150
    batch_size: int = 64
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        choice("defense.vae.architecture", self.architecture, ("auto", *ARCHITECTURES))
        choice("defense.vae.likelihood", self.likelihood, LIKELIHOODS)
        for field in ("latent_dim", "width", "channels", "epochs", "batch_size"):
            whole_number(f"defense.vae.{field}", getattr(self, field))
        number("defense.vae.learning_rate", self.learning_rate, above=0)

    def recipe(self, trainer: TrainerOptions, records: Any, classes: int, code: tuple[Defense, ...] = ()) -> Recipe:
        """Return the recipe that trains it on such records, on the owner's device.

        classes: how many it is told of, 0 = none; code: what protects its training.
        """
        model = {
            "_target_": "telltale.models.variational.VAE",
            "architecture": self._architecture(records),
            "latent_dim": self.latent_dim,
            "width": self.width,
            "channels": self.channels,
            "classes": classes,
            "shape": list(records.shape),
        }
        objective = {
            "_target_": "telltale.objectives.variational.Variational",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "likelihoods": likelihoods(records, self.likelihood),
            "beta": self.beta,
            "deviation": self.deviation,
        }
        return Recipe(model, objective, trainer, defenses=code)

    def _architecture(self, records: Any) -> str:
        if self.architecture != "auto":
            return self.architecture
        picture = len(records.shape) == 3 and min(records.shape[1:]) >= LEAST_SIDE
        return "conv" if picture else "mlp"


def likelihoods(records: Any, likelihood: str) -> list[list[Any]]:
    """Say how each slice of the flattened features is read, as plain values: [kind, start, stop] each."""
    if likelihood != "auto":
        return [["unit" if likelihood == "bernoulli" else "numeric", 0, flat_width(records.shape)]]
    return slices(records)


@singledispatch
def slices(records: Any) -> list[list[Any]]:
    """Say what the features of records are; one implementation for each kind of data with an autoencoder."""
    raise InputError(
        "defense", "vae_metric_privacy", f"works on images or table, but {records.source} holds {records.kind}"
    )


@slices.register
def _(records: ImageRecords) -> list[list[Any]]:
    return [["unit", 0, flat_width(records.shape)]]


@slices.register
def _(records: TableRecords) -> list[list[Any]]:
    """Put neighbouring columns of one kind together, but for one-hot blocks."""
    merged: list[list[Any]] = []
    for column in records.columns:
        if merged and column.kind != "categorical" and merged[-1][0] == column.kind:
            merged[-1][2] = column.stop
        else:
            merged.append([column.kind, column.start, column.stop])
    return merged
