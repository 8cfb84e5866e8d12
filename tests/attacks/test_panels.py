"""Victims judged all at once, sums over shadows shared: as each by itself, and none by its own row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.membership.bayes_optimal import BASE
from telltale.attacks.membership.kept import Signals
from telltale.attacks.membership.left_out import Additions, Arrays
from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.rmia import RMIA
from telltale.attacks.membership.shadow_attack import ShadowAttack
from telltale.attacks.membership.vector_lira import VectorLiRA

POINTS, POPULATION, MODELS = 60, 15, 19
NOBODY: Any = None  # what these attacks need to know beside the signals
VARIANCES = ("per_point", "pooled_per_side", "pooled", "released_fixed")
LIRAS = [LiRA(online, variance) for online in (True, False) for variance in VARIANCES]
ATTACKS = [*LIRAS, VectorLiRA(), RMIA(), RMIA(online=False), BASE(), BASE(online=False)]


def named(attack: ShadowAttack) -> str:
    return " ".join([type(attack).__name__, *(str(value) for value in vars(attack).values())])


def drawn(attack: ShadowAttack, paired: bool, models: int = MODELS, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Draw what an attack reads off each model, and who is in them; paired: 2i and 2i + 1 share no record."""
    rng = np.random.default_rng(seed)
    half = rng.random((models, POINTS)) < 0.5
    rows = np.repeat(half, 2, 0)[:models] ^ (np.arange(models) % 2 == 1)[:, None] if paired else half
    if isinstance(attack, RMIA):
        return rng.random((models, POINTS + POPULATION)), rows
    if isinstance(attack, BASE):
        return np.log(rng.random((models, POINTS))) + rows, rows
    signals = rng.normal(size=(models, POINTS, 2)) + 1.5 * rows[..., None]
    signals[:, 1] += 1e4  # digits are lost far from 0
    return signals, rows


def asked(signals: np.ndarray, rows: np.ndarray, paired: bool, victims: int = MODELS - 3) -> Signals:
    """Deal shadows out as the game does: all models but the victim and its complement; the last are no victims."""
    of_shadows: dict[str, np.ndarray] = {}
    shadows = []
    for victim in range(victims):
        others = [model for model in range(len(rows)) if model not in {victim, victim ^ 1 if paired else victim}]
        of_shadows |= {str(model): signals[model] for model in others}
        shadows.append((tuple(map(str, others)), rows[others]))
    return Signals([*signals[:victims]], of_shadows, shadows)


