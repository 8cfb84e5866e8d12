"""Entries of a paper's file become what they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from telltale.errors import InputError

T = TypeVar("T")


def read(kind: type[T], group: str, entry: Mapping[str, Any]) -> T:
    """Build a claim, grid, table or curve from its YAML entry; InputError where fields are missing or unknown."""
    try:
        return kind(**entry)
    except TypeError as error:
        raise InputError(group, entry.get("title", entry.get("text", "?")), str(error)) from error
