"""Figures that outlive their runs: read back bit by bit, judged alike, refused where they are of something else."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.reproduce_paper import papers, read_paper
from telltale.errors import InputError
from telltale.papers.asked import answering, asked_of
from telltale.papers.claims import Claim
from telltale.papers.curve import Curve, points
from telltale.papers.grid import Grid, cells
from telltale.papers.judging import judge_all
from telltale.papers.kept import KeptRun, Maker, read_kept, write_kept
from telltale.papers.ratio_law import fits, laws_of, slopes
from telltale.papers.results import Measured, Results
from telltale.papers.table import Table, lines

MAKER = Maker("9a03", "5f1c0ffee5f1c0ffee")
WORDS = ("attack=tmi", "rivals=[a,b]", "+x='a \"b\"'", "seed=1")
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def figures(*names: str) -> dict[str, Measured]:
    return {name: Measured(0.1 * place, note='a, b; "c"\r\n\'=d') for place, name in enumerate(names, 1)}


def bits(figure: Measured) -> tuple[bytes, str]:
    """The figure's very bits; a NaN is one whatever its sign."""
    numbers = [math.nan if math.isnan(number) else number for number in (figure.value, figure.low, figure.high)]
    return np.array(numbers).tobytes(), figure.note


@settings(deadline=None)  # a loaded machine is no fault
@given(st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS, NUMBERS, TEXTS), max_size=4), st.lists(TEXTS), st.booleans(), TEXTS)
def test_what_is_kept_is_read_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple], words: list[str], changed: bool, device: str
) -> None:
    """Catches a digit, a sign of zero, an order, a quote, a line's end or a formula that is lost on the way."""
    run = {f"{name}/{place}": Measured(*numbers) for place, (name, *numbers) in enumerate(rows)}
    kept = KeptRun(tuple(words), Maker("9a03", "5f1c", changed), frozenset(words), run, device)
    file = tmp_path_factory.mktemp("kept") / "run.csv"
    again = read_kept(write_kept(file, kept))
    assert (again.overrides, again.maker, again.asked, again.device) == (tuple(words), kept.maker, kept.asked, device)
    assert [(name, bits(figure)) for name, figure in again.figures.items()] == [
        (name, bits(figure)) for name, figure in run.items()
    ]
    first = file.read_bytes()
    assert write_kept(file, again).read_bytes() == first
    assert [path.name for path in file.parent.iterdir()] == ["run.csv"]  # nothing temporary stays


@pytest.mark.parametrize("name", papers())
def test_a_paper_is_judged_from_kept_runs_as_from_whole_ones(name: str, tmp_path: Path) -> None:
    """Catches a figure that a claim, grid, table, curve or law asks for in a way that is not foreseen."""
    paper = read_paper(name, "small")
    whole = results_of(paper)
    asked = asked_of(paper)
    kept = {
        place: read_kept(write_kept(tmp_path / "x.csv", KeptRun.of(run, (), MAKER, asked.get(place[0], [])))).figures
        for place, run in whole.items()
    }
    assert sum(map(len, kept.values())) < sum(map(len, whole.values()))  # the seconds of most, e.g.
    assert judged(paper, kept) == judged(paper, whole)
    tested = judge_all([Claim.of(entry) for entry in paper["claims"]], whole)
    assert not [test.reason for test in tested if test.reason.startswith("no result")]


def results_of(paper: dict) -> Results:
    """Give every figure that a paper asks for in three seeds, stars filled in twice, and others beside and before."""
    rng, asked = np.random.default_rng(0), asked_of(paper)
    results = {}
    for experiment, seed in itertools.product(paper["experiments"], (1, 2, 3)):
        names = [filled for pattern in asked.get(experiment, []) for filled in fill(pattern)]
        evidence = dict.fromkeys(name.rpartition("/")[0] for name in names)
        order = [*(f"{of}/seconds" for of in reversed(evidence)), *names, "target/never_asked", "nobody/auc"]
        results[experiment, seed] = {
            name: Measured(rng.random(), rng.random(), rng.random() + seed, "n" * (rng.random() < 0.1))
            for name in dict.fromkeys(order)
        }
    return results


