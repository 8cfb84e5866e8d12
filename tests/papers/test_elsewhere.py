"""Claims that another paper decides: its figures and verdict, counted once, and nothing where it was not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.elsewhere import judged_elsewhere
from scripts.paper_runs import PaperRuns, jobs_of
from scripts.reproduce_paper import papers, read_paper
from telltale.errors import InputError
from telltale.papers.asked import asked_of
from telltale.papers.claims import Claim, Elsewhere, Verdict
from telltale.papers.claims_file import Tally
from telltale.papers.claims_table import expected
from telltale.papers.judging import judge_all
from telltale.papers.kept import Maker
from telltale.reporting.metrics_file import write_json

LEAKS = {"text": "It leaks.", "source": "ours", "name": "leaks", "above": 0.5}
AUC = {"metrics": ["auc"], "experiments": ["gin"]}
OTHER: dict[str, Any] = {
    "paper": "Another paper",
    "seeds": {"smoke": [1, 2, 3]},
    "experiments": {"gin": ["attack=lira"]},
    "claims": [{**LEAKS, "quantity": AUC}, {**LEAKS, "name": "much", "above": 0.9, "quantity": AUC}],
}
CODE = Maker("digest", "a11ce5eedb0b")


def claim_of(claim: str, paper: str = "other") -> Claim:
    place = {"paper": paper, "claim": claim}
    return Claim.of({"text": "It leaks there.", "source": "ours", "name": f"there {claim}", "elsewhere": place})


def paper_of(name: str, scale: str) -> dict[str, Any]:
    assert (name, scale) == ("other", "smoke")
    return OTHER


def measure(folder: Path, seeds: list[int]) -> None:
    """Leave runs of the other paper in its folder, as its own command does."""
    for job in jobs_of(OTHER, "smoke", folder / "other" / "smoke", seeds):
        run = job.run(CODE.code)
        value = 0.7 + job.seed / 500
        write_json(run.folder / "metrics.json", {"metrics": {"auc": {"value": value, "low": 0.6, "high": 0.8}}})
        write_json(run.folder / "run.json", {"machine": {}})
        write_json(run.folder / "made_by.json", run.made_by)


def judged(claims: list[Claim], folder: Path) -> dict[Elsewhere, Any]:
    return judged_elsewhere(claims, "smoke", folder, None, CODE, paper_of)


def test_the_other_papers_figures_and_verdict_stand_here(tmp_path: Path) -> None:
    """Catches a verdict typed by hand, a figure that differs from the other page's, and a claim tested twice."""
    measure(tmp_path, [1, 2, 3])
    claims = [claim_of("leaks"), claim_of("much")]
    there = judge_all([Claim.of(entry) for entry in OTHER["claims"]], _results(tmp_path))
    here = judge_all(claims, {}, judged(claims, tmp_path))
    for ours, theirs in zip(here, there, strict=True):
        assert (ours.value, ours.low, ours.high) == (theirs.value, theirs.low, theirs.high)
        assert (ours.verdict, ours.adjusted, ours.seeds) == (theirs.verdict, theirs.adjusted, 3)
        assert ours.reason.startswith("as other has it") and ours.p is None
    assert [test.verdict for test in here] == [Verdict.HOLDS, Verdict.FAILS]
    counted, counted_there = Tally.of(here), Tally.of(there)
    assert (counted.claims, counted.elsewhere, counted.survive, counted.tested) == (0, 2, 0, 0)
    assert (counted_there.claims, counted_there.elsewhere, counted_there.tested) == (2, 0, 2)
    assert (
        expected(here)
        == "None of 0 claims could be tested. 2 more are decided by the runs of other papers, and counted there."
    )


def test_own_claims_are_corrected_for_their_own_number_alone(tmp_path: Path) -> None:
    """Catches a claim of elsewhere that makes those beside it harder to decide."""
    measure(tmp_path, [1, 2, 3])
    own, results = [Claim.of(OTHER["claims"][0])], _results(tmp_path)
    beside = [*own, claim_of("much")]
    assert judge_all(beside, results, judged(beside, tmp_path))[0].adjusted == judge_all(own, results)[0].adjusted


@pytest.mark.parametrize("seeds", [[], [1, 2]])
def test_what_was_not_measured_there_cannot_be_told_here(tmp_path: Path, seeds: list[int]) -> None:
    """Catches a verdict without runs, and one of too few seeds."""
    measure(tmp_path, seeds)
    claims = [claim_of("leaks")]
    (test,) = judge_all(claims, {}, judged(claims, tmp_path))
    assert test.verdict is Verdict.UNKNOWN
    said = "2 seeds, 3 needed" if seeds else "of other, which decides it, no seed is finished"
    assert said in test.reason


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"elsewhere": "other"}, "paper: a file"),
        ({"elsewhere": {"paper": "other"}}, "paper: a file"),
        ({"elsewhere": {"paper": "other", "claim": "leaks"}, "above": 0.5}, "alone"),
        ({"elsewhere": {"paper": "other", "claim": "leaks"}, "rows": ["shuffled"]}, "alone"),
        ({"elsewhere": {"paper": "other", "claim": "leaks"}, "quantity": AUC}, "alone"),
    ],
)
def test_what_decides_is_named_alone(entry: dict[str, Any], expected: str) -> None:
    """Catches bounds that nothing is held to."""
    with pytest.raises(InputError, match=expected):
        Claim.of({"text": "It leaks there.", "source": "ours", **entry})


def test_a_claim_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Catches a name that was changed in the other file."""
    with pytest.raises(InputError, match=r"claims\.elsewhere.*one of leaks, much"):
        judged([claim_of("leak")], tmp_path)


@pytest.mark.parametrize("name", papers())
def test_what_papers_name_elsewhere_is_there(name: str, tmp_path: Path) -> None:
    """Catches a paper's file that names a claim or file which is gone."""
    claims = [Claim.of(entry) for entry in read_paper(name, "small")["claims"]]
    assert judged_elsewhere(claims, "small", tmp_path, None, CODE, read_paper) == {}


def _results(folder: Path) -> dict[tuple[str, int], Any]:
    return dict(PaperRuns(jobs_of(OTHER, "smoke", folder / "other" / "smoke"), CODE, asked_of(OTHER)).results())
