"""The words of the command line: each is a file in `conf/<group>/`, described by its first comment line.

Read from the files themselves, so that `--help` and docs/reference.md say what is there, a user's own `--config-dir`
included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Words = dict[str, dict[str, str]]  # group -> word -> its line


@dataclass(frozen=True)
class Option:
    """An option of config.yaml itself.

    name       as on the command line, e.g. pools.members
    default    its value as written there
    meaning    the comment beside it; empty where there is none
    """

    name: str
    default: str
    meaning: str


def words_of(folders: Iterable[Path]) -> Words:
    """Read the words in the configuration folders; of two files of one name the first is the word, as for Hydra.

    Groups stand in the order of config.yaml, then by name, and words by name. A file whose name begins with `_` is
    a part that other files share and no word.
    """
    places = list(folders)
    words: Words = {group: {} for place in places for group in groups_of(place)}
    for file in sorted(file for place in places for file in place.glob("*/*.yaml")):
        words.setdefault(file.parent.name, {})
    for place in places:
        for group, lines in words.items():
            for file in (place / group).glob("*.yaml"):
                if not file.name.startswith("_"):
                    lines.setdefault(file.stem, first_comment(file))
    return {group: dict(sorted(lines.items())) for group, lines in words.items() if lines}


def groups_of(folder: Path) -> dict[str, str]:
    """Return group -> default word, in the order of config.yaml's defaults list; empty where there is no such file."""
    file = folder / "config.yaml"
    if not file.is_file():
        return {}
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["defaults"]
    pairs = [pair for entry in entries if isinstance(entry, Mapping) for pair in entry.items()]
    return {group: word for group, word in pairs if not group.startswith("override ")}


def first_comment(file: Path) -> str:
    """Return the first comment line of a file without its `#`; empty where there is none.

    `# @package …` is Hydra's and no comment.
    """
    comments = re.findall(r"^#(?! *@package)\s*(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return comments[0].strip() if comments else ""


def options_of(file: Path) -> list[Option]:
    """Read the options of config.yaml, in its order; `defaults` and `hydra` are not ours."""
    return [
        option
        for option in _options(file.read_text(encoding="utf-8").splitlines())
        if not option.name.startswith(("defaults", "hydra"))
    ]


def _options(lines: Iterable[str]) -> Iterator[Option]:
    parents: list[str] = []
    for line in lines:
        written = re.match(r"( *)(\w+):(?: +([^#]*?))?(?: *# *(.*))?$", line)
        if written:
            indent, key, default, meaning = written.groups()
            parents[len(indent) // 2 :] = [key]
            if default:
                yield Option(".".join(parents), default, meaning or "")


def help_page(*, _root_: Any) -> str:
    """Write what `--help` shows, as a template of Hydra's: every word with its line, those in force marked.

    A resolver: `_root_` is the composed configuration, from which it reads where words were looked for and which
    were chosen.
    """
    runtime = _root_.hydra.runtime
    folders = [Path(source.path) for source in runtime.config_sources if source.schema == "file"]
    words = words_of(folders)
    groups = "\n\n".join(_group(group, lines, runtime.choices.get(group)) for group, lines in words.items())
    return _PAGE.replace("WORDS", groups.replace("$", "$$"))


def _group(group: str, lines: Mapping[str, str], chosen: str | None) -> str:
    width = max(map(len, lines))
    rows = (f"  {'*' if word == chosen else ' '} {word:{width}}  {line}".rstrip() for word, line in lines.items())
    return "\n".join((group, *rows))


_PAGE = """\
Telltale: does this released model give away its training data, and what would stop it?

  telltale attack=lira dataset=b3db model=gin seed=1

or, in a checkout, `python -m src.run attack=lira …`. A word is a file in conf/, or in the folder that --config-dir
names; * marks the words in force. Papers are no words of this command: `make reproduce-paper PAPER=…` takes them.

WORDS

Options, set like attack.k=[10,50] or seed=1 ($${by_scale:a,b,c}: a at scale=smoke, b at small, c at paper):

$CONFIG
--cfg job       print the composed configuration and stop
-m              sweep: -m attack=lira,rmia seed=0,1,2
--config-dir F  find words in the folder F too: F/attack/mine.yaml is attack=mine
--version       print the version and stop
--hydra-help    the other flags, which are Hydra's
"""
