"""Why no entry of a store serves: for maintainers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from telltale.store.digests import document_in


def miss_of(folders: Iterable[Path], kind: str, document: Mapping[str, Any]) -> str:
    """Say in one line why no entry in these folders serves: the nearest one, and the first field that differs."""
    wanted = dict(_flatten(document))
    nearest: tuple[int, str, str] | None = None
    for folder in folders:
        if (document_there := document_in(folder)) is None:  # what only explains refuses nothing
            continue
        there = dict(_flatten(document_there))
        different = sorted(key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key))
        if different and (nearest is None or len(different) < nearest[0]):
            first = f"{different[0]}: {there.get(different[0])} there, {wanted.get(different[0])} here"
            nearest = (len(different), folder.name, first)
    if nearest is None:
        return f"store: no {kind} yet"
    return f"store: no such {kind}; the nearest, {nearest[1]}, differs in {nearest[0]} fields, first {nearest[2]}"


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flatten(part, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, json.dumps(value, sort_keys=True, default=str)
