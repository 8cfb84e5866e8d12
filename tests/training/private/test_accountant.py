"""Accountants beside each other and beside their libraries, and the search for the noise that an ε asks for."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import pytest

from telltale.errors import InputError
from telltale.training.private.accountant import ACCOUNTANTS, epsilon_of
from telltale.training.private.noise_for import TOLERANCE, brackets, sigma_for
from telltale.training.private.privacy import of_replacing

# σ, q, steps, δ: ε by RDP, PRV (Opacus 1.6.0) and PLD (dp-accounting 0.6.0), as they were once printed
PRINTED = {
    (4.0, 0.5, 200, 1e-5): (9.50025, 8.82986, 8.81949),
    (10.0, 1.0, 100, 1e-5): (4.72851, 4.38741, 4.37722),
    (1.0, 0.128, 320, 1e-5): (18.5462, 17.0226, 17.0118),
    (0.7, 64 / 15000, 4687, 1e-5): (4.49783, 3.85483, 3.84618),
    (1.1, 64 / 15000, 14000, 1e-5): (2.59038, 2.38598, 2.38475),
    (0.5, 0.01, 1000, 1e-6): (17.5575, 15.4944, 15.4837),
}
FAST = 2


@pytest.mark.parametrize(
    "mechanism", [pytest.param(one, marks=[pytest.mark.slow] if i >= FAST else []) for i, one in enumerate(PRINTED)]
)
def test_each_accountant_says_what_its_library_printed(mechanism: tuple[float, float, int, float]) -> None:
    """Catches a neighbouring relation, a rate or a number of steps that is not the library's: q = 1 is among them."""
    values = [epsilon_of(*mechanism, accountant) for accountant in ACCOUNTANTS]
    assert values[:2] == pytest.approx(PRINTED[mechanism][:2], rel=5e-4)
    assert values[2] == pytest.approx(PRINTED[mechanism][2], rel=5e-3)  # printed on a coarser grid of ε, rounded up
    assert values[2] <= values[1] <= values[0]


def test_the_loss_distribution_of_full_batches_is_the_gaussian_mechanism_s() -> None:
    """Catches a wrong event: without sampling, n steps are one of σ / √n, whose δ is known (Balle & Wang 2018)."""
    from scipy.special import ndtr

    epsilon, sigma = epsilon_of(10.0, 1.0, 100, 1e-5, "pld"), 1.0
    left, right = (ndtr(sign / (2 * sigma) - epsilon * sigma) for sign in (1, -1))
    assert left - math.exp(epsilon) * right == pytest.approx(1e-5, rel=1e-2)


@pytest.mark.parametrize("mechanism", [(100.0, 0.001, 10, 0.1), (50.0, 0.001, 1, 0.01)])
@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_epsilon_is_never_below_zero(mechanism: tuple[float, float, int, float], accountant: str) -> None:
    """Catches the negative ε that a library returns where δ alone is more than was spent (Opacus issue 585)."""
    assert epsilon_of(*mechanism, accountant) == 0


@pytest.mark.parametrize(
    "mechanism", [("rdp", 0.1, 40), ("rdp", 0.00427, 4687), ("rdp", 1.0, 3), ("prv", 1.0, 40), ("pld", 1.0, 40)]
)
def test_the_noise_for_a_target_is_the_least_up_to_a_thousandth(mechanism: tuple[str, float, int]) -> None:
    """Catches a search that ends on the wrong side, or early."""
    accountant, rate, steps = mechanism
    for target in (0.7, 8.0) if accountant == "rdp" else (0.7,):
        sigma = sigma_for(target, rate, steps, 1e-5, accountant)
        less = sigma / (1 + TOLERANCE)
        assert epsilon_of(sigma, rate, steps, 1e-5, accountant) <= target
        assert epsilon_of(less, rate, steps, 1e-5, accountant) > target


@pytest.mark.parametrize("start", [1e-3, 0.9, 500.0])
@pytest.mark.parametrize(
    "spent", [lambda s: 3.7 / s**1.3, lambda s: 2 / s**2 + 0.9 / s, lambda s: 4.0 / s if s > 2 else 150.0]
)
def test_the_search_asks_few_questions_wherever_it_starts(spent: Callable[[float], float], start: float) -> None:
    """Catches a search in halves, which asks a slow accountant twenty times, and one that never closes in."""
    asked = list(brackets(spent, 1.0, start))
    low, high = asked[-1]
    assert spent(high) <= 1.0 < spent(low) and high / low <= 1 + 1.01 * TOLERANCE
    assert len(asked) <= (6 if start == 0.9 else 22)


def test_a_target_that_no_noise_reaches_is_refused_in_one_line() -> None:
    """Catches a search without end."""
    with pytest.raises(InputError, match=r"^defense\.epsilon=1e-09: .*40 steps.*pld"):
        sigma_for(1e-9, 1.0, 40, 1e-5, "rdp")


def test_a_missing_library_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback out of an import."""
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(InputError, match=r"^defense\.accountant='?pld'?: rdp or prv"):
        epsilon_of(1.23, 0.1, 7, 1e-5, "pld")


def test_one_record_replaced_is_one_removed_and_one_added() -> None:
    """Catches 2δ in the place of (1 + e^ε) δ, by the Gaussian mechanism, whose δ is known at twice the shift."""
    from scipy.special import ndtr

    def delta_at(epsilon: float, shift: float) -> float:
        return float(ndtr(shift / 2 - epsilon / shift) - math.exp(epsilon) * ndtr(-shift / 2 - epsilon / shift))

    for epsilon in (0.5, 2.0):
        twice, delta = of_replacing(epsilon, delta_at(epsilon, 1.0))
        assert twice == 2 * epsilon and delta_at(twice, 2.0) <= delta
    assert of_replacing(math.inf, 1e-5)[1] > 1
