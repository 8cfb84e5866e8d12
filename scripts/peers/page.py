"""docs/peers.md, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.pages import machine
from scripts.peers.bounds import DELTA, NULL_GAMES
from scripts.peers.comparison import Row
from telltale.papers.grid_view import markdown

COMMANDS = """pip install -e '.[peers]'
python -m scripts.peers --source leakpro=FOLDER privacy_guard=FOLDER privacy_meter=FOLDER tensorflow_privacy=FOLDER"""


@dataclass(frozen=True)
class Measured:
    """All that the page shows.

    rows       functions compared
    game       what all tools got, in words
    versions   of the tools that were run
    missing    tools that were not, and why
    metrics    head and rows: AUC and TPR of the same scores by each tool
    signals    head and rows: bounds on ε where there is something to find
    alarms     rows: how often a bound is above 0 on noise
    """

    rows: Sequence[Row]
    game: str
    versions: Sequence[str]
    missing: Mapping[str, str]
    metrics: Sequence[Sequence[str]]
    signals: Sequence[Sequence[str]]
    alarms: Sequence[Sequence[str]]


def page(measured: Measured) -> str:
    """Return the page."""
    same = [row for row in measured.rows if row.same]
    other = [row for row in measured.rows if not row.same]
    missing = [f"{name} ({why})" for name, why in measured.missing.items()]
    sections = [
        "# The same answers, other tools",
        "Written by `python -m scripts.peers`; how to run it is at the end. Other tools' own functions are called on "
        f"the answers of our models: {measured.game}. Nothing of theirs is copied; where figures differ, our formula "
        "with the one named change must give theirs, or the cause is said to be not known. A pair is theirs / ours.",
        f"Run: {', '.join(measured.versions)}. Not run: {', '.join(missing) or 'nothing'}. "
        f"{machine('torch', 'scipy', 'numpy')}",
        "## Who computes the same",
        _scores(same) if same else "Nobody.",
        "## Who does not, and why",
        _scores(other) if other else "Everybody does.",
        "## The same scores, measured",
        "AUC and true-positive rates of one victim's LiRA scores, of the same rounded to halves (ties), and of a coin "
        "and of noise, which say nothing, as each tool's own evaluation reads them.",
        markdown(measured.metrics),
        "## Lower bounds on ε",
        f"The same scores of 500 canaries, half of them in; δ = {DELTA:g}, 95 %. A larger number is a better bound, if "
        "it is one: the second table counts alarms on noise.",
        markdown(measured.signals),
        markdown([["200 canaries of noise", f"above 0 in {NULL_GAMES} games", "largest"], *measured.alarms]),
        "At 95 % about 3 of 60 alarms are what a valid bound may raise. An f-DP bound holds under a family of "
        "trade-off functions, Gaussian ones; the others hold for any mechanism.",
        "## To run it again",
        f"```console needs-network\n{COMMANDS}\n```",
        "Each FOLDER is a checkout of a tool that is source only: aidotse/LeakPro, facebookresearch/PrivacyGuard, "
        "privacytrustlab/ml_privacy_meter, tensorflow/privacy, with what it requires installed. sacroml and "
        "jax_privacy come from the package index. What is not at hand is left out and named.",
    ]
    return "\n\n".join(sections) + "\n"


def _scores(rows: Sequence[Row]) -> str:
    head = ["tool", "function", "largest difference", "AUC", "TPR at 1 %", "TPR at 0.1 %", "CPU, times ours", "why"]
    return markdown([head, *map(_cells, rows)])


def _cells(row: Row) -> list[str]:
    pairs = [f"{theirs:.4f} / {ours:.4f}" for theirs, ours in zip(row.theirs, row.ours, strict=True)]
    kind = " (of ranks)" if row.comparison.monotone else ""
    difference = "0" if row.difference == 0 else f"{row.difference:.1e}"
    return [
        row.comparison.tool,
        row.comparison.function,
        f"{difference}{kind}",
        *pairs,
        f"{row.slower:.1f}" if row.slower < 10 else f"{row.slower:.0f}",
        row.cause,
    ]
