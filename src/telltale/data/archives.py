"""Files out of packages whose digest was checked: wheels and zips, tar files, Debian packages."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from telltale.data.clients import FetchError

AR_HEAD, AR_ENTRY = b"!<arch>\n", 60  # bytes of the head of each file in an ar archive


def extract_below(archive: Path, folder: str, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """Return path below `folder` → content of all regular files there with one of the suffixes.

    Raises FetchError where the archive, a tar file or a Debian package, has none or cannot be read.
    """
    contents = {}
    try:
        data = archive.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(_data_of_deb(data) if data.startswith(AR_HEAD) else data)) as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                inside = name.startswith(f"{folder}/") and ".." not in name.split("/")
                if inside and entry.isfile() and name.endswith(suffixes) and (stream := tar.extractfile(entry)):
                    contents[name.removeprefix(f"{folder}/")] = stream.read()
    except (OSError, EOFError, KeyError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        raise FetchError(f"{archive.name} cannot be unpacked ({error})") from None
    if not contents:
        raise FetchError(f"{archive.name} lacks {folder}")
    return contents


def extract(archive: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Return path → content of the files at these paths; nothing is written to disk, no path of it is followed.

    Raises FetchError where the archive lacks one or cannot be read.
    """
    names = list(paths)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return {name: opened.read(name) for name in names}
        data = archive.read_bytes()
        return _from_tar(_data_of_deb(data) if data.startswith(AR_HEAD) else data, names)
    except KeyError as error:
        raise FetchError(f"{archive.name} lacks {error.args[0]}") from None
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchError(f"{archive.name} cannot be unpacked ({error})") from None


def _from_tar(data: bytes, names: list[str]) -> dict[str, bytes]:
    """Read a tar file, compressed or not, from front to end once."""
    contents: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            name = entry.name.removeprefix("./")
            if name in names and (stream := tar.extractfile(entry)) is not None:
                contents[name] = stream.read()
    for name in names:
        contents[name]  # KeyError where it was not there
    return contents


def _data_of_deb(data: bytes) -> bytes:
    """Return data.tar.* of a Debian package: an ar archive, whose entries have name and size in 60 bytes of text."""
    at = len(AR_HEAD)
    while at + AR_ENTRY <= len(data):
        name, size = data[at : at + 16].decode("ascii").strip().rstrip("/"), int(data[at + 48 : at + 58])
        if name.startswith("data.tar"):
            return data[at + AR_ENTRY : at + AR_ENTRY + size]
        at += AR_ENTRY + size + size % 2
    raise KeyError("data.tar")
