from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from telltale.evaluation.statistics import Estimate
from telltale.reporting.figures import forest, save_png
from telltale.reporting.gallery import Gallery, RecordCard
from telltale.reporting.page import MoleculeCard, PageFigure, PageTable, draw_molecule, write_page

EVIL = '<script>alert("x")</script>&'


@pytest.fixture
def page(tmp_path: Path) -> str:
    png = save_png(forest({"target": Estimate.exact(0.5, 1)}), tmp_path / "forest.png", dpi=40)
    path = write_page(
        tmp_path / "report.html",
        EVIL,
        EVIL,
        [EVIL],
        [PageTable(EVIL, ["", EVIL], [[EVIL, "0.5"], ["b", 1]], [0])],
        [PageFigure(EVIL, EVIL, png)],
        [
            MoleculeCard("c1ccccc1O", 1, 0.9, "novel hit", "c1ccccc1"),
            MoleculeCard(EVIL, 2, 0.1, "miss", EVIL),
        ],
        {EVIL: EVIL},
        EVIL,
        gallery=Gallery(
            EVIL,
            EVIL,
            [
                RecordCard("#1", EVIL, {EVIL: EVIL}, smiles=EVIL),
                RecordCard("#2", EVIL, {EVIL: EVIL}, png=b"not looked into"),
                RecordCard("#3", EVIL, {}),
            ],
        ),
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
    assert "<h1>empty</h1>" in write_page(tmp_path / "x.html", "empty").read_text(encoding="utf-8")
