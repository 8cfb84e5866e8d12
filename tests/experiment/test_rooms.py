"""The house: no room imports from a room to its right, nothing slow at the door, nothing unpickled anywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.experiment.commands import ROOT, process

SOURCES = sorted((ROOT / "src" / "telltale").rglob("*.py"))
# a room -> what it must know nothing of
FORBIDDEN = {
    "data": {"models", "training", "defenses", "attacks", "evaluation", "reporting", "game", "truth", "experiment"},
    "models": {"training", "defenses", "attacks", "evaluation", "reporting", "game", "truth", "experiment"},
    "training": {"defenses", "attacks", "evaluation", "reporting", "game", "truth", "experiment"},
    "defenses": {"attacks", "evaluation", "reporting", "game", "truth", "experiment"},
    "attacks": {"evaluation", "reporting", "truth", "controls", "experiment"},
    "evaluation": {"attacks", "training", "defenses", "models", "reporting", "game", "experiment"},
    "reporting": {"attacks", "training", "defenses", "models", "game", "truth", "experiment"},
}
SLOW = ("torch", "pytorch_lightning", "torch_geometric", "sklearn", "rdkit", "pandas", "scipy", "wandb", "matplotlib")


def imported(file: Path) -> set[str]:
    """Return every module a file imports, also inside functions; `from a import b` counts as a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_imports_from_a_room_it_must_not_know(room: str) -> None:
    """Catches data that knows models, training that knows attacks, an attack that knows the truth."""
    for file in (ROOT / "src" / "telltale" / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imported(file) if name.startswith("telltale.")}
        assert not rooms & FORBIDDEN[room], f"{file.relative_to(ROOT)} imports {sorted(rooms & FORBIDDEN[room])}"


def test_the_entry_imports_nothing_slow() -> None:
    """Catches a `--help` that takes seconds."""
    for name in (
        "run.py",
        "configuration/command_line.py",
        "configuration/words.py",
        "errors.py",
        "reporting/sweep.py",
    ):
        file = ROOT / "src" / "telltale" / name
        top = ast.Module(
            [node for node in ast.parse(file.read_text()).body if not isinstance(node, ast.FunctionDef)], []
        )
        names = {alias.name for node in ast.walk(top) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in top.body if isinstance(node, ast.ImportFrom) and node.module}
        assert not {one for one in names if one.split(".")[0] in SLOW}, name


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["--cfg", "job"], ["model=gim"], ["attack.kk=1"], ["atack=x"]]
)
def test_answers_that_need_no_data_import_nothing_slow(words: list[str]) -> None:
    """Catches torch behind help, printed configurations and errors of composition."""
    program = (
        "import sys, telltale.run\n"
        "try:\n    telltale.run.main()\n"
        "except SystemExit:\n    pass\n"
        f"print('SLOW', [name for name in {SLOW!r} if name in sys.modules])"
    )
    ended = process(*words, program=program)
    assert ended.out.splitlines()[-1] == "SLOW []", ended.out[-500:]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_source_unpickles_or_imports_torchvision(file: Path) -> None:
    """Catches a file that could run code here, and an import that breaks Lightning beside a CPU torch."""
    banned = {"torchvision", "timm", "pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve"}
    assert not {name for name in imported(file) if name.split(".")[0] in banned}
    for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
        name, keywords = ast.unparse(call.func), {one.arg: ast.unparse(one.value) for one in call.keywords}
        if name == "torch.load":
            assert keywords.get("weights_only") == "True"
        assert name != "pd.read_pickle" and keywords.get("allow_pickle") != "True"
