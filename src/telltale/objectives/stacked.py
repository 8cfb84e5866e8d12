"""Losses of many molecule encoders at once, each on its own batch: of InfoGraph and of classification."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from telltale.objectives.classification import Classification
from telltale.objectives.infograph import InfoGraph
from telltale.training.fleet.encoders import ENCODERS, StackedEncoder, State, linear
from telltale.training.fleet.graphs import Layout
from telltale.training.fleet.molecules import Losses
from telltale.training.objective import Objective


def losses_of(objective: Objective) -> Losses | None:
    """Return the losses of many such objectives in one step, None where they are trained alone.

    As where another loss or validation joins them, gradients are private, or masks are drawn from a running generator.
    """
    kind: Any = {InfoGraph: InfoGraphs, Classification: Classifications}.get(type(objective))
    encoder: Any = getattr(objective.model, "backbone", objective.model)
    if kind is None or type(encoder) not in ENCODERS:
        return None
    drops = any(isinstance(module, nn.Dropout) and module.p > 0 for module in objective.modules())
    if drops or objective.private or objective.loss_code or objective.validates:
        return None
    losses: Losses = kind(objective)
    return losses


class InfoGraphs:
    """InfoGraph's loss of each model: objectives/infograph.py has the formula."""

    def __init__(self, objective: InfoGraph) -> None:
        self.encoder = StackedEncoder(objective.model, "model.")

    def __call__(self, state: State, layout: Layout, labels: Tensor | None) -> Tensor:
        """Sum the estimator over (atom, own molecule) and (atom, other molecule) pairs: (models,)."""
        atoms = self.encoder.atoms(state, layout)
        molecules = _discriminated(self.encoder.pool(atoms, layout), state, "global_network")
        scores = torch.bmm(_discriminated(atoms, state, "local_network"), molecules.mT)
        batch, real = molecules.shape[1], layout.real[..., 0]
        place = (layout.molecule % (batch + 1)).clamp_max(batch - 1)
        own = scores.gather(2, place[..., None])[..., 0]
        positive, others = softplus(-own), softplus(scores).sum(2) - softplus(own)
        number = layout.atoms[:, 0, 0]
        parts = ((positive, number), (others, number * (batch - 1)))
        means = [((real * part).sum(1) - count * math.log(2)) / count.clamp_min(1) for part, count in parts]
        return means[0] + means[1]


class Classifications:
    """The cross-entropy of each model."""

    def __init__(self, objective: Classification) -> None:
        self.encoder = StackedEncoder(objective.model.backbone, "model.backbone.")

    def __call__(self, state: State, layout: Layout, labels: Tensor | None) -> Tensor:
        """Average the cross-entropy over each model's molecules: (models,)."""
        assert labels is not None
        logits = linear(self.encoder.pool(self.encoder.atoms(state, layout), layout), state, "model.head")
        losses = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape).mean(1)


def _discriminated(rows: Tensor, state: State, name: str) -> Tensor:
    """Apply each model's discriminator: (models, rows, width) -> (models, rows, width)."""
    hidden = rows
    for layer in (0, 2, 4):
        hidden = linear(hidden, state, f"{name}.network.{layer}").relu_()
    return linear(rows, state, f"{name}.shortcut") + hidden
