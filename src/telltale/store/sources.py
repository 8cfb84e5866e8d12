"""A fingerprint of the code that makes weights, so that the store never serves those of another version of it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parents[1]
ROOMS = tuple(
    f"telltale.{room}"
    for room in ("data", "models", "training", "objectives", "owner", "defenses", "attacks", "evaluation", "threads")
)
PARSING = threading.Lock()  # CPython up to 3.11 counts the depth of all threads' trees together, and then fails
# order and loop, for every recipe
ALWAYS = ("telltale.training.fit", "telltale.training.batches", "telltale.owner.preparation")


def source_digest(targets: Iterable[str]) -> str:
    """Hash the modules of the named classes, those of ALWAYS and what they import from our rooms.

    Hashed is the AST without docstrings: comments, docstrings and formatting change nothing; any change of the
    code does.
    """
    return _digest(tuple(sorted({*ALWAYS, *(target.rpartition(".")[0] for target in targets)})))


@cache
def _digest(modules: tuple[str, ...]) -> str:
    seen: dict[str, str] = {}
    for module in modules:
        _collect(module, seen)
    return hashlib.blake2b("".join(f"{name}{seen[name]}" for name in sorted(seen)).encode(), digest_size=8).hexdigest()


def _collect(module: str, seen: dict[str, str]) -> None:
    if module in seen:
        return
    seen[module], imported = _read(module)
    for name in imported:
        _collect(name, seen)


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    file = _file_of(module)  # nothing is imported: what trains brings libraries that take seconds to load
    text = file.read_text(encoding="utf-8") if file else ""
    with PARSING:
        tree = ast.parse(text)
    package = module if file and file.name == "__init__.py" else module.rpartition(".")[0]
    blocks = list(_blocks(tree))
    imported = tuple(sorted({name for name in _imports(blocks, package) if _ours(name)}))
    for node in blocks:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree), imported


def _blocks(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a module and all statements in it, at any depth, without the expressions in them: these import nothing."""
    yield node
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in part if isinstance(part := getattr(node, field, None), list) else ():
            yield from _blocks(inner)


def _imports(blocks: Iterable[ast.AST], package: str) -> Iterator[str]:
    """Name all modules that an import statement may mean: `from a import b` is a, and a.b if that is one."""
    for node in blocks:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _ours(name: str) -> bool:
    """Tell whether a name is a module of our rooms; the last part of one may be a class or a function."""
    return any(name == room or name.startswith(f"{room}.") for room in ROOMS) and _file_of(name) is not None


@cache
def _file_of(module: str) -> Path | None:
    """Return the file of a module's code, None where there is none: of ours by its place, without importing it."""
    if module.startswith("telltale."):
        place = HERE.joinpath(*module.split(".")[1:])
        return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)
    specification = importlib.util.find_spec(module)
    origin = specification.origin if specification and specification.has_location else None
    return Path(origin) if origin else None
