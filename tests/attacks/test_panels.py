"""Victims judged all at once, sums over shadows shared: as each by itself, in a time that grows with the victims."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.kept import Signals
from telltale.attacks.membership.left_out import Moments, left_out
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.rmia import RMIA
from telltale.attacks.membership.shadow_attack import PSEUDO_TARGETS, ShadowAttack
from telltale.attacks.membership.vector_lira import VectorLiRA

POINTS, POPULATION, MODELS = 60, 15, 19
NOBODY: Any = None  # what these attacks need to know beside the signals


def drawn(paired: bool, queries: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Signals of models, the last three of them no victims, and who is in them; queries: 0 = probabilities."""
    rng = np.random.default_rng(7)
    half = rng.random((MODELS, POINTS)) < 0.5
    rows = np.repeat(half, 2, 0)[:MODELS] ^ (np.arange(MODELS) % 2 == 1)[:, None] if paired else half
    if not queries:
        return rng.random((MODELS, POINTS + POPULATION)), rows
    signals = rng.normal(size=(MODELS, POINTS, queries)) + 1.5 * rows[..., None]
    signals[:, 1] += 1e4  # digits are lost far from 0
    return signals, rows


def asked(signals: np.ndarray, rows: np.ndarray, paired: bool) -> Signals:
    """Deal shadows out as the game does: all models but the victim and its complement."""
    of_shadows: dict[str, np.ndarray] = {}
    shadows = []
    for victim in range(MODELS - 3):
        others = [model for model in range(MODELS) if model not in {victim, victim ^ 1 if paired else victim}]
        of_shadows |= {str(model): signals[model] for model in others}
        shadows.append((tuple(map(str, others)), rows[others]))
    return Signals([*signals[: MODELS - 3]], of_shadows, shadows)


def together(attack: ShadowAttack, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
    panels = Panels.of(signals, PSEUDO_TARGETS, attack.least_shadows)
    assert panels is not None
    found = attack.scores_of_panels(panels, signals.victims)
    assert found is not None
    return found[0], panels.thresholds(found[1])


VARIANCES = ("per_point", "pooled_per_side", "pooled", "released_fixed")
LIRAS = [LiRA(online, variance) for online in (True, False) for variance in VARIANCES]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("attack", [*LIRAS, RMIA(), RMIA(online=False), VectorLiRA()], ids=lambda one: str(vars(one)))
def test_victims_judged_together_are_judged_as_each_alone(attack: ShadowAttack, paired: bool) -> None:
    """Catches a model too many or too few in a sum, and a variance or threshold that is another panel's."""
    signals = asked(*drawn(paired, 0 if isinstance(attack, RMIA) else 2), paired)
    scores, thresholds = together(attack, signals)
    for victim, (keys, members) in enumerate(signals.shadows):
        shadows = np.stack([signals.of_shadows[key] for key in keys])
        alone, threshold = attack.judge(signals.victims[victim], shadows, members, NOBODY)
        np.testing.assert_allclose(scores[victim], alone, rtol=1e-9, atol=1e-9)
        assert thresholds[victim] == pytest.approx(threshold, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("width", [5, 1000])
@pytest.mark.parametrize("variance", ["per_point", "pooled"])
def test_points_without_two_models_on_a_side_take_the_common_variance(
    variance: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a common variance of one block of points only, and a side that is empty for some panels."""
    monkeypatch.setattr("telltale.attacks.membership.gaussians_of_panels.LARGEST", width * MODELS * 2)
    phi, rows = drawn(False, 2)
    rows[:, 2], rows[:2, 2], rows[:, 3], rows[4, 3] = False, True, False, True
    signals, attack = asked(phi, rows, False), LiRA(variance=variance)
    scores, _ = together(attack, signals)
    alone = [
        attack.score(signals.victims[victim], np.stack([signals.of_shadows[key] for key in keys]), members)
        for victim, (keys, members) in enumerate(signals.shadows)
    ]
    assert np.isnan(scores[4, 3]) and np.isfinite(scores[0, 2])
    np.testing.assert_allclose(scores, np.stack(alone), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("attack", [*LIRAS, RMIA(), RMIA(online=False)], ids=lambda one: str(vars(one)))
def test_a_victims_own_row_does_not_enter_even_the_rounding(attack: ShadowAttack) -> None:
    """Catches a victim taken off a sum that it was in: what is left over would tell who is a member of it."""
    phi, rows = drawn(True, 0 if isinstance(attack, RMIA) else 2)
    before, of_before = together(attack, asked(phi, rows, True))
    rows[4:6] = ~rows[4:6]  # a victim and its complement
    after, of_after = together(attack, asked(phi, rows, True))
    np.testing.assert_array_equal(before[4:6], after[4:6])
    np.testing.assert_array_equal(of_before[4:6], of_after[4:6])
    assert not np.array_equal(before[6:], after[6:])


def test_sums_are_not_shared_where_victims_have_the_same_shadow_told_differently() -> None:
    """Catches a control's tables of members replaced by another victim's."""
    signals = asked(*drawn(True, 1), True)
    assert Panels.of(signals, PSEUDO_TARGETS, 4) is not None
    told = [(keys, members.copy()) for keys, members in signals.shadows]
    told[3][1][0, 0] ^= True
    assert Panels.of(replace(signals, shadows=told), PSEUDO_TARGETS, 4) is None
    assert Panels.of(signals, PSEUDO_TARGETS, MODELS - 3) is None  # a pseudo-target's judges are fewer
    assert Panels.of(replace(signals, shadows=signals.shadows[:6]), PSEUDO_TARGETS, 4) is None  # three panels


def test_additions_grow_with_the_models_and_not_with_their_square() -> None:
    """Catches each victim's sum made anew: of 256 models it took 45 times as long as of 64."""
    counts = []
    for groups in (32, 64, 128):
        added: list[int] = []

        def count(one: frozenset[int], other: frozenset[int], added: list[int] = added) -> frozenset[int]:
            assert not one & other
            added.append(1)
            return one | other

        taking = [(own, other) for own in range(groups) for other in range(0, groups, groups // 8) if own != other]
        outs = [(), *((own,) for own in range(groups)), *taking]
        found = dict(left_out([frozenset({part}) for part in range(groups)], outs, count))
        assert [found[place] for place in range(len(outs))] == [frozenset(range(groups)) - set(out) for out in outs]
        counts.append(len(added))
    assert counts[2] < 2.1 * counts[1] < 4.5 * counts[0]


def test_moments_of_equal_values_have_no_deviation() -> None:
    """Catches squares less a square: what is left of them is rounding, by which a likelihood is divided."""
    parts = [Moments(np.ones(1), np.array([0.1]), np.zeros(1)) for _ in range(7)]
    for _, moments in left_out(parts, [(2,), (0, 6), ()], Moments.merge):
        assert moments.squares == 0 and moments.mean == 0.1
