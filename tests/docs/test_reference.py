"""docs/reference.md is what its command writes, and has exactly the words of the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from scripts.reference import PAGE, page

CONF = Path(__file__).parents[2] / "conf"
GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir())


def test_the_committed_page_is_what_the_command_writes() -> None:
    """Catches a new word, or a better first line, that the page does not have: run `python -m scripts.reference`."""
    assert PAGE.read_text(encoding="utf-8") == page(CONF)


@pytest.mark.parametrize("group", GROUPS)
def test_the_page_names_exactly_the_files_of_a_group(group: str) -> None:
    """Catches a word left out, a file of shared parts taken for a word, a group forgotten."""
    words = re.findall(rf"^\| `{group}` \| (?:\*\*)?`(\w+)`", page(CONF), re.MULTILINE)
    assert words == sorted(file.stem for file in (CONF / group).glob("[!_]*.yaml"))


def test_groups_stand_in_the_order_of_the_configuration() -> None:
    """Catches a page in the order of the alphabet, and a default that is not in bold."""
    defaults = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    pairs = [pair for entry in defaults if isinstance(entry, dict) for pair in entry.items() if "/" not in pair[0]]
    bold = re.findall(r"^\| `(\w+)` \| \*\*`(\w+)`\*\*", page(CONF), re.MULTILINE)
    assert bold == [pair for pair in pairs if pair[0] != "hydra"]


def test_every_option_of_the_configuration_is_explained() -> None:
    """Catches an option of config.yaml without a comment beside it, or one that the page does not have."""
    rows = re.findall(r"^\| `([\w.]+)` \| `[^`]+` \| (.*) \|$", page(CONF).partition("## Options")[2], re.MULTILINE)
    document = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    named = [
        f"{key}.{inner}" if inner else key
        for key, value in document.items()
        if key not in ("defaults", "hydra")
        for inner in (value if isinstance(value, dict) else ("",))
    ]
    assert [name for name, _ in rows] == named
    assert all(meaning for _, meaning in rows)
