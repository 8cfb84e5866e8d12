from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.statistics import Estimate
from telltale.reporting.figures import forest, save_png
from telltale.reporting.gallery import Gallery, RecordCard
from telltale.reporting.page import MoleculeCard, PageFigure, draw_molecule, write_page
from telltale.reporting.summary import Heading, Summary

ROLES = {"target": "target"}
EVIL = '<script>alert("x")</script>&'


@pytest.fixture
def page(tmp_path: Path) -> str:
    png = save_png(forest({"target": Estimate.exact(0.5, 1)}), tmp_path / "forest.png", dpi=40)
    target = {EVIL: Estimate(0.5, np.array([0.4, 0.6]), 1, EVIL)}
    summary = Summary(
        heading=Heading(EVIL, "m", "o", "d", "s", EVIL),
        headlines=[EVIL],
        evidence={"target": target, EVIL: {}},
        roles={"target": "target", EVIL: EVIL},
        leakage={EVIL: LeakageEstimate(0.1, 0.0, 0.2, 1, EVIL)},
        success=EVIL,
        versus=EVIL,
        notes=[EVIL],
        columns={EVIL: {"target": EVIL}},
        guarantee={EVIL: EVIL},
        queries={EVIL: 1},
    )
    path = write_page(
        summary,
        tmp_path / "report.html",
        figures=[PageFigure(EVIL, EVIL, png)],
        molecules=[
            MoleculeCard("c1ccccc1O", 1, 0.9, "novel hit", "c1ccccc1"),
            MoleculeCard(EVIL, 2, 0.1, "miss", EVIL),
        ],
        gallery=Gallery(
            EVIL,
            EVIL,
            [
                RecordCard("#1", EVIL, {EVIL: EVIL}, smiles=EVIL),
                RecordCard("#2", EVIL, {EVIL: EVIL}, png=b"not looked into"),
                RecordCard("#3", EVIL, {}),
            ],
        ),
        footer={EVIL: EVIL},
        configuration=EVIL,
    )
    return path.read_text(encoding="utf-8")


def test_every_text_is_escaped(page: str) -> None:
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 22


def test_the_page_asks_for_nothing_from_outside(page: str) -> None:
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|//[a-z]|@import|<link|<script|url\(", text)
    assert set(re.findall(r'src="([a-z:/;0-9]+),', page)) == {"data:image/png;base64"}


def test_the_page_is_well_formed(page: str) -> None:
    class Balance(HTMLParser):
        open: list[str] = []  # noqa: RUF012 (one parser, one test)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in {"meta", "img", "wbr"}:
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None: ...

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert parser.open == []


def test_molecules_are_drawn_and_unreadable_ones_are_said_to_be(page: str) -> None:
    assert page.count("<svg") == 1 and page.count("cannot be drawn") == 2
    assert 'class="badge novel-hit"' in page and 'class="badge miss"' in page
    assert draw_molecule("no molecule") is None


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(ValueError, match="one of hit, novel hit, miss"):
        MoleculeCard("C", 1, 0.5, "maybe", "C")


def test_a_page_of_nothing_is_a_page(tmp_path: Path) -> None:
    nothing = Summary(heading=Heading("a", "b", "c", "d", "e", "f"), headlines=[], evidence={"target": {}}, roles=ROLES)
    text = write_page(nothing, tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<h1>a on b, c; defence d; scale e</h1>" in text
