"""The command says what it is: `--version` is Telltale's, `--help` has every word with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import telltale
from telltale.configuration.words import first_comment, groups_of
from tests.experiment.commands import ROOT, command, process

PARTS = [file for file in sorted((ROOT / "conf").glob("*/*.yaml")) if file.name.startswith("_")]
WORDS = [file for file in sorted((ROOT / "conf").glob("*/*.yaml")) if file not in PARTS]


@pytest.fixture(scope="module")
def shown() -> str:
    ended = command("--help", "attack=lira")
    assert ended.code == 0, ended.err
    return ended.out


def rows_of(shown: str, group: str) -> list[list[str]]:
    """The lines below a group's heading, cut into mark, word and line."""
    block = re.split(rf"\n\n{group}: .+\n", shown)[1].partition("\n\n")[0]
    return [[line[2], *line[4:].split(maxsplit=1)] for line in block.splitlines()]


@pytest.mark.parametrize("start", ["src.run", "telltale"])
def test_the_version_is_that_of_the_code_that_runs(start: str) -> None:
    """Catches Hydra's version, and that of another copy which happens to be installed."""
    ended = process("--version", program=f"import runpy; runpy.run_module({start!r}, run_name='__main__')")
    assert (ended.code, ended.out) == (0, f"Telltale {telltale.__version__}\n"), ended.err


@pytest.mark.parametrize("file", WORDS, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_every_word_says_in_its_first_line_what_it_is(file: Path) -> None:
    """Catches a file that begins without a comment, or with half a sentence."""
    assert first_comment(file).endswith((".", "?", "…")), first_comment(file)


def test_help_shows_each_word_with_the_first_line_of_its_file(shown: str) -> None:
    """Catches a word that is missing from the help, or stands there with another word's line."""
    for file in WORDS:
        assert [file.stem, first_comment(file)] in [row[1:] for row in rows_of(shown, file.parent.name)], file


def test_help_marks_the_words_in_force(shown: str) -> None:
    """Catches marks on the defaults where the command line, or the attack's own file, chose otherwise."""
    marked = {group: [word for mark, word, _ in rows_of(shown, group) if mark == "*"] for group in ("attack", "model")}
    assert marked == {"attack": ["lira"], "model": ["mlp"]}
    assert "== Config" not in shown
    assert "\nvictims: " in shown  # the composed options stand below


def test_parts_that_files_share_are_no_words(tmp_path: Path) -> None:
    """Catches `_membership` offered as an attack."""
    (tmp_path / "attack").mkdir()
    for name in ("_shared", "mine"):
        (tmp_path / "attack" / f"{name}.yaml").write_text("# What it is.\n")
    assert groups_of([tmp_path])["attack"].lines == {"mine": "What it is."}
    assert "_" not in {row[1][0] for row in rows_of(command("--help").out, "attack")}


def test_help_and_mistakes_know_the_groups_of_a_users_own_folder(tmp_path: Path) -> None:
    """Catches a help that reads the project's folder alone."""
    (tmp_path / "defense").mkdir()
    (tmp_path / "defense" / "mine.yaml").write_text("# My own: costs $5.\n_target_: mine.Mine\n")
    extra = ["--config-dir", str(tmp_path)]
    assert [" ", "mine", "My own: costs $5."] in rows_of(command(*extra, "--help").out, "defense")
    assert "did you mean mine?" in command(*extra, "defense=mime").err


def test_of_two_files_of_one_name_help_shows_the_one_that_is_taken(tmp_path: Path) -> None:
    """Catches a help that shows the user's line beside the project's options, or the other way round."""
    (tmp_path / "defense").mkdir()
    (tmp_path / "defense" / "rounding.yaml").write_text("# Mine.\n_target_: mine.Mine\n")
    extra = ["--config-dir", str(tmp_path)]
    taken = "telltale.defenses" in command(*extra, "defense=rounding", "--cfg", "job", "--package", "defense").out
    (line,) = [row[2] for row in rows_of(command(*extra, "--help").out, "defense") if row[1] == "rounding"]
    assert (line == "Mine.") != taken
