"""What makes two entries of the store take equally long: all of their documents but seeds, records and real numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from telltale.store.store import key_of

APART = ("seed", "initial_seed", "records", "release")  # fields in which entries that are alike may differ
NUMBERS = "number_of_records"
STEPS = 20  # of numbers of records between n and e·n: 5 % apart is alike


def likeness(kind: str, document: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """Return a key that entries share which take equally long to make; known: keys of entries -> their own likeness."""
    return key_of({"kind": kind, "like": _plain(document, known)})


def _plain(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        kept = {str(name): _plain(part, known) for name, part in value.items() if name not in APART}
        if isinstance(number := value.get(NUMBERS), int):
            kept[NUMBERS] = round(STEPS * math.log(max(1, number)))
        if isinstance(release := value.get("release"), str):
            kept["release"] = known.get(release, "")
        return kept
    if isinstance(value, list | tuple):
        return [_plain(part, known) for part in value]
    if isinstance(value, float):  # a rate, an ε, a share
        return None
    return known.get(value, value) if isinstance(value, str) else value
