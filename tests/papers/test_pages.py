"""What the command leaves behind: verdicts with what must be expected of them, what flipped, all papers at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts import reproduce_paper
from scripts.paper_runs import Job, PaperRuns, jobs_of
from telltale import __version__
from telltale.errors import InputError
from telltale.evaluation.membership import score_membership
from telltale.evaluation.statistics import Resampling
from telltale.evidence import MembershipScores
from telltale.papers.claims_file import Flips, Tally, flipped, ids, read_verdicts, write_json_of
from telltale.papers.claims_table import expected, write_claims
from telltale.papers.judging import judge_all
from telltale.papers.kept import Maker
from telltale.papers.results import Measured, read_run
from telltale.reporting.metrics_file import write_json
from tests.papers.test_claims import claim, results

CLAIMS = [
    claim(text="It leaks | at all.", above=0.5),
    claim(text="The same.", above=0.695),
    claim(text="The same.", above=0.9),
    claim(text="Told of nine.", above=0.5, cannot_tell="nine encoders"),
    claim(text="Held back.", above=0.5, requires=["needed"]),
    claim(text="Needed.", name="needed", above=0.95),
]


def test_what_must_be_expected_to_be_wrong_is_counted_from_what_was_tested() -> None:
    """Catches a count of decided claims alone: one whose truth is at its bound is decided only by error."""
    tested = judge_all(CLAIMS, results())
    tally = Tally.of(tested)
    assert (tally.holds, tally.fails, tally.unknown, tally.tested, tally.survive) == (1, 2, 3, 4, 3)
    assert tally.wrong == pytest.approx(4 * 0.025)
    assert "Of 6 claims 4 were tested" in expected(tested) and "of the 3 decided expect up to 0.1" in expected(tested)


def test_a_page_says_by_which_rules_it_was_judged_and_what_flipped(tmp_path: Path) -> None:
    """Catches an old page taken for one by today's rules, and a verdict that changes without a word."""
    tested = judge_all(CLAIMS, results())
    flips = flipped(
        tested,
        {
            "It leaks | at all.": "does not hold",
            "It leaks | at all. The same.": "cannot tell at this scale",
            "Gone.": "holds",
        },
    )
    assert list(flips.changed) == [("It leaks | at all.", "does not hold", "holds")]
    assert (flips.new, flips.gone) == (4, 1)
    for page in write_claims("A paper", tested, tmp_path, [("gin", 0, ["attack=lira"])], flips):
        text = page.read_text("utf-8")
        assert f"telltale {__version__}" in text and "It leaks | at all.: does not hold → holds" in text
        assert "survives Holm" in text and "yes (p " in text and "python -m src.run attack=lira" in text
    again = write_claims("A paper", tested, tmp_path, [], Flips([], 0, 0))[0].read_text("utf-8")
    assert "Verdicts that changed since the earlier table: none." in again


def test_verdicts_are_kept_for_the_next_time(tmp_path: Path) -> None:
    """Catches two claims of one text that are taken for one."""
    tested = judge_all(CLAIMS, results())
    file = write_json_of("A paper", tested, tmp_path)
    assert read_verdicts(file) == {
        name: str(test.verdict) for name, test in zip(ids(one.text for one in CLAIMS), tested, strict=True)
    }
    page = write_claims("A paper", tested, tmp_path, [("gin", 0, ["attack=lira"])])[0]
    assert read_verdicts(page) == read_verdicts(file)
    with pytest.raises(InputError, match="a page with its table"):
        read_verdicts(write_json(tmp_path / "other.md", {}))
    first = json.loads(file.read_text("utf-8"))["claims"][0]
    assert first["survives_holm"] is True and first["p"] <= first["p_holm"] <= 0.05 and first["low"] > 0.5


def test_a_run_is_read_by_its_own_file_with_notes(tmp_path: Path) -> None:
    """Catches figures without their notes, and the owners' success taken for the attack's."""
    estimate = {
        "value": 0.6,
        "low": None,
        "high": 0.7,
        "n": 3,
        "note": "cannot tell: 3 discordant candidates, 300 needed",
    }
    document = {"metrics": {"auc": estimate}, "controls": {"blind": {"auc": estimate}}, "target": {"accuracy": 0.9}}
    document["costs"] = {"target": {"queries": {"embeddings": 7, "values": 1}, "seconds": 2.5}}
    write_json(tmp_path / "metrics.json", document)
    run = read_run(tmp_path)
    costs = {"target/queries": 8.0, "target/seconds": 2.5}
    assert run is not None and {name: run.pop(name).value for name in costs} == costs  # type: ignore[attr-defined]
    assert set(run) == {"target/auc", "blind/auc", "owner/accuracy"}
    assert run["target/auc"].cautions == ("3 discordant candidates, 300 needed",) and run["owner/accuracy"].value == 0.9
    assert read_run(tmp_path / "never") is None


