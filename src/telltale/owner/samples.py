"""What a language model writes by itself: a few texts for the report."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from telltale.data.seeds import derive
from telltale.data.texts.records import END, PAD, START, TextRecords
from telltale.objectives.language_modeling import LanguageModeling
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.owner.releasing import as_released
from telltale.store.store import Store

LONGEST = 128  # tokens of a text; each is computed from all before it


def samples_of(recipe: Recipe, store: Store, release: Release, like: Any, number: int = 3) -> tuple[str, ...]:
    """Return texts that a released language model writes; none where its texts must not be shown, or cannot be read.

    like: records of its training; what may not be shown of them might be repeated word for word.
    """
    if not isinstance(like, TextRecords) or like.codec is None or not like.readable:
        return ()
    objective = recipe.loaded(store.weights(release.entry), 0)
    if not isinstance(objective, LanguageModeling):
        return ()
    model = as_released(objective.model, recipe.stages).eval()
    length = min(like.shape[0], LONGEST)
    tokens = sampled(model, number, length, derive(0, f"samples of {release.name}"))
    return tuple(like.codec.decode(tokens.numpy()))


@torch.no_grad()
def sampled(model: nn.Module, number: int, length: int, seed: int) -> Tensor:
    """Draw texts token by token, each as probable as the model says: (number, at most `length`), PAD after END."""
    rng = torch.Generator().manual_seed(seed % 2**63)
    tokens = torch.full((number, 1), START)
    while tokens.shape[1] < length:
        over = (tokens[:, -1:] == END) | (tokens[:, -1:] == PAD)
        if over.all():
            break
        logits = model(tokens)[:, -1]
        logits[:, [PAD, START]] = -torch.inf
        drawn = torch.multinomial(logits.softmax(-1), 1, generator=rng)
        tokens = torch.cat([tokens, drawn.masked_fill(over, PAD)], 1)
    return tokens
