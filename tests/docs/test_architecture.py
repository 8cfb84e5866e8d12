"""docs/architecture.md speaks of the house as it is: its rooms, the files of its nine stops, its example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "telltale"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_architecture_describes_every_room() -> None:
    """Catches a room without a line, and a line about a room that has gone."""
    rooms = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    table = ARCHITECTURE.partition("## The rooms")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE)) == rooms
    at_the_top = {file.name for file in PACKAGE.glob("*.py")} - {"__init__.py"}
    assert at_the_top <= set(re.findall(r"`(\w+\.py)`", table))


def test_the_architecture_names_only_files_that_exist() -> None:
    """Catches a stop whose file was moved."""
    stops = ARCHITECTURE.partition("## One model")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\d\. ", stops, re.MULTILINE)) == 9
    named = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|yaml))`", stops))
    assert len(named) > 15
    assert not [name for name in named if not (PACKAGE / name).exists() and not (ROOT / name).exists()]


def test_the_glossary_has_the_words_that_the_code_uses() -> None:
    """Catches a glossary that lost a word."""
    table = ARCHITECTURE.partition("## Glossary")[2].partition("\n## ")[0]
    words = set(re.findall(r"^\| ([a-z -]+) \|", table, re.MULTILINE)) - {"word"}
    assert len(words) >= 20
    assert {"owner", "recipe", "release", "world", "evidence", "truth", "control", "fleet", "key"} <= words


def test_the_example_from_python_runs_and_finds_memory(tmp_path: Path) -> None:
    """Catches an example that speaks of yesterday's names, or shows models that remember nothing."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    ended = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    pairs = re.findall(r"members (0\.\d+), others (0\.\d+)", ended.stdout)
    assert len(pairs) == 4
    assert all(float(member) > float(other) for member, other in pairs)
    assert len(list((tmp_path / "outputs" / "store" / "release").iterdir())) == 4