def together(attack: ShadowAttack, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
    assert attack.shares_sums
    return attack.judge_all(signals, NOBODY)


def each_alone(attack: ShadowAttack, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
    pairs = zip(signals.victims, signals.shadows, strict=True)
    shadows = [np.stack([signals.of_shadows[key] for key in keys]) for keys, _ in signals.shadows]
    found = [attack.judge([own], said, of[1], NOBODY) for (own, of), said in zip(pairs, shadows, strict=True)]
    return np.stack([scores[0] for scores, _ in found]), np.array([threshold for _, threshold in found])


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_victims_judged_together_are_judged_as_each_alone(attack: ShadowAttack, paired: bool) -> None:
    """Catches a model too many or too few in a sum, and a variance or threshold that is another panel's."""
    signals = asked(*drawn(attack, paired), paired)
    for found, alone in zip(together(attack, signals), each_alone(attack, signals), strict=True):
        np.testing.assert_allclose(found, alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("width", [5, 1000])
@pytest.mark.parametrize("variance", ["per_point", "pooled"])
def test_points_without_two_models_on_a_side_take_the_common_variance(
    variance: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a common variance of one block of points only, and a side that is empty for some panels."""
    monkeypatch.setattr("telltale.attacks.membership.gaussians_of_panels.LARGEST", width * 16 * MODELS * 2 * 2)
    attack = LiRA(variance=variance)
    phi, rows = drawn(attack, False)
    rows[:, 2], rows[:2, 2], rows[:, 3], rows[4, 3] = False, True, False, True
    signals = asked(phi, rows, False)
    scores, alone = together(attack, signals)[0], each_alone(attack, signals)[0]
    assert np.isnan(scores[4, 3]) and np.isfinite(scores[0, 2])
    np.testing.assert_allclose(scores, alone, rtol=1e-9, atol=1e-9)


def hostile(attack: ShadowAttack, signals: np.ndarray, rows: np.ndarray) -> None:
    """Put in what loses digits, overflows or leaves a side with few: a row that is in a sum shows in its last bits."""
    signals[:, 4], signals[:, 5], signals[::3, 6] = 0.1, signals[0, 5], 1e30
    if not isinstance(attack, RMIA):
        signals[4, 7], signals[4:6, 8], signals[9, 9] = -1e30, -np.inf, -np.inf
    rows[:, 10], rows[:, 11], rows[:, 12], rows[7, 12] = True, False, False, True
    rows[9], rows[10], rows[11] = rows[8], ~rows[8], rows[0]  # alike by chance


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_a_victims_own_row_does_not_enter_even_the_rounding(attack: ShadowAttack, paired: bool) -> None:
    """Catches a victim taken off a sum that it was in, and ways of computing that are chosen by everybody's tables."""
    rng, moved = np.random.default_rng(3), False
    for seed, models, rough in ((0, 7, False), (1, 8, False), (2, MODELS, False), (3, MODELS, True)):
        signals, rows = drawn(attack, paired, models, seed)
        if rough:
            hostile(attack, signals, rows)
        own = [4, 5] if paired else [4]
        before, of_before = together(attack, asked(signals, rows, paired, models - 1))
        for row in (~rows[4], rng.permutation(rows[4]), rows[0]):
            other = rows.copy()
            other[own] = np.stack([row, ~row])[: len(own)]
            after, of_after = together(attack, asked(signals, other, paired, models - 1))
            np.testing.assert_array_equal(before[own], after[own])
            np.testing.assert_array_equal(of_before[own], of_after[own])
            moved |= not np.array_equal(before, after)
    assert moved or (isinstance(attack, BASE) and attack.online)  # which asks nobody's row


@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_no_score_depends_on_what_other_victims_are_told(attack: ShadowAttack) -> None:
    """Catches sums of one victim's tables in place of another's, and other bits where the tables are not all alike."""
    signals = asked(*drawn(attack, True), True)
    before, of_before = together(attack, signals)
    told = [(keys, members.copy()) for keys, members in signals.shadows]
    told[3][1][2:5] ^= True
    after, of_after = together(attack, replace(signals, shadows=told))
    others = np.arange(len(told)) != 3
    np.testing.assert_array_equal(before[others], after[others])
    np.testing.assert_array_equal(of_before[others], of_after[others])
    alone, of_alone = each_alone(attack, replace(signals, shadows=told))
    np.testing.assert_allclose(after, alone, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(of_after, of_alone, rtol=1e-9, atol=1e-9)


def test_two_shadows_of_one_name_are_two_shadows() -> None:
    """Catches models of equal weights counted once."""
    attack = LiRA()
    signals, rows = drawn(attack, False)
    signals[9] = signals[7]
    dealt = asked(signals, rows, False)
    named_alike = [(tuple("7" if key == "9" else key for key in keys), of) for keys, of in dealt.shadows]
    alike = replace(dealt, shadows=named_alike, of_shadows={k: v for k, v in dealt.of_shadows.items() if k != "9"})
    for found, expected in zip(together(attack, alike), each_alone(attack, dealt), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_additions_grow_with_the_models_and_not_with_their_square() -> None:
    """Catches each victim's sum made anew, a model summed twice, and one that is not left out."""

    def union(one: Arrays, other: Arrays) -> Arrays:
        assert not (one[0] & other[0]).any()
        return (one[0] | other[0],)

    counts = []
    for models in (32, 64, 128):
        pairs = [(own, other) for own in range(models) for other in range(0, models, models // 8) if own != other]
        outs = [(), *((own,) for own in range(models)), *(tuple(sorted(pair)) for pair in pairs)]
        plan = Additions.of(models, outs)
        (found,) = plan.run([np.eye(models, dtype=bool)], union)
        assert [tuple(np.flatnonzero(~row)) for row in found] == outs
        counts.append(sum(len(left) for left, _ in plan.steps))
    assert counts[2] < 2.4 * counts[1] < 5.8 * counts[0]
    with pytest.raises(ValueError, match="nothing is left"):
        Additions.of(2, [(0, 1)])


def test_equal_values_have_no_deviation() -> None:
    """Catches squares less a square: what is left of them is rounding, by which a likelihood is divided."""
    attack = LiRA()
    signals, rows = drawn(attack, True)
    signals[:, 4] = 0.1  # whose sums are rounded
    assert (together(attack, asked(signals, rows, True))[0][:, 4] == 0).all()  # as likely on both sides


def test_judgements_follow_from_the_panels() -> None:
    """Catches a complement that judges its own pseudo-target, and one that is spared where too few would be left."""
    signals = asked(*drawn(LiRA(), True), True)
    (panels,) = Panels.of(signals, 4)
    places = {key: place for place, key in enumerate(signals.of_shadows)}
    out_of_first = {places["0"], places["1"]}
    assert set(panels.outs[panels.panel_of[0]]) == out_of_first and panels.panel_of[0] == panels.panel_of[1]
    pseudo = panels.fixing[0].start
    assert set(panels.outs[panels.panel_of[pseudo]]) == out_of_first | {places["2"], places["3"]}
    (few,) = Panels.of(signals, MODELS - 3)  # more than are left without the complement
    assert set(few.outs[few.panel_of[pseudo]]) == out_of_first | {places["2"]}
