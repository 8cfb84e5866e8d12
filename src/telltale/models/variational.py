"""Variational autoencoder of pictures and table rows (Kingma & Welling 2014): an encoder, a code, a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from telltale.checks import choice, whole_number
from telltale.errors import InputError
from telltale.models.backbone import Backbone, flat_width, picture_channels

ARCHITECTURES = ("mlp", "conv")
LEAST_SIDE = 16  # pixels: smaller pictures leave nothing to stride over


class VAE(Backbone):
    """Encoder q(z|x) = N(μ(x), diag σ²(x)) and decoder p(x|z), both told the class where `classes` is above 0.

        architecture  mlp = one hidden layer each | conv = two or three convolutions of stride 2 and their transposes,
                      for pictures of 16 pixels and more
        latent_dim    n, numbers in a code
        width         of the hidden layer
        channels      of conv's first layer, doubled in each after it
        classes       number of classes that encoder and decoder are told of, 0 = none
        shape         of one record

    `forward` returns the mean codes (records, n).
    """

    accepts = frozenset({"images", "table"})

    def __init__(
        self,
        architecture: str,
        latent_dim: int,
        width: int = 256,
        channels: int = 16,
        classes: int = 0,
        shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(shape)
        choice("defense.vae.architecture", architecture, ARCHITECTURES)
        whole_number("defense.vae.latent_dim", latent_dim)
        whole_number("defense.vae.width", width)
        whole_number("defense.vae.channels", channels)
        self.latent_dim, self.classes, self.output_width = latent_dim, classes, latent_dim
        parts = _convolutional if architecture == "conv" else _dense
        self.encoder, self.decoder = parts(self.shape, latent_dim, width, channels, classes)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return encoder and decoder."""
        return [self.encoder, self.decoder]

    def forward(self, records: Tensor) -> Tensor:
        """Return mean codes (records, n) of records whose class nobody tells."""
        return self.encode(records, torch.zeros(len(records), dtype=torch.long, device=records.device))[0]

    def encode(self, records: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return μ and log σ² of each record's code: records (n, *shape), labels (n,) -> (n, latent_dim) each."""
        features = self.encoder[0](records)
        mean, log_variance = self.encoder[1](self._with_class(features, labels)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return the parameters of p(x|z), as logits where a feature is a probability: (records, *shape)."""
        return self.decoder(self._with_class(codes, labels)).reshape(len(codes), *self.shape)

    def _with_class(self, features: Tensor, labels: Tensor) -> Tensor:
        if not self.classes:
            return features
        classes = torch.arange(self.classes, device=labels.device)  # one_hot looks at its values, which vmap cannot
        return torch.cat([features, (labels[:, None] == classes).to(features.dtype)], 1)


def _dense(
    shape: Sequence[int], latent_dim: int, width: int, channels: int, classes: int
) -> tuple[nn.Sequential, nn.Sequential]:
    features = flat_width(shape)
    encoder = nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(features + classes, width), nn.ReLU(), nn.Linear(width, 2 * latent_dim))
    )
    decoder = nn.Sequential(nn.Linear(latent_dim + classes, width), nn.ReLU(), nn.Linear(width, features))
    return encoder, decoder


def _convolutional(
    shape: Sequence[int], latent_dim: int, width: int, channels: int, classes: int
) -> tuple[nn.Sequential, nn.Sequential]:
    colours, sides = picture_channels(shape), [(shape[1], shape[2])]
    if min(sides[0]) < LEAST_SIDE:
        raise InputError(
            "defense.vae.architecture", "conv", f"mlp: pictures of {sides[0]} pixels are below {LEAST_SIDE}"
        )
    while min(sides[-1]) > 4:
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    depths = [colours, *(channels * 2**step for step in range(len(sides) - 1))]
    down: list[Any] = []
    for before, after in pairwise(depths):
        down += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    flat = depths[-1] * sides[-1][0] * sides[-1][1]
    head = nn.Sequential(nn.Linear(flat + classes, width), nn.ReLU(), nn.Linear(width, 2 * latent_dim))
    up: list[Any] = [nn.Linear(latent_dim + classes, width), nn.ReLU(), nn.Linear(width, flat), nn.ReLU()]
    up += [nn.Unflatten(1, (depths[-1], *sides[-1]))]
    for step in reversed(range(1, len(depths))):
        (high, wide), (height, side) = sides[step - 1], sides[step]
        odd = (high - 2 * height + 1, wide - 2 * side + 1)
        up += [nn.ConvTranspose2d(depths[step], depths[step - 1], 3, stride=2, padding=1, output_padding=odd)]
        up += [nn.ReLU()] if step > 1 else []
    return nn.Sequential(nn.Sequential(*down, nn.Flatten()), head), nn.Sequential(*up)
