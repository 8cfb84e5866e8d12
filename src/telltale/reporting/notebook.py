"""A result in a notebook: the answer, what it means, and a table of every attack and control with its intervals."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import escape

from telltale.reporting.sentences import interval, metric_title
from telltale.reporting.summary import Summary

COLOURS = {"leaks": "#b00020", "no leak found": "#1b7f3b"}  # of the answer, by its kind
UNDECIDED = "#8a6d00"
ROLES = {"target": "attack", "rival": "attack"}  # nobody who looks at a notebook needs to know which was named


def view(summary: Summary, headlines: Sequence[str]) -> str:
    """Return a result as HTML; a metric that nothing has is no column, and all that is not known is a dash."""
    answer = summary.answer
    colour = COLOURS.get(answer.kind, UNDECIDED) if answer else UNDECIDED
    listed = "".join(f"<li>{escape(text)}</li>" for text in (answer.meaning if answer else ()))
    columns = [name for name in headlines if any(name in found for found in summary.evidence.values())]
    heads = ["", "", *map(metric_title, columns)]
    rows = [
        [title, ROLES.get(summary.roles[name], summary.roles[name])]
        + [interval(summary.evidence[name].get(column)) for column in columns]
        for name, title in summary.titles.items()
    ]
    head = f'<p style="color:{colour};font-weight:bold">{escape(answer.sentence if answer else "")}</p>'
    table = _row("th", heads) + "".join(_row("td", row) for row in rows)
    return f"{head}<ul>{listed}</ul><table>{table}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f'<{tag} style="text-align:left">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"