def test_what_evaluation_notes_of_too_few_records_is_understood() -> None:
    """Catches a note that is worded anew and no longer reaches the verdict."""
    rng = np.random.default_rng(0)
    evidence, members = MembershipScores(rng.normal(size=(1, 400))), rng.random((1, 400)) < 0.5
    scored = score_membership(evidence, members, Resampling.over(400, 20, seed=0))
    read = {name: Measured.of(estimate.to_json()) for name, estimate in scored.items()}
    assert [name for name, one in read.items() if one.cautions] == ["tpr_at_fpr_0.001", "tpr_at_fpr_0.01"]


def test_without_a_name_all_papers_are_judged_and_one_table_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a paper that is left out, and a second time that says nothing of the first."""
    played: list[Job] = []

    def nothing(runs: PaperRuns, *_: object) -> list[Job]:
        played.extend(runs.jobs)
        return []

    monkeypatch.setattr(reproduce_paper, "run_all", nothing)
    for name in reproduce_paper.papers():
        for variable in reproduce_paper.read_paper(name, "smoke").get("needs", {}):
            monkeypatch.setenv(variable, str(tmp_path))
    arguments = ["--scale", "smoke", "--folder", str(tmp_path), "--unplanned"]
    assert reproduce_paper.main(arguments) == 0
    assert {job.folder.parts[-4] for job in played} == set(reproduce_paper.papers())
    table = capsys.readouterr().out.partition("All papers, scale smoke")[2]
    written = (tmp_path / "claims_smoke.md").read_text("utf-8")
    for name in [*reproduce_paper.papers(), "all"]:
        assert name in table and f"| {name} | " in written
    assert reproduce_paper.main(["tmi", *arguments]) == 0
    assert "since the earlier table: none" in capsys.readouterr().out
    assert reproduce_paper.main([*arguments, "--against", "claims.json"]) == 2
    assert reproduce_paper.main(["tmi", *arguments, "--against", str(tmp_path / "nothing.json")]) == 2


def test_what_is_finished_is_judged_by_whole_seeds_and_becomes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a seed of which one run is missing that leaves every claim without a verdict, and a page without one."""
    paper = {
        **{"paper": "A paper", "about": "What | it is about.", "more": "## Last", "seeds": {"smoke": [1, 2, 3, 4]}},
        "reading": "{{gin: target/auc}}, {{gcn: target/auc | percent}}; {{verdict leaks}} by {{claim leaks | value}}.",
        "experiments": {"gin": ["attack=lira"], "gcn": ["attack=lira", "model=gcn"]},
        "claims": [
            {
                "text": "It leaks.",
                "source": "ours",
                "name": "leaks",
                "quantity": {"metrics": ["auc"], "experiments": ["gin"]},
                "above": 0.5,
            }
        ],
        "grids": [
            {"title": "Grid", "metric": "auc", "rows": {"target": "attack"}, "columns": {"gcn": "GCN"}, "figure": True}
        ],
        "tables": [{"title": "Table", "columns": {"auc": "AUC"}, "rows": {"GIN": ["gin", "target"]}}],
    }
    monkeypatch.setattr(reproduce_paper, "read_paper", lambda *_: paper)
    monkeypatch.setattr(reproduce_paper, "this_code", lambda: Maker("code", "5f1c0ffee"))
    for job in jobs_of(paper, "smoke", tmp_path / "tmi" / "smoke"):
        if (job.experiment, job.seed) != ("gcn", 4):
            write_json(job.folder / "metrics.json", {"metrics": {"auc": {"value": 0.7 + job.seed / 100}}})
            write_json(job.folder / "made_by.json", job.run("code").made_by)
    page = tmp_path / "docs" / "tmi.md"
    arguments = ["tmi", "--scale", "smoke", "--folder", str(tmp_path), "--finished", "--page", str(page)]
    assert reproduce_paper.main(arguments) == 0
    text = page.read_text("utf-8")
    assert text.startswith(
        "# A paper, scale smoke\n\nWhat | it is about.\n\n0.720 [0.695, 0.745], 72.0 %; holds by 0.720.\n\n"
        "What is below the first part is written by `make repro"
    )
    assert "![Grid](tmi_grid.png)" in text and (page.parent / "tmi_grid.png").stat().st_size > 1000
    assert "It rests on seeds 1, 2, 3 (3 of 4 named; the others are not finished). Its 6 runs were made at" in text
    assert " made at commit 5f1c0ff." in text
    assert "| 0.720 [0.695, 0.745] | holds |" in text
    assert (
        text.index("## Verdicts")
        < text.index("## Table")
        < text.index("| GIN | 0.720")
        < text.index("## Grid")
        < text.index("## Last")
    )
    assert read_verdicts(page) == {"It leaks.": "holds"}
    assert reproduce_paper.main(["--page", str(page), *arguments[1:-2]]) == 2
    monkeypatch.setattr(reproduce_paper, "this_code", lambda: Maker("other code"))
    assert reproduce_paper.main(arguments) == 2 and page.read_text("utf-8") == text  # of nothing no page is made
