"""Write docs/reference.md, every word of the command line with its first comment line, from conf/.

python -m scripts.reference
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from telltale.configuration.words import Group, groups_of, options_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
HEAD = """\
# Reference

Written by `python -m scripts.reference` from the files in `conf/`; `--help` shows the same.

A word on the command line is a file: `model=gin` is `conf/model/gin.yaml`, and every option in it is set as
`model.width=64`. The word in **bold** is taken where none is given; an attack's file chooses its own data set, model,
objective, controls and rivals.
"""


def page(configuration: Path) -> str:
    """Return the page about a configuration folder."""
    sections = [HEAD, *(_section(name, group) for name, group in groups_of([configuration]).items())]
    return "\n".join((*sections, _options(configuration / "config.yaml")))


def _section(name: str, group: Group) -> str:
    rows = (
        (f"`{name}`", f"**`{word}`**" if word == group.default else f"`{word}`", line)
        for word, line in group.lines.items()
    )
    text = "\n".join(_table(("group", "word", "what it is"), rows))
    return f"## {name}\n\n{group.meaning[:1].upper()}{group.meaning[1:]}.\n\n{text}\n"


def _options(file: Path) -> str:
    rows = ((f"`{option.name}`", f"`{option.default}`", option.meaning) for option in options_of(file))
    text = "\n".join(_table(("option", "where none is given", "what it is"), rows))
    return (
        f"## Options of every run\n\nAn attack's file has its own sizes of pools, and of how many models.\n\n{text}\n"
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


if __name__ == "__main__":
    PAGE.write_text(page(ROOT / "conf"), encoding="utf-8")
    print(PAGE)
