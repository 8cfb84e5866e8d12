"""The pages say what is so: links lead somewhere, files that are named exist, commands compose."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

import telltale
from tests.experiment.commands import command

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}
README = TEXT[ROOT / "README.md"]
UNPLAYED = [  # no test can play these: they need a user's file or the network
    words
    for page, text in TEXT.items()
    if page.name != "CONTRIBUTING.md"  # whose words exist in the copy of its own test
    for block in re.findall(r"^```console needs-[\w-]+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for words in re.findall(r"^\$ python -m src\.run (.*)$", block, re.MULTILINE)
]


def anchors(text: str) -> set[str]:
    """Name a page's headings as links do: small letters, hyphens, nothing else."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Catches a page that was renamed, a picture that was not committed, a heading that was reworded."""
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", TEXT[page]):
        name, _, heading = link.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), link
        assert not heading or heading in anchors(TEXT[file]), link


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    """Catches a README that grows back into a manual, and a page that nobody would find."""
    assert len(README.splitlines()) <= 130
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in README]


def test_the_picture_of_the_readme_is_small() -> None:
    """Catches a picture that makes every clone heavier."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures == ["docs/first_run.png"]
    assert (ROOT / pictures[0]).stat().st_size <= 150_000


@pytest.mark.parametrize("words", UNPLAYED)
def test_a_command_that_no_test_plays_composes_at_least(words: str) -> None:
    """Catches a word or an option in the documents that is not there any more."""
    given = [word for word in shlex.split(words, comments=True) if word != "-m"]
    ended = command("--cfg", "job", *given)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("word", sorted(file.stem for file in (ROOT / "conf" / "defense").glob("[!_]*.yaml")))
def test_the_guide_names_every_defence_by_what_it_changes(word: str) -> None:
    """Catches a defence that nobody finds who looks for one."""
    table = TEXT[ROOT / "docs" / "guide.md"].partition("## Defences")[2]
    assert word == "none" or f"`{word}`" in table


@pytest.mark.parametrize("word", ["membership", "synthetic", "transfer"])
def test_the_guide_says_what_a_word_for_several_rivals_is(word: str) -> None:
    """Catches a rival that joined the others on the command line alone."""
    parts = yaml.safe_load((ROOT / "conf" / "rivals" / f"{word}.yaml").read_text())["defaults"]
    guide = TEXT[ROOT / "docs" / "guide.md"]
    assert [part for part in parts if f"`{part}`" not in guide] == []


def test_there_are_commands_for_your_own_records() -> None:
    """Catches blocks whose mark has changed, so that the test above has nothing left to look at."""
    assert len(UNPLAYED) >= 10


def test_the_citation_names_this_version() -> None:
    """Catches a release whose citation, or whose changelog, is that of the last one."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == telltale.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert re.findall(r"^## (.+)$", TEXT[ROOT / "CHANGELOG.md"], re.MULTILINE)[0] == telltale.__version__
