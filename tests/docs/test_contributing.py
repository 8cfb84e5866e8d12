"""CONTRIBUTING.md and README.md say what is so: the examples run, the words exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GUIDE, README = ((ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "README.md"))
WRITTEN = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', GUIDE, re.MULTILINE | re.DOTALL))
OUTSIDE = {path.removeprefix("elsewhere/"): text for path, text in WRITTEN.items() if path.startswith("elsewhere/")}
EXAMPLES = {path: text for path, text in WRITTEN.items() if not path.startswith("elsewhere/")}
COMMANDS = [shlex.split(words) for words in re.findall(r"^\$ python -m src\.run (.*)$", GUIDE, re.MULTILINE)]
TABLE = "dataset=csv_table"  # needs a file, which its test writes
SMALL = ("scale=smoke", "trainer=cpu", "logger=none", "evaluation.replicates=50")
CACHE = f"paths.cache={ROOT / 'outputs' / 'cache'}"  # graphs of the embedded molecules, which other tests make too
CONFIGURATIONS = [Path(path) for path in EXAMPLES if path.startswith("conf/")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the examples written into it."""
    folder = tmp_path_factory.mktemp("copy")
    for room in ("src", "conf", "scripts"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, text in WRITTEN.items():
        assert not (folder / path).exists(), f"{path}: the example would overwrite a file of the project"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def in_copy(copy: Path, *words: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy's `src`, not the installed one; at: the folder where it starts, None = the copy."""
    environment = os.environ | {
        "PYTHONPATH": str(copy / "src"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=at or copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def play(copy: Path, words: list[str], name: str) -> dict:
    """Run a command of the guide at the smallest scale and return its metrics.json."""
    run = copy / "outputs" / name
    places = [f"paths.outputs={copy / 'outputs'}", CACHE, f"hydra.run.dir={run}"]
    ended = in_copy(copy, "-m", "src.run", *words, *SMALL, *places)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads((run / "metrics.json").read_text())


def test_the_guide_has_an_example_and_a_command_for_each_of_five_groups() -> None:
    groups = sorted(path.parent.name for path in CONFIGURATIONS)
    assert groups == ["attack", "dataset", "dataset", "defense", "model", "objective"]
    assert len(EXAMPLES) == 12
    used = sorted(words[0] for words in COMMANDS)  # each command starts with the word it is about
    assert used == sorted(f"{path.parent.name}={path.stem}" for path in CONFIGURATIONS)


def test_the_copy_imports_its_own_source(copy: Path) -> None:
    find = "import importlib.util as u; print(u.find_spec('src').origin, u.find_spec('telltale.experiment').origin)"
    ended = in_copy(copy, "-c", find)
    assert ended.stdout.split() == [str(copy / "src/__init__.py"), str(copy / "src/telltale/experiment.py")], (
        ended.stderr
    )


def test_the_example_attack_runs_and_meets_its_controls(copy: Path) -> None:
    (command,) = (words for words in COMMANDS if words[0].startswith("attack="))
    document = play(copy, command, "attack")
    assert set(document["controls"]) == {"untrained", "disjoint"}
    assert 0 <= document["metrics"]["auc"]["value"] <= 1
    assert document["leakage"]["auc"]["control"] in document["controls"]


def test_the_other_examples_run_together(copy: Path) -> None:
    together = [words for words in COMMANDS if not words[0].startswith("attack=") and words[0] != TABLE]
    words = [word for command in together for word in command]
    document = play(copy, [*words, "attack.rivals=[random]", "attack.k=[10]"], "others")
    assert {"squared_error", "squared_error_of_the_mean"} <= set(document["target"])
    resolved = (copy / "outputs" / "others" / "config.yaml").read_text()
    configurations = [EXAMPLES[f"conf/{words[0].replace('=', '/')}.yaml"] for words in together]
    targets = [line for text in configurations for line in text.splitlines() if line.startswith("_target_: ")]
    assert len(targets) == 4
    assert all(target in resolved for target in targets)


def test_the_example_table_runs_and_lists_what_it_cannot_read(copy: Path) -> None:
    """Catches a reader that reads its first column only, or drops rows without a word."""
    rng = np.random.default_rng(0)
    rows = [
        f"{age},{rng.choice(['north', 'south'])},{rng.random():.6f},{'ill' if age > 50 else 'well'}"
        for age in rng.integers(20, 90, 1000).tolist()
    ]
    (copy / "patients.csv").write_text("\n".join(["age,place,marker,diagnosis", *rows, "31,,0.5,well"]) + "\n")
    (command,) = (words for words in COMMANDS if words[0] == TABLE)
    document = play(copy, [*command, "rivals=none"], "table")
    assert document["target"]["accuracy"] > 0.75  # the class follows from the age
    assert "1002,an empty cell" in (copy / "outputs" / "table" / "invalid_records.csv").read_text()


def test_the_example_outside_the_repository_runs_there(tmp_path: Path) -> None:
    """Catches a folder of words, or a module beside it, that a run started there does not find."""
    for path, text in OUTSIDE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (command,) = re.findall(r"^\$ python -m telltale (.*)$", GUIDE, re.MULTILINE)
    ended = in_copy(ROOT, "-m", "telltale", *shlex.split(command), *SMALL, CACHE, "hydra.run.dir=here", at=tmp_path)
    assert ended.returncode == 0, ended.stderr[-3000:]
    document = json.loads((tmp_path / "here" / "metrics.json").read_text())
    assert document["metrics"]["auc"]["low"] > 0.5  # it finds something …
    assert document["leakage"]["auc"]["low"] > 0  # … that its controls do not have
    assert (tmp_path / "outputs" / "store").is_dir()


def test_the_rules_pick_the_examples_up_and_hold_for_them(copy: Path) -> None:
    rules = "tests/rules"
    shutil.copytree(ROOT / rules, copy / rules, ignore=shutil.ignore_patterns("__pycache__"))
    ended = in_copy(copy, "-m", "pytest", "-vv", "-p", "no:cacheprovider", rules)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert not [path for path in CONFIGURATIONS if f"one_to_one[{path.parent.name}/{path.stem}]" not in ended.stdout]


def test_the_examples_pass_the_lint_they_ask_for(copy: Path) -> None:
    files = [path for path in WRITTEN if path.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        ended = in_copy(copy, "-m", "ruff", *check, "--no-cache", *files)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_reference_takes_the_examples_up(copy: Path) -> None:
    """Catches a guide whose command for docs/reference.md leaves new words out."""
    assert "python -m scripts.reference" in GUIDE
    (copy / "docs").mkdir(exist_ok=True)
    ended = in_copy(copy, "-m", "scripts.reference")
    assert ended.returncode == 0, ended.stderr
    page = (copy / "docs" / "reference.md").read_text(encoding="utf-8")
    assert not [path for path in CONFIGURATIONS if f"| `{path.parent.name}` | `{path.stem}` |" not in page]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target for text in (README, GUIDE) for target in re.findall(r"(?:`|^\$ )make ([\w-]+)", text, re.MULTILINE)
    }
    assert {"run", "test"} <= named <= targets


def test_the_guide_names_only_files_that_exist() -> None:
    named = set(re.findall(r"`((?:src|conf)/[\w/]+\.\w+)`", GUIDE))
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]
