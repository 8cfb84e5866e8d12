"""Where things are, and who imports whom: what the rules of the house are asked of."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES, CONF = ROOT / "src", ROOT / "conf"


def module_of(file: Path) -> str:
    """Name the module of a file under src/; a package is its `__init__`."""
    parts = file.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Name the room of a module, or the file at the top that it is."""
    return (*module.split("."), "")[1]


FILES = {module_of(file): file for file in sorted((SOURCES / "telltale").rglob("*.py"))}


@cache
def imported(file: Path) -> frozenset[str]:
    """Name what a file imports, at any depth and for type checking too; `from a import b` is a, and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: a relative import, which these rules cannot follow"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def imports_of(module: str) -> set[str]:
    """Name our modules that a module imports; `from package import module` means the module, not the package."""
    named = {name for name in imported(FILES[module]) if name in FILES}
    return {name for name in named if not any(other.startswith(f"{name}.") for other in named)} - {module}
