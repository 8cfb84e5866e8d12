"""The rules of CONTRIBUTING.md hold for every file there is, and for each new one without a word here."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

ROOT = Path(__file__).parents[2]
ROOMS = ("data", "models", "training", "defenses", "attacks", "evaluation", "reporting")  # left to right
FILES = sorted((ROOT / "conf").glob("*/*.yaml"))
ATTACKS = [file for file in FILES if file.parent.name == "attack"]
FROM_ELSEWHERE = {  # arguments that the experiment hands over
    "objective": {"model"},
    "trainer": {"fast_dev_run", "profiler"},
    "logger": {"folder", "name", "settings"},
}
BESIDE = {"objective": {"pretraining"}}  # parts of a group that are built by themselves


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def options(file: Path) -> dict:
    """The part of a file that is one class's options; an attack's file holds it under `attack`."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document["attack"] if file in ATTACKS else with_parts(document)


def with_parts(document: dict | None) -> dict:
    """Put a part that comes from another group (`- /dataset@dataset: digits`) where it will stand."""
    own = dict(document or {})
    words = [key for entry in own.pop("defaults", []) if isinstance(entry, dict) for key in entry]
    return {word.partition("@")[2]: {} for word in words if "@" in word} | own


@pytest.mark.parametrize("file", [file for file in FILES if "_target_" in (options(file) or {})], ids=name_of)
def test_options_mirror_the_constructor_one_to_one(file: Path) -> None:
    given = options(file)
    parameters = set(inspect.signature(get_object(given["_target_"])).parameters)
    assert set(given) - {"_target_", *BESIDE.get(file.parent.name, ())} == parameters - FROM_ELSEWHERE.get(
        file.parent.name, set()
    )


@pytest.mark.parametrize("file", ATTACKS, ids=name_of)
def test_an_attack_lists_its_controls(file: Path) -> None:
    assert any("override /controls" in entry for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["defaults"])


@pytest.mark.parametrize("file", [file for file in FILES if file not in ATTACKS], ids=name_of)
def test_only_attacks_override_groups(file: Path) -> None:
    assert "override /" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_from_one_to_its_right(room: str) -> None:
    right = tuple(f"telltale.{other}" for other in ROOMS[ROOMS.index(room) + 1 :])
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / "src" / "telltale" / room).rglob("*.py")
        for name in imported(file)
        if any(name == other or name.startswith(f"{other}.") for other in right)
    ]
    assert not wrong


def test_attacks_import_nothing_that_knows_the_truth() -> None:
    files = (ROOT / "src" / "telltale" / "attacks").rglob("*.py")
    assert not [file for file in files if "telltale.truth" in imported(file)]


def imported(file: Path) -> set[str]:
    """Name the modules that a file imports, at any depth; type-checking imports count too."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
