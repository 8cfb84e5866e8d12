"""Transfer: go on from a pre-trained model on a downstream task, with a new head (Abascal et al. 2024, sheet 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from src.errors import InputError
from src.training.classification import Classification

TUNED = ("head", "last_k", "all")
BATCH_NORM = ("frozen", "moving")


class Transfer(Classification):
    """Classification of downstream classes that starts from a pre-trained backbone.

    tune: what is trained beside the new head: nothing (head), the backbone's last `last_k` blocks, or all of it; the
    rest has no gradient. batch_norm: the backbone's running statistics stay those of pre-training (frozen), or follow
    the fine-tuning batches (moving), whichever weights are trained. The other options are Classification's.
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
    ) -> None:
        super().__init__(
            model,
            epochs,
            batch_size,
            learning_rate,
            weight_decay,
            optimizer,
            momentum,
            schedule,
            augmentation,
            head_init,
            classes,
        )
        for field, value, options in (("tune", tune, TUNED), ("batch_norm", batch_norm, BATCH_NORM)):
            if value not in options:
                raise InputError(f"objective.{field}", value, f"one of {', '.join(options)}")
        blocks = self.model.backbone.blocks
        if isinstance(last_k, bool) or not isinstance(last_k, int) or last_k < 1:
            raise InputError("objective.last_k", last_k, "a whole number from 1")
        if tune == "last_k" and last_k > len(blocks):
            expected = f"at most {len(blocks)}, the blocks of this backbone; tune=all trains them all"
            raise InputError("objective.last_k", last_k, expected)
        self.tune, self.last_k, self.batch_norm = tune, last_k, batch_norm
        if tune != "all":
            self.model.backbone.requires_grad_(False)
            for block in blocks[len(blocks) - last_k :] if tune == "last_k" else ():
                block.requires_grad_(True)

    def adopt(self, start: Mapping[str, np.ndarray]) -> None:
        """Take the backbone's weights from a pre-trained classifier or encoder; its head, if any, is left behind."""
        of_backbone = {name.removeprefix("backbone."): value for name, value in start.items() if _is_backbone(name)}
        own = self.model.backbone.state_dict()
        unlike = [name for name in own if name not in of_backbone or of_backbone[name].shape != own[name].shape]
        if unlike:
            raise InputError(
                "model", type(self.model.backbone).__name__, f"not the one pre-trained: {unlike[0]} differs"
            )
        self.model.backbone.load_state_dict({name: torch.from_numpy(of_backbone[name]) for name in own})

    def train(self, mode: bool = True) -> Self:
        """Switch to training, but for the backbone's BatchNorm where its statistics are frozen."""
        super().train(mode)
        if mode and self.batch_norm == "frozen":
            for module in self.model.backbone.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def _is_backbone(name: str) -> bool:
    return not name.startswith("head.")
