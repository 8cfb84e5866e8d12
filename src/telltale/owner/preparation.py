"""What decides a fit's outcome before it begins: initial weights, and the records in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from hydra.utils import instantiate

from telltale.data.records import Records
from telltale.data.seeds import derive
from telltale.owner.defense import Defense
from telltale.training.objective import Objective
from telltale.training.seeding import seeded

_MAKERS: dict[str, Callable[..., Any]] = {}  # by the options


def initial_objective(
    model: Mapping[str, Any], objective: Mapping[str, Any], seed: int, start: Mapping[str, np.ndarray] | None = None
) -> Objective:
    """Build model and objective with weights drawn from `seed`; what is pre-trained comes from `start`."""
    make_model, make_objective = _maker(model), _maker(objective)
    with seeded(derive(seed, "initial weights")):
        prepared: Objective = make_objective(model=make_model())
    if start is not None:
        prepared.adopt(start)
    return prepared


def _maker(options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return what builds from options, which are read once: a fleet builds hundreds of models from the same."""
    text = repr(options)
    if text.count("_target_") > 1:  # parts of its own are built anew each time
        return partial(instantiate, dict(options))
    if text not in _MAKERS:
        _MAKERS[text] = instantiate(dict(options), _partial_=True)
    return _MAKERS[text]


def training_records(records: Records, stages: Sequence[Defense], seed: int) -> Records:
    """Pass records through all data stages; a set has no order: sorted by digest, equal sets are trained alike.

    Digests of computed records change with the last bit, so a stage that computes them may give them an order itself.
    """
    for code in stages:
        records = code.records(records, derive(seed, "data stage"))
    if any(code.keeps_order for code in stages):
        return records
    return records.take(np.argsort(records.fingerprints(), kind="stable"))


def membership_of(rows: np.ndarray, records: int) -> np.ndarray:
    """Return rows of a pool as a table for one model: (1, records) bool."""
    table = np.zeros((1, records), bool)
    table[0, rows] = True
    return table


def hidden_records(
    objective: Objective, records: Records, added_code: Sequence[Defense], defenses: Sequence[Defense], seed: int
) -> Any:
    """Return the training records that malicious code hides in a release, in their order; None without such code."""
    trained = training_records(records, defenses, seed)
    for code in added_code:
        if (rows := code.hides(objective, trained)) is not None:
            return trained.take(rows)
    return None


def examples_of(records: Records, stages: Sequence[Defense], seed: int, number: int) -> Mapping[str, Any]:
    """Return some of a model's records and what the first data stage that shows any made of them, by name."""
    for code in stages:
        if shown := code.examples(records, derive(seed, "data stage"), number):
            return shown
    return {}
