"""Claims that another paper's runs decide: its whole seeds are judged, and nothing is run for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.paper_runs import PaperRuns, jobs_of
from telltale.errors import InputError
from telltale.papers.asked import asked_of
from telltale.papers.claims import Claim, Elsewhere
from telltale.papers.judging import Tested, judge_all
from telltale.papers.kept import Maker


def judged_elsewhere(
    claims: Sequence[Claim],
    scale: str,
    folder: Path,
    measured: Path | None,
    code: Maker,
    paper_of: Callable[[str, str], dict[str, Any]],
) -> dict[Elsewhere, Tested]:
    """Judge the claims of other papers that `claims` name, as far as these have a whole seed.

    folder: of all papers' runs; measured: of all papers' kept figures; paper_of: name and scale -> its file. Raises
    InputError for a paper or claim that is not there, and for a claim that is decided elsewhere itself.
    """
    named = {claim.elsewhere for claim in claims if claim.elsewhere}
    found: dict[Elsewhere, Tested] = {}
    for name in sorted({place.paper for place in named}):
        paper = paper_of(name, scale)
        others = [Claim.of(entry) for entry in paper["claims"]]
        known = sorted(claim.name for claim in others if claim.name and not claim.elsewhere)
        for place in named:
            if place.paper == name and place.claim not in known:
                raise InputError("claims.elsewhere", f"{name}: {place.claim}", f"one of {', '.join(known)}")
        jobs = jobs_of(paper, scale, folder / name / scale)
        shelf = measured / name / scale if measured else None
        there, refused = PaperRuns(jobs, code, asked_of(paper), shelf).with_kept()
        for line in refused:
            print(line, file=sys.stderr)
        runs = there.of_whole_seeds()
        if runs.jobs:
            tested = judge_all(others, runs.results())
            found |= {Elsewhere(name, test.claim.name): test for test in tested if test.claim.name}
    return found
