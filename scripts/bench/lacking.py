"""Stand-ins for packages that fleets import and a machine with a GPU may lack: none is used in what is measured."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import partial
from importlib.machinery import ModuleSpec
from typing import Any
from unittest.mock import MagicMock

# with the modules of each that are imported by name
PACKAGES = {
    "rdkit": ("Chem", "Chem.Scaffolds"),
    "hydra": ("utils",),
    "filelock": (),
    "rich": ("console", "progress"),
    "torch_geometric": ("utils",),
}


def stand_in() -> list[str]:
    """Put something in the place of each package that is not there; returns which."""
    lacking = [package for package in PACKAGES if not _is_there(package)]
    for package in lacking:
        for name in (package, *(f"{package}.{part}" for part in PACKAGES[package])):
            sys.modules[name] = MagicMock(__version__="0", __spec__=ModuleSpec(name, None))
    modules: Any = sys.modules
    if "hydra" in lacking:
        modules["hydra.utils"].instantiate = instantiate
    if "torch_geometric" in lacking:
        modules["torch_geometric.utils"].scatter = _scatter
    return lacking


def instantiate(options: Mapping[str, Any], _partial_: bool = False, **more: Any) -> Any:
    """Build what plain options name by `_target_`, as hydra.utils.instantiate does."""
    module, _, name = options["_target_"].rpartition(".")
    make = getattr(importlib.import_module(module), name)
    given = {key: value for key, value in options.items() if key != "_target_"}
    return partial(make, **given, **more) if _partial_ else make(**given, **more)


def _is_there(package: str) -> bool:
    return sys.modules.get(package, ...) is not None and importlib.util.find_spec(package) is not None


def _scatter(rows: Any, place: Any, _: int, number: int, how: str) -> Any:
    assert how == "sum"
    return rows.new_zeros(number, *rows.shape[1:]).index_add_(0, place, rows)
