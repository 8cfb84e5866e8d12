"""Small texts, models and recipes that tests of language models share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from telltale.data.texts.records import END, START, TextRecords
from telltale.store.store import Store
from tests.owned import Owned
from tests.training.small import CPU

WORDS, CONTEXT = 40, 12


def texts_of(number: int, seed: int = 0, classes: int = 4, context: int = CONTEXT) -> TextRecords:
    """Return texts of random tokens of which the first tells the class; some are as long as the context."""
    rng = np.random.default_rng(seed)
    tokens, labels = np.zeros((number, context), np.int64), rng.integers(classes, size=number)
    for row, label in zip(tokens, labels, strict=True):
        length = int(rng.integers(4, context + 1))
        row[:length] = rng.integers(3 + classes, WORDS, size=length)
        row[0], row[1], row[length - 1] = START, 3 + label, END
    words = np.array([" ".join(f"w{token}" for token in row if token > 2) for row in tokens.tolist()], object)
    names = tuple(f"class {place}" for place in range(classes))
    return TextRecords(tokens, WORDS, "0" * 32, "random texts", words, words, np.arange(number), labels, names)


RECORDS = texts_of(60)


def model_of(**options: Any) -> dict[str, Any]:
    """Return options of a tiny transformer."""
    common = {"layers": 2, "width": 16, "heads": 2, "vocabulary": WORDS, "shape": [CONTEXT]}
    return {"_target_": "telltale.models.transformer.Transformer", **common, **options}


def objective_of(**options: Any) -> dict[str, Any]:
    """Return options of a short language modelling."""
    target = "telltale.objectives.language_modeling.LanguageModeling"
    return {"_target_": target, "epochs": 2, "batch_size": 8, "learning_rate": 0.01, **options}


def recipe_in(store: Path, **changes: Any) -> Owned:
    """Return the recipe of both with an owner."""
    return Owned.of(model_of(), objective_of(), CPU, Store(store)).replace(**changes)
