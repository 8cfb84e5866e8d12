"""The page of benchmarks keeps what is not measured anew, and what it says of growth is the slope."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.bench import command, growth, jax_process, page

ORDER = ["first", "second", "gpu"]


def test_a_section_measured_anew_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    """Catches an interrupted run that loses what it had measured, and sections in the order of the command line."""
    file = tmp_path / "docs" / "page.md"
    for name in ("gpu", "second", "first", "forgotten"):
        page.put(file, name, f"## {name}\n\nold", [*ORDER, "forgotten"])
    page.put(file, "second", "## second\n\nnew", ORDER)
    assert page.sections_of(file.read_text()) == {
        "first": "## first\n\nold\n",
        "second": "## second\n\nnew\n",
        "gpu": "## gpu\n\nold\n",
    }
    assert [*page.sections_of(file.read_text())] == ORDER and file.read_text().startswith(page.HEAD)
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.parametrize(("load", "said"), [(0.2, False), (5.0, True)])
def test_a_section_says_when_and_at_which_load(load: float, said: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a figure from a busy machine that does not say so."""
    monkeypatch.setattr(page, "load_now", lambda: load)
    text = page.measured("first", lambda: "## First\n\nbody\n")
    heading, stamp, body = text.strip().split("\n\n")
    assert heading == "## First" and body == "body" and f"load average {load}" in stamp
    assert ("Provisional" in stamp) is said and "--only first" in stamp


def test_a_stage_of_the_square_of_victims_is_called_steep() -> None:
    """Catches a slope that fixed costs hide, and a stage of milliseconds that is called steep."""
    found = {
        n: {"square": n**2 / 1000, "fixed": 9.0, "late": 1.0 + (n / 100) ** 3, "short": n**2 / 1e6}
        for n in (16, 64, 256)
    }
    rows = {row.split("|")[1].strip(): row for row in growth.table("victims", found).splitlines()}
    assert "2.00, **above 1.3**" in rows["square"] and "| 0.00 |" in rows["fixed"]
    assert "above" in rows["late"] and "below 0.5 s" in rows["short"]


def test_a_child_is_measured_alone_and_without_forced_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches the memory of this process or of an earlier child, and a benchmark on forced kernels."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    held = bytearray(500_000_000)
    code = "import os; from telltale.reporting.run_folder import peak_memory as peak; "
    code += "print(os.environ.get('OPENBLAS_CORETYPE'), peak())"
    forced, peak = command.python(["-c", code]).said.split()
    assert forced == "None" and 10e6 < float(peak) < len(held)
    with pytest.raises(RuntimeError, match="no such thing"):
        command.python(["-c", "raise SystemExit('no such thing')"])


@pytest.mark.skipif(not jax_process.python(), reason="needs an environment with jax: see make bench")
def test_jax_trains_in_a_process_of_its_own() -> None:
    """Catches answers of another model's row, and a product that is timed as nothing."""
    from scripts.bench.in_memory import jax_in_turn, jax_stacked, task_of

    task = task_of(3, 1, 1)
    one, other = jax_in_turn(task), jax_stacked(task)
    np.testing.assert_allclose(one.logits, other.logits, atol=1e-3)
    assert (one.logits.argmax(2) == task.test.labels).mean() > 0.05 and "jax" not in sys.modules
    assert jax_process.product_seconds([(np.ones((8, 8)), np.ones((8, 8)))], 3) > 0


ON_A_BARE_MACHINE = """
import runpy, sys, types
sys.modules |= dict.fromkeys(("rdkit", "hydra", "wandb", "opacus", "torch_geometric"))
sys.argv = ["gpu", "--device", "cpu", "--fleets", "2", "--repeats", "1", "--records", "96"]
runpy.run_module("scripts.bench.gpu", run_name="__main__")
print([name for name in ("rdkit", "hydra", "wandb", "opacus") if isinstance(sys.modules[name], types.ModuleType)])
"""


def test_the_part_for_a_gpu_runs_where_little_is_installed() -> None:
    """Catches an import that a machine with a GPU does not have, and a network that is left out."""
    *rows, imported = command.python(["-c", ON_A_BARE_MACHINE]).said.strip().splitlines()
    table = [row.split("|")[1:-1] for row in rows if row.startswith("| ") and "---" not in row]
    table = [row for row in table if row[1].strip().isdigit()]
    assert {row[0].split()[0] for row in table} == {
        "MLP",
        "CNN",
        "ResNet-8,",
        "GIN",
        "transformer",
    } and imported == "[]"
    assert sum("InfoGraph" in row[0] for row in table) == 2 and sum("4 epochs" in row[0] for row in table) == 2
    assert all(float(cell.split()[0]) > 0 for row in table for cell in row[2:] if cell.strip() != "–")
