"""The notebooks of examples/ run from top to bottom, say what they promise, and are kept without outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from telltale.api import Result
from telltale.evaluation.answer import LEAKS

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SMALLER: dict[str, dict[str, Any]] = {
    "audit_a_classifier": {"REPLICATES": 50},
    "audit_a_molecular_model": {"REPLICATES": 50, "MOLECULES": 600},
    "read_a_lira_experiment": {"REPLICATES": 50},
}


def cells(notebook: Path, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


def played(notebook: Path, smaller: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Run the code cells in order, and return the names they made and what each cell shows: its last expression."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for at, cell in enumerate(cells(notebook)):
        body = ast.parse("".join(cell["source"])).body
        names["shown"] = None
        if isinstance(body[-1], ast.Expr):
            body[-1] = ast.Assign([ast.Name("shown", ast.Store())], body[-1].value)
        module = ast.fix_missing_locations(ast.Module(body, []))
        exec(compile(module, f"{notebook.name}, code cell {at}", "exec"), names)
        shown.append(names["shown"])
        if "parameters" in cell["metadata"].get("tags", ()):
            assert smaller.keys() <= names.keys()
            names |= smaller
    return names, shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_and_finds_the_leak_it_tells_of(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches an example that a changed interface has broken, and a story that the figures do not tell any more."""
    matplotlib.use("Agg")
    own = {"FOLDER": str(tmp_path)} if notebook.stem == "read_a_lira_experiment" else {}
    monkeypatch.chdir(tmp_path)
    names, shown = played(notebook, SMALLER[notebook.stem] | own)
    results = [one for one in shown if isinstance(one, Result)]
    assert results and results[-1].verdict == LEAKS
    assert all(one.sentence in one._repr_html_() for one in results)
    if "again" in names:
        assert names["again"].auc.value < names["audited"].auc.value


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_kept_without_outputs(notebook: Path) -> None:
    """Catches pictures, and records, that a notebook carries into every clone."""
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(notebook))


def test_there_is_a_notebook_for_each_of_three_users() -> None:
    """Catches a notebook that is in the table of sizes alone."""
    assert [file.stem for file in NOTEBOOKS] == sorted(SMALLER)
