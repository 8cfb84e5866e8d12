"""A part of the configuration becomes an object of the kind that its place asks for; mistakes are told by its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from telltale.errors import InputError

T = TypeVar("T")
SAID = {"rivals": "attack", "controls": "controls", "variants": "variants"}  # how a class of such a part says its name


def built(field: str, options: Any, kind: type[T]) -> T:
    """Build what stands in the configuration under `field`; raises InputError where it is not of this kind.

    A bad option is told as the user writes it: `rivals.rmia.gamma`, where RMIA itself says `attack.gamma`.
    """
    try:
        part = instantiate(options)
    except InstantiationException as error:
        if not isinstance(mistake := error.__cause__, InputError):
            raise
        raise of_part(mistake, field) from None
    if not isinstance(part, kind):
        raise InputError(f"{field}._target_", options["_target_"], f"expected a kind of {kind.__name__}")
    return part


@contextmanager
def told_as(field: str) -> Iterator[None]:
    """Have mistakes that come up inside named as options of this part."""
    try:
        yield
    except InputError as mistake:
        raise of_part(mistake, field) from None


def of_part(mistake: InputError, field: str) -> InputError:
    """Return a mistake with the options of a rival, control or variant under the name they have on the command line."""
    group, _, name = field.partition(".")
    at, expected = mistake.field, mistake.expected
    if name and group in SAID:
        said = re.compile(rf"\b{SAID[group]}\.(?!{re.escape(name)}\.)(?=\w)")
        at, expected = said.sub(f"{field}.", at), said.sub(f"{field}.", expected)
    return InputError(at, mistake.value, expected)
