"""The law of epochs over members: a planted one is found in a paper's runs, and entries that cannot be are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.evaluation.leakage_law import Law, as_auc, expected_error
from telltale.papers.asked import asked_of
from telltale.papers.grid import means
from telltale.papers.page import Page, write_page
from telltale.papers.ratio_law import RATIO, RatioLaw, cells_of, fits, laws_of
from telltale.papers.ratio_law_view import described, law_page, write_laws
from telltale.papers.results import Measured, Results

PLACES = {
    "a": {"epochs": 2, "members": 3200, "others": 800},
    "b": {"epochs": 8, "members": 3200, "others": 800},
    "c": {"epochs": 6, "members": 800},
    "d": {"epochs": 15, "members": 800},
    "e": {"epochs": 6, "members": 200},
    "f": {"epochs": 24, "members": 200},
    "g": {"epochs": 60, "members": 200},
}
ENTRY = {"title": "A law", "grid": "AUC", "columns": PLACES, "reference": "f"}
GRID = {
    "title": "AUC",
    "metric": "auc",
    "rows": {"target": "attack", "lira": "LiRA"},
    "columns": {x: x for x in PLACES},
}
PAPER = {"claims": [], "grids": [GRID, {**GRID, "title": "Rates", "metric": "tpr"}], "laws": [ENTRY]}
LAW = laws_of(PAPER)[0]


def world(
    slopes: tuple[float, float], level: float = 0.8, scatter: float = 0.0, noise: float = 1.0, seed: int = 0
) -> Results:
    """Plant d′ = level · epochs^slope · members^slope in five seeds, whose AUCs err as those of so many points do."""
    rng = np.random.default_rng(seed)
    runs: dict[tuple[str, int], dict[str, Measured]] = {}
    for column, place in PLACES.items():
        law = level * (place["epochs"] / 24) ** slopes[0] * (place["members"] / 200) ** slopes[1]
        auc = float(as_auc(np.array(law * (1 + scatter * rng.standard_normal()))))
        points = 2 / (1 / place["members"] + 1 / place.get("others", place["members"]))
        errors = noise * float(expected_error(np.array(auc), np.array(points))) * rng.standard_normal(5)
        runs |= {(column, k): {"target/auc": Measured(auc + error)} for k, error in enumerate(errors)}
    return runs


def coverage(worlds: int, scatter: float) -> float:
    """Return how often the slope's interval holds a planted one."""
    inside = 0
    for seed in range(worlds):
        found = means(LAW.grid, world((0.5, -0.5), scatter=scatter, seed=seed))
        of = {column: found["target", column] for column in PLACES}
        _, low, high = Law.of(cells_of(LAW, of), RATIO, replicates=100).slope(0)
        inside += low <= 0.5 <= high
    return inside / worlds


def test_a_planted_law_is_found_by_one_slope_and_by_two() -> None:
    """Catches members counted the wrong way round, another reference than is told, and members who matter less."""
    fit = fits(LAW, world((0.7, -0.7), noise=0.01))["target"]
    assert fit.one is not None and fit.apart is not None
    assert fit.one.slope(0)[0] == pytest.approx(0.7, abs=0.01) and fit.level[0] == pytest.approx(0.714, abs=0.003)
    assert [fit.apart.slope(k)[0] for k in (0, 1)] == pytest.approx([0.7, -0.7], abs=0.02)
    assert fit.apart.slope(0, 1)[0] == pytest.approx(0.0, abs=0.03)
    assert fit.scatter < 0.02
    other = fits(LAW, world((0.7, -0.2), noise=0.01))["target"]
    assert other.apart is not None and other.apart.slope(1)[0] == pytest.approx(-0.2, abs=0.03)
    assert other.apart.slope(0, 1)[1] > 0.3  # the ratio alone does not count, and the interval says so
    assert other.scatter > 0.1  # the ratio alone does not explain these


def test_the_slopes_interval_holds_a_planted_one_about_as_often_as_it_says() -> None:
    """Catches intervals of half or twice their width."""
    assert 0.88 <= coverage(100, scatter=0.3) <= 0.99


