"""A fingerprint of the code a recipe names, so that the store never serves weights of another version of it."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterable
from functools import cache

ROOMS = ("src.models", "src.training", "src.defenses", "src.data.molecules")


def source_digest(targets: Iterable[str]) -> str:
    """Hash the modules of the named classes and what they import from our rooms, as AST without docstrings.

    Comments, docstrings and formatting change nothing; any change of the code does.
    """
    seen: dict[str, str] = {}
    for target in targets:
        _collect(target.rpartition(".")[0], seen)
    return hashlib.blake2b("".join(f"{name}{seen[name]}" for name in sorted(seen)).encode(), digest_size=8).hexdigest()


def _collect(module: str, seen: dict[str, str]) -> None:
    if module in seen:
        return
    seen[module], imported = _read(module)
    for name in imported:
        _collect(name, seen)


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    importlib.import_module(module)
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree), tuple(name for name in imports if name.startswith(ROOMS))
