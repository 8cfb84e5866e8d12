"""RelaxLoss: train to a chosen loss above zero, so that members' losses look like others' (Chen et al., ICLR 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, one_hot

from telltale.checks import number, share
from telltale.errors import InputError
from telltale.owner.defense import Defense, Stage
from telltale.training.objective import Objective
from telltale.training.processes import total_over_processes, world_size


@dataclass(frozen=True)
class RelaxLoss(Defense):
    """L: the batch's mean cross-entropy; epochs alternate, counted from 0.

        even  |L - α|
        odd   L where L > α, else the mean cross-entropy to soft labels t (posterior flattening):
              t_y = min(p_y, upper),  t_c = (1 - t_y) / (K - 1) for the other classes

    t is a target: no gradient flows through it. alpha: α, the loss aimed at, in nats; upper: the most that a soft label
    gives the true class. The authors' CIFAR runs flatten misclassified records only and subtract the cross-entropy;
    that variant is not built. Raises InputError for options out of range, and for an objective without classes.
    """

    stage: ClassVar[Stage] = "training"
    alpha: float = 0.5
    upper: float = 1.0

    def __post_init__(self) -> None:
        number("defense.alpha", self.alpha, least=0, expected="from 0, in nats")
        share("defense.upper", self.upper)

    def prepare(self, objective: Objective) -> None:
        """Refuse an objective that computes no logits of classes."""
        if not hasattr(objective, "logits"):
            raise InputError("defense", "relaxloss", "relaxes a loss on classes; needs objective=classification")

    def loss(self, objective: Objective, batch: Any, loss: Tensor) -> Tensor:
        """Return the relaxed loss of the batch whose mean cross-entropy is `loss`: () -> ().

        Under DDP `loss` is this process's share of the global batch's loss; which side and branch it takes follows from
        the whole.
        """
        whole = total_over_processes(loss) / world_size()
        if objective.current_epoch % 2 == 0:
            return (whole - self.alpha).sign() * (loss - self.alpha)
        logits = objective.logits
        assert isinstance(logits, Tensor)
        flat = flattening(logits, batch.labels, self.upper)
        number = total_over_processes(torch.ones_like(flat).sum())
        # chosen by value, not by `if`: the branch differs between the models of a fleet
        return torch.where(whole > self.alpha, loss, flat.sum() * world_size() / number)


def flattening(logits: Tensor, labels: Tensor, upper: float) -> Tensor:
    """Cross-entropy to the soft labels t of RelaxLoss: logits (records, classes), labels (records,) -> (records,)."""
    logs, classes = log_softmax(logits, -1), logits.shape[-1]
    is_true = one_hot(labels, classes).to(logs.dtype)
    true = (logs.detach().exp() * is_true).sum(-1, keepdim=True).clamp(max=upper)
    target = is_true * true + (1 - is_true) * (1 - true) / (classes - 1)
    return -(target * logs).sum(-1)
