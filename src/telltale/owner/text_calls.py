"""What is asked of a language model with a text: how probable it finds every token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from telltale.objectives.language_modeling import token_losses
from telltale.owner.caption_calls import BEYOND

AT_ONCE = 64  # texts whose distributions over tokens are held at a time


def text_log_probs(model: Any, tokens: Tensor, _: np.ndarray) -> np.ndarray:
    """Return log p of each token after START, given those before it: (texts, context - 1), BEYOND after the end."""
    width, parts = tokens.shape[1] - 1, []
    for part in tokens.split(AT_ONCE):
        losses, is_token = token_losses(model, part)
        told = torch.where(is_token, -losses, BEYOND)
        parts.append(pad(told, (0, width - told.shape[1]), value=BEYOND).float().cpu().numpy())
    return np.concatenate(parts)
