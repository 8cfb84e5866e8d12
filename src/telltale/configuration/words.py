"""The words of the command line: each is a file in `conf/<group>/`, described by its first comment line.

Read from the files themselves, so that `--help` and docs/reference.md say what is there, a user's own `--config-dir`
included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAPERS = "the claims that `make reproduce-paper PAPER=…` tests; no words of the command itself"


@dataclass
class Group:
    """A group of words.

    meaning   what the group is
    default   the word that is taken where none is given
    lines     word -> the first comment line of its file, by name
    """

    meaning: str = ""
    default: str = ""
    lines: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """An option of config.yaml itself.

    name      as on the command line, e.g. pools.members
    default   its value as written there
    meaning   the comment beside it; empty where there is none
    """

    name: str
    default: str
    meaning: str


def configuration_folder() -> Path:
    """Return `conf/`: beside the package where it is installed, else at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def groups_of(folders: Iterable[Path]) -> dict[str, Group]:
    """Read the words in configuration folders: groups in the order of config.yaml, then by name.

    A file whose name begins with `_` is a part that other files share, and no word. Of two files of one name the first
    is the word, as for Hydra.
    """
    places = list(folders)
    groups = {name: group for place in places for name, group in _declared(place / "config.yaml")}
    files = (file for place in places for file in place.glob("*/*.yaml") if not file.name.startswith("_"))
    for file in sorted(files, key=lambda file: file.parent.name):  # keeps the order of places
        group = groups.setdefault(file.parent.name, Group(PAPERS if file.parent.name == "paper" else ""))
        group.lines.setdefault(file.stem, first_comment(file))
    for group in groups.values():
        group.lines = dict(sorted(group.lines.items()))
    return groups


def _declared(file: Path) -> Iterator[tuple[str, Group]]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for name, default, meaning in re.findall(r"^  - (\w+): (\w+)(?: +# (.*))?$", text, re.MULTILINE):
        yield name, Group(meaning, default)


def first_comment(file: Path) -> str:
    """Return the first comment line of a file without its `#`; empty where there is none.

    `# @package …` is Hydra's and no comment.
    """
    comments = re.findall(r"^#(?! *@package)\s*(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return comments[0].strip() if comments else ""


def options_of(file: Path) -> Iterator[Option]:
    """Read the options of config.yaml, in its order; `defaults` and `hydra` are not ours."""
    parents: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        written = re.match(r"( *)(\w+):(?: +([^#]*?))?(?: *# *(.*))?$", line)
        if written:
            indent, key, default, meaning = written.groups()
            parents[len(indent) // 2 :] = [key]
            if default and parents[0] not in ("defaults", "hydra"):
                yield Option(".".join(parents), default, meaning or "")


def help_page(*, _root_: Any) -> str:
    """Write what `--help` shows, as a template of Hydra's: every word with its line, those in force marked.

    A resolver: `_root_` is the composed configuration, from which it reads where words were looked for and which
    were chosen.
    """
    runtime = _root_.hydra.runtime
    groups = groups_of(Path(source.path) for source in runtime.config_sources if source.schema == "file")
    blocks = ("\n".join(_block(name, group, runtime.choices.get(name))) for name, group in groups.items())
    return _PAGE.replace("WORDS", "\n\n".join(blocks).replace("$", "$$"))


def _block(name: str, group: Group, chosen: str | None) -> Iterator[str]:
    width = max(map(len, group.lines), default=0)
    yield f"{name}: {group.meaning}"
    for word, line in group.lines.items():
        yield f"  {'*' if word == chosen else ' '} {word:{width}}  {line}".rstrip()


_PAGE = """\
Telltale: does this released model give away its training data, and what would stop it?

  telltale attack=lira dataset=b3db model=gin seed=1

or, in a checkout, `python -m src.run attack=lira …`. A word is a file in conf/, or in the folder that --config-dir
names; * marks the words in force. With runs that there are:

  telltale runs | sweep NAME | compare A B | store | export RUN --to lira FOLDER      (each has its --help)

WORDS

Options, set like attack.k=[10,50] or seed=1 ($${by_scale:a,b,c}: a at scale=smoke, b at small, c at paper):

$CONFIG
--cfg job       print the composed configuration and stop
-m              sweep: -m attack=lira,rmia seed=0,1,2
--config-dir F  find words in the folder F too: F/attack/mine.yaml is attack=mine
--version       print the version and stop
--hydra-help    the other flags, which are Hydra's
"""
