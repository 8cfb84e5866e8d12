"""M^4I's claims on its feature-based attack can come out either way, and on data that show nothing neither way."""

from __future__ import annotations

from itertools import product

import pytest
import yaml

from scripts.jobs import ROOT
from telltale.papers.claims import Claim, Verdict
from telltale.papers.judging import judge_all
from telltale.papers.results import Measured, Results

PAPER = yaml.safe_load((ROOT / "conf" / "paper" / "m4i.yaml").read_text("utf-8"))
HOLDS, FAILS, UNKNOWN = Verdict.HOLDS, Verdict.FAILS, Verdict.UNKNOWN
CHANCE = ("disjoint", "untrained", "shuffled_shadows")


def world(found: float, ceiling: float, blind: float, metric: float = 0.9) -> Results:
    """Make up success rates of the runs, of three seeds that hardly differ."""
    of = dict.fromkeys(CHANCE, 0.5) | {"zero_query": blind, "word_for_word_taught": ceiling}
    runs = {}
    for experiment, seed in product(PAPER["experiments"], (1, 2, 3)):
        target = found if experiment.startswith(("feature", "contrast")) else metric
        values = {**of, "target": target, "m4i_feature": found}
        runs[experiment, seed] = {
            f"{name}/balanced_accuracy": Measured(value + 0.002 * seed) for name, value in values.items()
        }
    return runs


def verdicts(results: Results) -> dict[str, Verdict]:
    """Return the verdict of each claim that the paper has a figure of 94.83 % for, by the experiment it is of."""
    tested = judge_all([Claim.of(entry) for entry in PAPER["claims"]], results)
    told = [test for test in tested if "94.83" in (test.claim.paper or "") and test.claim.quantity is not None]
    return {
        ("lead " if test.claim.quantity.minus else "") + test.claim.quantity.experiments[0]: test.verdict
        for test in told
    }  # type: ignore[union-attr]


WORLDS = {  # as on emoji; a leak that is seen; none where it would have been seen; a shift that beats perfect memory
    "emoji": (world(0.505, 0.62, 0.81), UNKNOWN),
    "leak": (world(0.95, 0.998, 0.5, metric=0.7), HOLDS),
    "none": (world(0.5, 0.998, 0.5), FAILS),
    "shift": (world(0.95, 0.96, 0.97), UNKNOWN),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_papers_figure_is_judged_only_where_an_extractor_could_carry_it(name: str) -> None:
    """Catches a verdict that could not have come out otherwise, and one that can never come out at all."""
    results, expected = WORLDS[name]
    found = verdicts(results)
    assert set(found) == {"feature_other_unrestricted", "feature_same_unrestricted", "lead other_unrestricted"}
    assert found["feature_other_unrestricted"] is expected
    if name != "shift":
        assert set(found.values()) == {expected}
