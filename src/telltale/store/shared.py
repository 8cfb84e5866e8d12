"""A store that others fill and this run only reads: the second layer behind one's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.store.digests import document_in, fault_of
from telltale.store.others import exists, folders_in

log = logging.getLogger("telltale")


@dataclass(frozen=True)
class Shared:
    """The entries of a store's folder, to be read: nothing is written or moved there, no lock is made.

    A damaged entry is told once and counts as absent. Raises InputError where the folder is none.
    """

    root: Path
    _told: set[Path] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise InputError("paths.shared_store", self.root, "no such folder; expected a store's, or null")

    def find(self, kind: str, key: str) -> Path | None:
        """Return an entry's folder if all of it is as it was written."""
        return self.sound(self.root / kind / key)

    def sound(self, folder: Path) -> Path | None:
        """Return a folder of this store if it is a whole entry, else None, told once."""
        if not exists(folder):
            return None
        try:
            fault = fault_of(folder)
        except PermissionError:
            fault = "it may not be read"
        if not fault:
            return folder
        if folder not in self._told:
            log.warning(f"shared store: {folder.parent.name}/{folder.name}: {fault}; not used")
            self._told.add(folder)
        return None

    def has(self, folder: Path) -> bool:
        """Say whether a folder lies in this store."""
        return folder.is_relative_to(self.root)

    def entries(self, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield the folder and document of each entry of a kind that has a document."""
        for folder in folders_in(self.root / kind):
            if (document := document_in(folder)) is not None:
                yield folder, document