@pytest.mark.slow
def test_the_slopes_interval_covers_from_both_sides() -> None:
    """Catches intervals that hold too much, or too little."""
    assert 0.92 <= coverage(600, scatter=0.3) <= 0.98
    assert coverage(300, scatter=0.0) >= 0.95  # Student's, of errors that are known: wide, never short


def test_no_leak_anywhere_has_no_slope_to_tell() -> None:
    """Catches a slope of nothing with an interval that leaves zero out."""
    for seed in range(3):
        fit = fits(LAW, world((0.7, -0.7), level=0.0, seed=seed))["target"]
        assert (
            fit.one is not None and fit.one.slope(0)[1] < 0 < fit.one.slope(0)[2] and fit.level[1] < 0.5 < fit.level[2]
        )


def test_a_law_is_written_with_its_figure_and_too_few_cells_are_dashes(tmp_path: Path) -> None:
    """Catches a law through as many cells as it has slopes, and an attack without figures that stops the others."""
    results = {place: dict(run) for place, run in world((0.7, -0.7)).items()}
    for place, run in results.items():
        if place[0] in "efg":
            run["lira/auc"] = Measured(0.8)
    found = fits(LAW, results)
    lines = law_page(LAW, found).splitlines()
    assert lines[-2].startswith("| attack | 7 | 0.") and lines[-1] == "| LiRA | 3 | – | – | – | – | – | – |"
    assert "AUC at 24 / 200" in lines[-4]
    page, png = write_laws([(LAW, found)], tmp_path)
    assert page.name == "laws.md" and png.read_bytes()[:4] == b"\x89PNG"
    assert "Slopes: attack 0." in described(LAW, found)
    assert (
        "| attack | 0 | – |" in law_page(LAW, fits(LAW, {})) and len(write_laws([(LAW, fits(LAW, {}))], tmp_path)) == 1
    )


def test_a_papers_page_shows_the_law_with_words_for_who_does_not_see_it(tmp_path: Path) -> None:
    """Catches a law that is fitted and never shown."""
    found = fits(LAW, world((0.7, -0.7)))
    page = Page("A paper", "About.", "", "a command", "seed 1", [], [], [], [], [(LAW, found)], "## Last")
    file, png = write_page(tmp_path / "paper.md", page)
    text = file.read_text("utf-8")
    assert png.name == "paper_a_law.png" and f"![{described(LAW, found)}](paper_a_law.png)" in text
    assert text.index("## Verdicts") < text.index("## A law") < text.index("| attack | 7 |") < text.index("## Last")


def test_what_a_law_asks_is_kept_of_runs() -> None:
    """Catches a law that loses its figures with the run folders."""
    assert asked_of(PAPER)["a"] == ["lira/auc", "lira/tpr", "target/auc", "target/tpr"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"grid": "Rates"}, "laws.grid=Rates: the title of a grid of auc: AUC"),
        ({"grid": ["AUC"]}, "laws.grid="),
        ({"reference": "z"}, "laws.reference=z"),
        ({"columns": ["a", "b"]}, "laws.columns="),
        ({"columns": {**PLACES, "z": {"epochs": 1, "members": 2}}}, "laws.columns=z: a column of its grid"),
        ({"columns": {**PLACES, "a": 2}}, "laws.columns.a=2"),
        ({"columns": {**PLACES, "a": {"epochs": 1, "records": 2}}}, "laws.columns.a="),
        ({"columns": {**PLACES, "a": {"epochs": 0, "members": 2}}}, "laws.columns.a.epochs=0: a number above 0"),
        ({"columns": {**PLACES, "a": {"epochs": 1, "members": "many"}}}, "laws.columns.a.members=many"),
        ({"columns": {x: PLACES[x] for x in "efg"}}, "laws.columns=e, f, g: 4 at least"),
        ({"columns": {x: {**PLACES[x], "members": 200} for x in PLACES}}, "neither all of the same epochs or members"),
        ({"colums": {}}, "colums"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_refused_in_one_line(change: dict, named: str) -> None:
    """Catches a misspelt column that is passed over, and a slope that no cell tells."""
    with pytest.raises(InputError) as told:
        RatioLaw.of({**ENTRY, **change}, [LAW.grid])
    assert named in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(InputError, match="reference"):
        RatioLaw.of({name: value for name, value in ENTRY.items() if name != "reference"}, [LAW.grid])
