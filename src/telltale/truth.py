"""Who was in which model: sealed in the game until the evidence is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from telltale.data.captions.shown import Shown
from telltale.data.records import Records


@dataclass(frozen=True)
class Truth:
    """What the evaluation may know and the attack may not.

    membership    (victims, challenge points) bool
    learned       training records of each victim
    disjoint      training records of the disjoint control, possibly none; with `beyond`, others that no model has
    beyond        of each victim, training records that have no counterpart in `disjoint` and are left out where both
                  are compared; None = `disjoint` are a control's
    references    true captions of each challenge point, where it has any
    shown         what each of them is known to show, of data sets that can say it; else None
    payload       records that malicious training code hid in each victim, in their order
    judge         pictures -> classes, by a model that was trained honestly, on pictures that are none of these
    right         by name of evidence, (victims, test records) bool: does the release it was read off classify them as
                  they are labelled
    groups        (challenge points,) int64, which points are of one person or document: intervals draw these together;
                  None = each point for itself
    features      (challenge points, width) float32, the records as plain numbers, where members and others may differ
                  in kind; None = they cannot, or nothing is known of them
    predicted     (challenge points, columns) float32, what models of their labels, fitted without membership, say of
                  each (`evaluation/reference_predictions.py`); None = labels are not known, or too few
    counted       (victims, points) bool, of which points a victim is judged; None = of all
    """

    membership: np.ndarray
    learned: tuple[Records, ...]
    disjoint: Records
    references: tuple[tuple[str, ...], ...] = ()
    shown: Shown | None = None
    payload: tuple[Records, ...] = ()
    judge: Callable[[np.ndarray], np.ndarray] | None = None
    right: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: np.ndarray | None = None
    features: np.ndarray | None = None
    predicted: np.ndarray | None = None
    counted: np.ndarray | None = None
    beyond: tuple[Records, ...] | None = None