def fill(pattern: str) -> Iterator[str]:
    if not pattern.endswith("/"):
        parts = re.split(
            r"\[(.+?)\]", pattern
        )  # at odd places what stands in brackets, of which first and last are taken
        choices = [[part] if place % 2 == 0 else [part[0], part[-1]] for place, part in enumerate(parts)]
        for filled in itertools.product(*choices):
            yield from dict.fromkeys("".join(filled).replace("*", middle) for middle in ("10", "7", "z"))


def judged(paper: dict, results: Results) -> str:
    """Everything that follows from a paper's results, as one text: floats by their shortest exact form."""
    return repr(
        [
            judge_all([Claim.of(entry) for entry in paper["claims"]], results),
            [cells(Grid.of(entry), results) for entry in paper.get("grids", [])],
            [lines(Table.of(entry), results) for entry in paper.get("tables", [])],
            [points(Curve.of(entry), results) for entry in paper.get("curves", [])],
            slopes([(law, fits(law, results)) for law in laws_of(paper)]),
        ]
    )


def test_a_table_of_patterns_keeps_its_rows_and_their_order() -> None:
    """Catches rows in another order, or a row fewer, where what was asked of them is all that is left."""
    table = {"title": "T", "columns": {"mape": "MAPE"}, "rows": {"all": ["digits", "kmeans * bit"]}}
    names = ("kmeans 8 bit/queries", "kmeans 2 bit/queries", "kmeans 2 bit/mape", "kmeans 8 bit/mape", "pruned/mape")
    run = figures(*names)
    kept = answering(run, asked_of({"claims": [], "tables": [table]})["digits"])
    assert list(kept) == [name for name in run if name != "pruned/mape"]
    whole, less = (lines(Table.of(table), {("digits", 1): figures_}) for figures_ in (run, kept))
    assert list(whole.items()) == list(less.items()) and list(whole) == ["kmeans 8 bit", "kmeans 2 bit"]


def test_a_kept_run_stands_only_for_its_own_words_and_for_what_was_asked_of_it() -> None:
    """Catches figures of other options, and a new claim that is told to have no result."""
    run = KeptRun.of(figures("target/auc"), WORDS, MAKER, ["blind/auc", "target/auc", "target/tpr_*"])
    assert run.unlike(WORDS, ["target/auc", "blind/auc", "target/tpr_*"]) == ""
    assert run.unlike(WORDS[::-1], []) == "its words stood in another order"
    other = (*WORDS[:-1], "seed=2")
    assert run.unlike(other, []) == "it was made with seed=1, and conf/paper says seed=2 by now"
    assert "says nothing in its place" in run.unlike(WORDS[:-1], [])
    assert run.unlike(WORDS, ["target/precision"]).startswith("it does not have target/precision, which")
    assert run.unlike(WORDS, ["target/*"]).startswith("it does not have target/*, which")


GOOD = "what,value,low,high,note\ncommit,5f1c,,,\ncode,9a03,,,\nfigures,1,,,\ntarget/auc,0.5,,,\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it does not have commit"),
        (GOOD.replace("what,value", "figure,value"), "line 1: its columns are"),
        (GOOD.replace("0.5", "half"), "line 5: 'half' is no number"),
        (GOOD.replace("target/auc,0.5,,,", "target/auc,0.5,,"), "line 5: its columns are"),
        (GOOD.replace("code,", "digest,"), "line 3: 'digest' is neither a figure nor one of"),
        (GOOD.replace("commit,5f1c,,,", "<<<<<<< HEAD"), "line 2: its columns are '<<<<<<< HEAD'"),
        (GOOD.replace("target/auc,0.5,,,\n", ""), "it has 0 figures, and says 1"),
        (GOOD.replace("figures,1", "figures,2"), "it has 1 figures, and says 2"),
        (GOOD.replace("code,9a03,,,\n", ""), "it does not have commit, code and figures once each"),
        (GOOD + '"target/x', "line 6: unexpected end of data"),
        ("\xff", "'utf-8' codec can't decode"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    """Catches a traceback, and half a file that is taken for a run with few figures."""
    file = tmp_path / "head.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as error:
        read_kept(file)
    told = str(error.value)
    assert told.startswith(f"--measured={file}: ") and said in told and "the run is made again" in told
    assert "\n" not in told
    file.write_text(GOOD)
    assert read_kept(file).figures["target/auc"].value == 0.5
    with pytest.raises(InputError, match="No such file"):
        read_kept(tmp_path / "nothing.csv")
