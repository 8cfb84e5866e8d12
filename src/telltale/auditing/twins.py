"""A model among its own shadows: its answers, and what it was trained on, would be compared with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from telltale.errors import InputError
from telltale.game.answers import Answers

COMPARED = ("probabilities", "values", "embeddings")  # kinds of answers that two models never have in common


def require_no_twin(answers: Answers, named: Sequence[tuple[str, str]] = ()) -> None:
    """Refuse, by InputError, a model whose answers about all points are those of an attacked one, to the last bit.

    named: the option that each model after the attacked ones is of, and its value. Answers that say no more than a
    class, or the same of each point, may be equal by chance and are let through.
    """
    if answers.gives not in COMPARED:
        return
    first: dict[bytes, int] = {}
    for model, said in enumerate(answers.answers):
        digest = blake2b(np.ascontiguousarray(said).tobytes(), digest_size=16).digest()
        other = first.setdefault(digest, model)
        if other < min(model, answers.attacked) and _tells(said, len(answers.classes)):
            points = f"about all {answers.points:,} records, to the last bit"
            if named:
                field, value = named[model - answers.attacked]
                raise InputError(field, value, f"answers as the model audited does {points}; is it another model?")
            expected = f"models {other} and {model} are one model: they answer alike {points}; leave one out"
            raise InputError("scores.answers", answers.source, expected)


def _tells(said: np.ndarray, classes: int) -> bool:
    """Tell whether answers of one model, (points, …), say more than a class of each point."""
    return len(np.unique(said.reshape(len(said), -1), axis=0)) > max(classes, 2)
