"""Results kept: arrays that take seconds to make, found again by a digest of all that they are made of."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np

from telltale.data.ahead import begin, settle
from telltale.errors import InputError
from telltale.store.sources import source_digest
from telltale.store.store import Store, write_array

log = logging.getLogger("telltale")


@dataclass(frozen=True)
class Kept:
    """Where results are kept. store: None = nowhere, each is made whenever it is asked for."""

    store: Store | None = None

    def arrays(
        self, kind: str, document: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]], *code: str
    ) -> dict[str, np.ndarray]:
        """Return the arrays by name that `make` returns, from the store where they were made of the same before.

        kind: of entries; document: all that changes them but the code; code: the modules whose code makes them. A
        store that cannot be written keeps nothing, and nothing is lost but time.
        """
        if self.store is None:
            return dict(make())
        named = _named(kind, document, code)
        settle(str(self.store.folder(kind, named)))
        return self._found_or_made(kind, named, make)

    def begin(
        self, kind: str, document: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]], *code: str
    ) -> None:
        """Have another core make what `arrays` will be asked for, where one is free and it is not there (`ahead`).

        make: can be pickled.
        """
        if self.store is None or not os.access(self.store.root, os.W_OK):  # what is not kept would be made twice
            return
        named = _named(kind, document, code)
        if not (place := self.store.folder(kind, named)).exists():
            begin(str(place), partial(Kept(self.store.detached())._found_or_made, kind, named, make))

    def _found_or_made(
        self, kind: str, named: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        assert self.store is not None
        try:
            if (folder := self.store.find(kind, named)) is not None:
                return {file.stem: np.load(file, allow_pickle=False) for file in sorted(folder.glob("*.npy"))}
        except (InputError, OSError) as error:  # damaged, where nothing can be set aside
            log.debug(f"store: {kind} is made again ({error})")
        made = {name: np.asarray(array) for name, array in make().items()}
        try:
            self.store.add(kind, named, lambda entry: _write(made, entry))
        except (InputError, OSError) as error:
            log.debug(f"store: {kind} is not kept ({error})")
        return made


NOWHERE = Kept()


def _named(kind: str, document: Mapping[str, Any], code: Sequence[str]) -> dict[str, Any]:
    return {**document, "numpy": np.__version__, "code": source_digest(f"{module}.{kind}" for module in code)}


def content_digest(*parts: np.ndarray | Sequence[str]) -> str:
    """Name arrays and texts, in their order, by what they hold: 32 hexadecimal digits.

    >>> content_digest(["CO", "C"]) == content_digest(["C", "OC"])
    False
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        array = np.asarray(part)
        if array.dtype.kind in "OU":  # texts without a NUL in them
            content: Any = "\0".join(array.ravel().tolist()).encode()
            digest.update(f"text {array.shape} {len(content)}\n".encode())
        else:
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def as_bytes(texts: Sequence[str]) -> np.ndarray:
    """Return texts without a line break in them as an array that can be kept: (bytes,) uint8."""
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def as_texts(content: np.ndarray) -> list[str]:
    """Return the texts that `as_bytes` was given; none of them may have been empty.

    >>> as_texts(as_bytes(["CO", "C"])), as_texts(as_bytes([]))
    (['CO', 'C'], [])
    """
    return content.tobytes().decode().split("\n") if len(content) else []


def _write(made: Mapping[str, np.ndarray], entry: Any) -> None:
    for name, array in made.items():
        write_array(entry / f"{name}.npy", array)
