"""What is asked with a text a picture: how probable a captioner finds its words, how near a dual encoder puts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from telltale.objectives.captioning import word_losses

Query = Callable[[Any, Tensor, np.ndarray], np.ndarray]  # model, pictures (n, …), their rows -> answers (n, …)
BEYOND = 1.0  # marks what is beyond a text's end; a log-probability is at most 0
AT_ONCE = 64  # pictures whose distributions over words are held at a time


def word_log_probs(texts: Sequence[str]) -> Query:
    """Ask for log p of each next word, and of the end: (n, most words + 1), BEYOND after the end."""

    def log_probs(logits: Tensor, rows: Tensor) -> Tensor:
        losses, is_word = (part[:, 0] for part in word_losses(logits, rows))
        return torch.where(is_word, -losses, BEYOND)

    return _query(texts, log_probs)


def word_distributions(texts: Sequence[str]) -> Query:
    """Ask for the distribution of each next word: (n, most words + 1, words), 0 after the end."""

    def distributions(logits: Tensor, rows: Tensor) -> Tensor:
        _, is_word = word_losses(logits, rows)
        return logits[:, 0, :-1].softmax(-1) * is_word[:, 0, :, None]

    return _query(texts, distributions)


def caption_cosines(texts: Sequence[str]) -> Query:
    """Ask for the cosine of each picture and its text: (n,)."""

    def asked(model: Any, pictures: Tensor, rows: np.ndarray) -> np.ndarray:
        numbered = model.vocabulary.rows([(texts[row],) for row in rows])
        cosines: np.ndarray = model.cosines(pictures, torch.from_numpy(numbered).to(pictures.device)).cpu().numpy()
        return cosines

    return asked


def without_rest(log_probs: np.ndarray) -> np.ndarray:
    """Put NaN in the place of BEYOND."""
    return np.where(log_probs <= 0, log_probs.astype(np.float64), np.nan)


def _query(texts: Sequence[str], answer: Callable[[Tensor, Tensor], Tensor]) -> Query:
    @cache
    def numbered(vocabulary: Any) -> Tensor:
        return torch.from_numpy(vocabulary.rows([(text,) for text in texts]))  # as wide in every batch

    def asked(model: Any, pictures: Tensor, rows: np.ndarray) -> np.ndarray:
        own = numbered(model.vocabulary)[torch.from_numpy(rows)].to(pictures.device)
        pairs = zip(pictures.split(AT_ONCE), own.split(AT_ONCE), strict=True)
        return np.concatenate([answer(model.word_logits(*pair), pair[1]).float().cpu().numpy() for pair in pairs])

    return asked
