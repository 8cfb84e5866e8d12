"""What is asked of a language model with a text: how probable it finds every token, and what else could stand there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from telltale.data.texts.records import PAD
from telltale.models.text_backbone import shortened
from telltale.objectives.language_modeling import token_losses
from telltale.owner.caption_calls import BEYOND

AT_ONCE = 64  # texts whose distributions over tokens are held at a time
LEAST = -1e4  # log p that counts as 0


def text_log_probs(model: Any, tokens: Tensor, _: np.ndarray) -> np.ndarray:
    """Return log p of each token after START, given those before it: (texts, context - 1), BEYOND after the end."""
    width, parts = tokens.shape[1] - 1, []
    for part in tokens.split(AT_ONCE):
        losses, is_token = token_losses(model, part)
        told = torch.where(is_token, -losses, BEYOND)
        parts.append(pad(told, (0, width - told.shape[1]), value=BEYOND).float().cpu().numpy())
    return np.concatenate(parts)


def text_moments(model: Any, tokens: Tensor, _: np.ndarray) -> np.ndarray:
    """Return mean and deviation of log p over all tokens that could come next: (texts, context - 1, 2).

    Under the model's own distribution: μ = Σ_z p(z) log p(z), σ² = Σ_z p(z) (log p(z) − μ)²; BEYOND after the end. All
    of the vocabulary counts, exactly; what leaves is two numbers a token.
    """
    width, parts = tokens.shape[1] - 1, []
    for part in tokens.split(AT_ONCE):
        part = shortened(part)
        log_p = model(part[:, :-1]).float().log_softmax(-1)
        p = log_p.exp()
        log_p = log_p.clamp_min(LEAST)  # 0 times -inf is none
        mean = (p * log_p).sum(-1, keepdim=True)
        deviation = (p * (log_p - mean).square()).sum(-1, keepdim=True).sqrt()
        told = torch.where(part[:, 1:, None] != PAD, torch.cat([mean, deviation], -1), BEYOND)
        parts.append(pad(told, (0, 0, 0, width - told.shape[1]), value=BEYOND).cpu().numpy())
    return np.concatenate(parts)


def without_what_follows(moments: np.ndarray) -> np.ndarray:
    """Put NaN in the place of BEYOND, where a mean cannot be: of a log-probability it is at most 0."""
    return np.where(moments[..., :1] <= 0, moments.astype(np.float64), np.nan)
