"""Sentences about a paper's runs whose figures are looked up, so that none is written by hand or grows old."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from telltale.errors import InputError
from telltale.papers.grid import Cell
from telltale.papers.grid_view import cell_text
from telltale.papers.judging import Tested
from telltale.papers.quantity import Quantity, per_seed
from telltale.papers.results import Results
from telltale.papers.seeds import over_seeds

PLACE = re.compile(r"\{\{\s*(?P<what>[^{}|]*?)\s*(?:\|\s*(?P<how>\w+)\s*)?\}\}")
FIGURE = re.compile(r"(?P<experiment>[\w.]+): (?P<evidence>[^/]+)/(?P<metric>\w+)")
CLAIM = re.compile(r"(?P<kind>claim|verdict) (?P<name>\w+)")
SLOPE = re.compile(r"(slope|sum) (?P<evidence>[^/]+)")
SHOWN = (None, "value", "percent")


def figures_named(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield experiment, evidence and metric of each figure that a text looks up. InputError for a place unread.

    >>> list(figures_named("AUC {{head: target/auc}}, {{ all: target/auc | value }}; it {{verdict leaks}}"))
    [('head', 'target', 'auc'), ('all', 'target', 'auc')]
    """
    for place in PLACE.finditer(text):
        found = FIGURE.fullmatch(place["what"])
        if place["how"] not in SHOWN or not (found or CLAIM.fullmatch(place["what"]) or SLOPE.fullmatch(place["what"])):
            expected = (
                "{{EXPERIMENT: EVIDENCE/METRIC}}, {{claim NAME}}, {{verdict NAME}}, {{slope EVIDENCE}} or "
                "{{sum EVIDENCE}}, then | value or | percent"
            )
            raise InputError("reading", place[0], expected)
        if found:
            yield found["experiment"], found["evidence"], found["metric"]


def filled(
    text: str, tested: Sequence[Tested], results: Results, slopes: Mapping[str, Cell | None] | None = None
) -> str:
    """Return the text with each place filled: a mean over seeds with its interval, "–" where nothing was measured.

    {{EXPERIMENT: EVIDENCE/METRIC}}, {{claim NAME}} (its figure) and {{verdict NAME}} of a claim with this `name`, with
    what is left of it by Holm where it does not stand after that; {{slope EVIDENCE}} and {{sum EVIDENCE}} by `slopes`,
    which ratio_law.slopes returns; "| value" leaves the interval out, "| percent" also writes a share in per cent.
    Raises InputError for a place that cannot be read and for a claim or law that is not there.
    """
    list(figures_named(text))
    claims = {test.claim.name: test for test in tested if test.claim.name}

    def fill(place: re.Match[str]) -> str:
        claim, signed = CLAIM.fullmatch(place["what"]), False
        if slope := SLOPE.fullmatch(place["what"]):
            if slope[0] not in (slopes or {}):
                raise InputError("reading", place[0], f"a line of a law: {', '.join(slopes or {}) or 'there is none'}")
            cell = (slopes or {})[slope[0]]
        elif claim is None:
            cell = _cell(place["what"], results)
        elif claim["name"] not in claims:
            raise InputError("reading", place[0], f"the name of a claim: {', '.join(sorted(map(str, claims)))}")
        else:
            test = claims[claim["name"]]
            if claim["kind"] == "verdict":
                return f"{test.verdict}{'; by Holm it cannot be told' if test.survives is False else ''}"
            cell = (test.value, test.low, test.high)
            signed = test.claim.quantity is not None and test.claim.quantity.is_difference
        if cell is None or cell[0] != cell[0]:
            return "–"
        if place["how"] == "percent":
            return f"{100 * cell[0]:.1f} %"
        sign = "+" if signed and cell[0] >= 0 else ""
        return sign + cell_text(cell if place["how"] is None else (cell[0], float("nan"), float("nan")))

    return PLACE.sub(fill, text)


def _cell(what: str, results: Results) -> tuple[float, float, float] | None:
    found = FIGURE.fullmatch(what)
    assert found is not None  # figures_named has read it
    experiment, quantity = found["experiment"], Quantity([found["metric"]], [found["experiment"]], found["evidence"])
    seeds = sorted({number for name, number in results if name == experiment})
    try:
        parts = [per_seed(quantity, results, number) for number in seeds]
    except KeyError:
        return None
    return over_seeds(parts).cell if parts else None
