"""The house: rooms from left to right, no circle, nothing that knows what it must not know, nothing unpickled."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.rules.house import CONF, FILES, ROOT, SOURCES, imported, imports_of, room_of

ORDER = (  # of design: what stands here may import from its left
    *("errors", "checks", "process", "progress", "threads", "writing"),
    *("store", "data", "models", "training", "objectives", "owner", "defenses"),
    *("evidence", "truth", "game", "targets", "attacks", "worlds", "evaluation", "reporting"),
    *("sweeps", "papers", "audits"),
    *("configuration", "auditing", "experiment", "planning", "verbs", "command", "api", "__main__"),
)
GROUND = {"errors", "checks", "process", "progress", "threads", "writing"}
KNOWS_ONLY = {  # rooms beside the story, which know less than what stands to their left
    "evidence": GROUND | {"data"},
    "truth": GROUND | {"data"},
    "evaluation": GROUND | {"data", "evidence", "truth"},
    "reporting": GROUND | {"data", "evidence", "evaluation"},
    "sweeps": GROUND | {"store", "evaluation", "reporting"},
    "papers": GROUND | {"evaluation", "reporting"},
}
ROOMS = sorted({room_of(module) for module in FILES} - {""})


def test_every_room_has_its_place() -> None:
    """Catches a new room, or a file at the top, that no rule asks about."""
    assert set(ROOMS) == set(ORDER)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_from_one_to_its_right(room: str) -> None:
    """Catches data that knows models, training that knows attacks; type-checking imports count too."""
    right = ORDER[ORDER.index(room) + 1 :]
    assert not [arrow for arrow in arrows_from(room) if room_of(arrow[1]) in right]


def test_no_circle_of_modules() -> None:
    """Catches two modules that need each other, be it for types only: neither can be read, or moved, alone."""
    try:
        TopologicalSorter({module: imports_of(module) for module in FILES}).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


@pytest.mark.parametrize("room", KNOWS_ONLY)
def test_rooms_beside_the_story_do_not_know_how_it_came_about(room: str) -> None:
    """Catches a score or a page that depends on how an attack works."""
    assert not [arrow for arrow in arrows_from(room) if room_of(arrow[1]) not in {room, *KNOWS_ONLY[room]}]


def test_packages_import_nothing_by_themselves() -> None:
    """Catches an `__init__` that loads a whole room, and arrows that these rules cannot see."""
    assert not [module for module, file in FILES.items() if file.name == "__init__.py" and imports_of(module)]


def test_attacks_know_nothing_of_the_truth() -> None:
    """Catches an attack that reads its victim's membership."""
    assert not [arrow for arrow in arrows_from("attacks") if room_of(arrow[1]) == "truth"]


def arrows_from(room: str) -> list[tuple[str, str]]:
    """Return (module of the room, module that it imports)."""
    return [(module, other) for module in FILES if room_of(module) == room for other in sorted(imports_of(module))]


@pytest.mark.parametrize("folder", ["src", "scripts", "tests"])
def test_nothing_names_the_package_by_its_folder(folder: str) -> None:
    """Catches `src.telltale.…`, which would be a second copy of each class: `isinstance` between the two is false."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        constants = {node.value for node in ast.walk(parsed(file)) if isinstance(node, ast.Constant)}
        named = imported(file) | {text for text in constants if isinstance(text, str)}
        assert not {name for name in named if re.match(r"src\.telltale(\.\w|$)", name)}, file


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONF)))
def test_no_word_names_the_package_by_its_folder(file: Path) -> None:
    """Catches the same in a `_target_`."""
    assert not re.search(r"\bsrc\.telltale\b", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES.values(), ids=lambda file: str(file.relative_to(SOURCES)))
def test_no_source_unpickles_or_imports_torchvision(file: Path) -> None:
    """Catches a file that could run code here, and an import that breaks Lightning beside a CPU torch."""
    banned = {"torchvision", "timm", "pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve"}
    assert not {name for name in imported(file) if name.split(".")[0] in banned}
    for call in (node for node in ast.walk(parsed(file)) if isinstance(node, ast.Call)):
        name, keywords = ast.unparse(call.func), {given.arg: ast.unparse(given.value) for given in call.keywords}
        if name == "torch.load":
            assert keywords.get("weights_only") == "True"
        assert name != "pd.read_pickle" and keywords.get("allow_pickle") != "True"


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", ["src", "scripts"])
def test_no_file_is_longer_than_300_lines(folder: str) -> None:
    """Catches a file that nobody reads from top to bottom."""
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in (ROOT / folder).rglob("*.py")}
    assert not {file: lines for file, lines in lengths.items() if lines >= 300}
