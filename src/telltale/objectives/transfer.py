"""Transfer: go on from a pre-trained model on a downstream task, with a new head (Abascal et al. 2024, sheet 3)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from telltale.checks import choice, number, whole_number
from telltale.errors import InputError
from telltale.models.backbone import Backbone, Classifier
from telltale.models.low_rank import add_low_rank, names_before
from telltale.models.text_backbone import TextBackbone
from telltale.objectives.classification import Classification

TUNED = ("head", "last_k", "all", "lora")
ADAPTED = ("all", "attention", "network")
BATCH_NORM = ("frozen", "moving")


class Transfer(Classification):
    """Classification of downstream classes that starts from a pre-trained backbone.

    The options beside Classification's:

        tune        head | last_k | all | lora: what is trained beside the new head, nothing, the backbone's last
                    `last_k` blocks, all of it, or low-rank updates of a transformer's linear layers; the rest has no
                    gradient
        last_k      blocks of the backbone, counted from its end
        rank        of the updates, with tune=lora
        alpha       of tune=lora: an update counts alpha / rank times
        adapted     attention | network | all: layers that tune=lora updates
        batch_norm  frozen | moving: the backbone's running statistics stay those of pre-training, or follow the
                    fine-tuning batches, whichever weights are trained

    Raises InputError for an option out of range, and for more blocks than the backbone has.
    """

    def __init__(
        self,
        model: nn.Module,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        optimizer: str = "sgd",
        momentum: float = 0.9,
        schedule: str = "cosine",
        augmentation: str = "none",
        head_init: float | None = None,
        classes: int | None = None,
        tune: str = "head",
        last_k: int = 1,
        batch_norm: str = "frozen",
        rank: int = 4,
        alpha: float = 8.0,
        adapted: str = "all",
    ) -> None:
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            optimizer=optimizer,
            momentum=momentum,
            schedule=schedule,
            augmentation=augmentation,
            head_init=head_init,
            classes=classes,
        )
        choice("objective.tune", tune, TUNED)
        choice("objective.batch_norm", batch_norm, BATCH_NORM)
        choice("objective.adapted", adapted, ADAPTED)
        whole_number("objective.last_k", last_k)
        whole_number("objective.rank", rank)
        number("objective.alpha", alpha, above=0)
        blocks = self.model.backbone.blocks
        if tune == "last_k" and last_k > len(blocks):
            expected = f"at most {len(blocks)}, the blocks of this backbone; tune=all trains them all"
            raise InputError("objective.last_k", last_k, expected)
        self.tune, self.last_k, self.batch_norm = tune, last_k, batch_norm
        if tune == "lora":
            names = projections_of(self.model.backbone, adapted)
            full = min(min(self.model.backbone.get_submodule(name).weight.shape) for name in names)
            if rank > full:
                expected = f"at most {full}, the full rank of the narrowest layer; tune=all trains them all"
                raise InputError("objective.rank", rank, expected)
            add_low_rank(self.model.backbone, names, rank, alpha)
        elif tune != "all":
            self.model.backbone.requires_grad_(False)
            for block in blocks[len(blocks) - last_k :] if tune == "last_k" else ():
                block.requires_grad_(True)
        self.train()  # a fit begins in the modes it finds

    def adopt(self, start: Mapping[str, np.ndarray]) -> None:
        """Take the backbone's weights from a pre-trained classifier or encoder; its head, if any, is left behind."""
        backbone = self.model.backbone
        before = {name.removeprefix("backbone."): value for name, value in start.items() if _is_backbone(name)}
        state, names = backbone.state_dict(), names_before(backbone)
        unlike = [old for name, old in names.items() if old not in before or before[old].shape != state[name].shape]
        if unlike:
            raise InputError("model", type(backbone).__name__, f"not the one pre-trained: {unlike[0]} differs")
        known = {name: torch.from_numpy(before[old]) for name, old in names.items()}
        backbone.load_state_dict(state | known)  # updates of low rank stay as drawn

    @property
    def features_are_fixed(self) -> bool:
        """Say whether a record's features are the same in every epoch: then they need computing once only."""
        norms = any(isinstance(module, _BatchNorm) for module in self.model.backbone.modules())
        drops = any(isinstance(module, nn.Dropout) and module.p > 0 for module in self.model.backbone.modules())
        return (
            self.tune == "head"
            and self.augmentation == "none"
            and (not drops or self._keeps_still)
            and not (norms and self.batch_norm == "moving")
        )

    @property
    def _keeps_still(self) -> bool:
        """Say whether a frozen backbone drops nothing: of texts, where one of somebody's has dropout by default."""
        return self.tune == "head" and isinstance(self.model.backbone, TextBackbone)

    @property
    def stackable(self) -> bool:
        """Say whether many models can be trained in one step: on fixed features those of graphs too."""
        return self.features_are_fixed or self.model.accepts != "molecules"

    def on_features(self) -> Transfer:
        """Return the same objective with the head alone, which takes the backbone's features as records."""
        alone = copy.copy(self)
        alone._modules = {**self._modules, "model": Classifier(Features(self.model.output_width), 2)}
        alone.model.head = self.model.head
        return alone

    @torch.no_grad()
    def begun(self, inputs: Tensor) -> Any:
        """Compute the frozen blocks of a backbone of texts, where an epoch's would be every other's."""
        backbone = self.model.backbone
        frozen = len(backbone.blocks) - 1 - self.last_k if self.tune == "last_k" else 0
        drops = any(isinstance(module, nn.Dropout) and module.p > 0 for module in backbone.modules())
        if frozen < 1 or drops or self.augmentation != "none" or not isinstance(backbone, TextBackbone):
            return None
        return backbone.begun(inputs, frozen)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, but for the backbone's BatchNorm where its statistics are frozen."""
        super().train(mode)
        if mode and self._keeps_still:
            self.model.backbone.eval()
        if mode and self.batch_norm == "frozen":
            for module in self.model.backbone.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


class Features(Backbone):
    """The identity on features that were computed before: (records, width) -> the same."""

    accepts = frozenset({"images", "table", "molecules", "text"})

    def __init__(self, width: int) -> None:
        super().__init__((width,))
        self.output_width = width

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return nothing: there is no parameter."""
        return []

    def linear_layers(self) -> list[tuple[str, str]]:
        """Name nothing: there is no layer."""
        return []

    def forward(self, records: Tensor) -> Tensor:
        """Hand on what is given."""
        return records


def projections_of(backbone: nn.Module, adapted: str) -> list[str]:
    """Name the linear layers that are to be updated. Raises InputError for a backbone that names none."""
    parts = backbone.projections() if isinstance(backbone, TextBackbone) else {}
    names = [name for part, of_part in parts.items() if adapted in ("all", part) for name in of_part]
    if not names:
        expected = f"head, last_k or all: {type(backbone).__name__} names no layers for low-rank updates"
        raise InputError("objective.tune", "lora", expected)
    return names


def _is_backbone(name: str) -> bool:
    return not name.startswith("head.")
