"""What decides the answers of a user's training code, as digests: its files, and the records it was given."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def code_digest(place: Any) -> str:
    """Hash the file of `file.py:function` and those beside it that it imports, as syntax: comments change nothing."""
    path, _, name = str(place).rpartition(":")
    file, seen = Path(path).expanduser(), dict[str, str]()
    _collect(file, file.parent, seen)
    text = "".join(f"{key}\n{seen[key]}\n" for key in sorted(seen))
    return hashlib.blake2b(f"{name}\n{text}".encode(), digest_size=12).hexdigest()


def _collect(file: Path, folder: Path, seen: dict[str, str]) -> None:
    key = file.relative_to(folder).as_posix()
    if key in seen:
        return
    tree = ast.parse(file.read_bytes())
    seen[key] = ast.dump(tree)
    for module in _imported(tree):
        place = folder.joinpath(*module.split("."))
        for other in (place.with_suffix(".py"), place / "__init__.py"):
            if other.is_file():
                _collect(other, folder, seen)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def digest_of(*parts: Any) -> str:
    """Hash arrays, data frames and lists of texts; None is nothing.

    >>> digest_of(np.arange(3)) == digest_of(np.arange(3)), digest_of(np.arange(3)) == digest_of(np.arange(3.0))
    (True, False)
    """
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(_bytes_of(part))
    return digest.hexdigest()


def _bytes_of(part: Any) -> bytes:
    if hasattr(part, "iloc"):
        import pandas as pd

        columns = repr([str(name) for name in getattr(part, "columns", ())]).encode()
        return columns + pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes()
    if hasattr(part, "bytes_of"):  # pictures kept as bytes, whose text would be cut short
        part = part.bytes_of()
    if isinstance(part, np.ndarray) and part.dtype != object:
        return f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes()
    return repr(part.tolist() if isinstance(part, np.ndarray) else part).encode()
