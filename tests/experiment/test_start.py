"""Nothing slow at the door: help, printed configurations and errors of composition answer at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.experiment.commands import ROOT, command, process

SLOW = ("torch", "pytorch_lightning", "torch_geometric", "sklearn", "rdkit", "pandas", "scipy", "wandb", "matplotlib")

TRAINING = ("pytorch_lightning", "torch_geometric", "torch._dynamo", "sklearn", "opacus")


def slow_modules(words: list[str], slow: tuple[str, ...]) -> list[str]:
    """Play a command in a process of its own; returns which of the slow modules it has loaded."""
    program = (
        "import sys, telltale.command\n"
        "try:\n    telltale.command.main()\n"
        "except SystemExit:\n    pass\n"
        f"print('SLOW', *(name for name in {slow!r} if name in sys.modules))"
    )
    said, *loaded = process(*words, program=program).out.splitlines()[-1].split()
    assert said == "SLOW"
    return loaded


def test_the_entry_imports_nothing_slow() -> None:
    """Catches a `--help` that takes seconds."""
    for name in (
        "command.py",
        "configuration/command_line.py",
        "configuration/words.py",
        "errors.py",
        "sweeps/summary.py",
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
    assert slow_modules(words, SLOW) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", [["model=mlp"], ["model=gin", "dataset=b3db", "rivals=none"]])
def test_a_rerun_loads_nothing_that_only_training_needs(model: list[str], tmp_path: Path) -> None:
    """Catches seconds of Lightning, PyTorch Geometric, scikit-learn or the compiler where all comes from the store."""
    words = ["attack=lira", "scale=smoke", "logger=none", *model, f"paths.outputs={tmp_path}"]
    assert command(*words).code == 0
    assert slow_modules(words, TRAINING) == []


def test_a_network_is_measured_without_its_weights_being_drawn() -> None:
    """Catches a second for torch's compiler, which draws weights that have no memory, and a network refused no more."""
    program = (
        "import sys\n"
        "from telltale.configuration.compatibility import _require_memory\n"
        "gin = {'_target_': 'telltale.models.gin.GIN', 'layers': 3}\n"
        "_require_memory(gin | {'width': 64})\n"
        "print('torch._dynamo' in sys.modules)\n"
        "_require_memory(gin | {'width': 1_000_000})\n"
    )
    ended = process(program="import sys; sys.path.insert(0, 'src')\n" + program)
    assert ended.out.strip() == "False"
    assert "model=GIN: its weights take" in ended.err
