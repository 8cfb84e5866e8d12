"""A claim may fail only where it could have held: ceilings, and which verdicts they hold back."""

from __future__ import annotations

from typing import Any

import pytest

from telltale.papers.claims import Verdict
from telltale.papers.judging import judge
from tests.papers.test_claims import claim, over_mlp, results

HOLDS, FAILS, UNKNOWN = Verdict.HOLDS, Verdict.FAILS, Verdict.UNKNOWN
POWER = {"power": {"of": "ceiling", "margin": 0.05}}


def verdict_of(fields: dict[str, Any], **values: float) -> Verdict:
    return judge(claim(**{**POWER, **fields}), results(**values)).verdict


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.9, FAILS), (0.62, UNKNOWN), (0.84, UNKNOWN)])
def test_a_control_refutes_only_what_its_ceiling_would_have_beaten(ceiling: float, verdict: Verdict) -> None:
    """Catches 94.83 % refuted by a control at .81 where perfect memory reaches .62."""
    assert (
        verdict_of({"above": 0.5, "controls": ["untrained"]}, target=0.55, untrained=0.81, ceiling=ceiling) is verdict
    )


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.75, FAILS), (0.53, UNKNOWN)])
def test_the_ceiling_must_pass_the_claims_own_bound(ceiling: float, verdict: Verdict) -> None:
    """Catches a failure where nothing could have passed the bound."""
    assert verdict_of({"above": 0.5}, target=0.45, ceiling=ceiling) is verdict


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.9, FAILS), (0.75, UNKNOWN)])
def test_the_ceiling_must_exceed_what_the_quantity_subtracts(ceiling: float, verdict: Verdict) -> None:
    """Catches a lead that is refuted where the rival stands above the ceiling."""
    found = {"target": 0.5, "mlp": 0.75, "ceiling": ceiling}
    assert verdict_of({"quantity": over_mlp(), "above": 0.0}, **found) is verdict


def test_what_holds_proves_its_own_power() -> None:
    """Catches a leak that is found and then held back because the ceiling is not far above it."""
    assert verdict_of({"above": 0.5}, target=0.6, ceiling=0.52) is HOLDS


def test_a_defence_is_said_to_hold_only_where_a_leak_could_have_been_seen() -> None:
    """Catches "nothing found" from an attack that sees nothing."""
    assert verdict_of({"below": 0.55}, target=0.5, ceiling=0.8) is HOLDS
    assert verdict_of({"below": 0.55}, target=0.5, ceiling=0.56) is UNKNOWN
    assert verdict_of({"below": 0.55}, target=0.7, ceiling=0.56) is FAILS


@pytest.mark.parametrize(("ceiling", "verdict"), [(0.8, HOLDS), (0.52, UNKNOWN)])
def test_no_difference_is_said_only_where_one_could_have_been_seen(ceiling: float, verdict: Verdict) -> None:
    """Catches two attacks told to be equal where the best there can be is no better than either."""
    assert verdict_of({"quantity": over_mlp(), "within": 0.05}, target=0.5, mlp=0.5, ceiling=ceiling) is verdict


def test_a_ceiling_whose_seeds_do_not_show_it_holds_back_as_well() -> None:
    """Catches power told by a mean of three that lie far apart."""
    fields = {"above": 0.5, "controls": ["untrained"], "power": {"of": "target", "margin": 0.05}}
    wide = [-0.2, 0.0, 0.2]
    tested = judge(
        claim(**{**fields, "quantity": {"metrics": ["auc"], "experiments": ["gin"], "of": "mlp"}}),
        results(wide, mlp=0.3),
    )
    assert tested.verdict is UNKNOWN and tested.withheld
    assert (
        "it would be does not hold, but the ceiling target is not shown to be 0.05 above 0.5 (+0.200 [-0.297, 0.697])"
        in tested.reason
    )


def test_where_less_is_more_the_ceiling_lies_below() -> None:
    """Catches a pixel error whose best case is asked to be large."""
    power = {"power": {"of": "ceiling", "margin": -0.05}}
    assert verdict_of({"below": 0.3, **power}, target=0.5, ceiling=0.1) is FAILS
    assert verdict_of({"below": 0.3, **power}, target=0.5, ceiling=0.28) is UNKNOWN
