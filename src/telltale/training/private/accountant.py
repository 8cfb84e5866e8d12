"""How private so many noisy steps are: accountants of the Poisson-subsampled Gaussian mechanism.

RDP: Mironov, Talwar & Zhang 2019, and PRV: Gopi, Lee & Wutschitz 2021, both Opacus's; PLD: Koskela, Jälkö & Honkela
2020, dp-accounting's, rounded up. They are imported where they are needed: a recipe that gives sigma trains without.
"""

from __future__ import annotations

import math
import warnings
from functools import cache

from telltale.errors import InputError

ACCOUNTANTS = ("rdp", "prv", "pld")
LOOSE = 100.0  # an ε from which the finer accountants run out of memory, and say no more than the coarser bound
GRIDS = (1e-3, 1e-4)  # steps of ε in which a privacy loss distribution is kept
FEW, SMALL = (
    1000,
    3.0,
)  # steps up to which, and ε from which, the coarser grid costs 0.01 % of ε and a tenth of the time


@cache
def epsilon_of(sigma: float, rate: float, steps: int, delta: float, accountant: str) -> float:
    """Return ε of `steps` steps at noise multiplier sigma, where each takes a record with probability `rate`.

    ε is inf without noise, and never below 0, which (0, δ) is all that an accountant's negative figure says. Raises
    InputError where the accountant's library is not installed.

    >>> round(epsilon_of(sigma=1.0, rate=0.01, steps=1000, delta=1e-5, accountant="rdp"), 2)
    2.1
    >>> round(epsilon_of(sigma=1.0, rate=0.01, steps=1000, delta=1e-5, accountant="prv"), 2)
    1.84
    >>> round(epsilon_of(sigma=1.0, rate=0.01, steps=1000, delta=1e-5, accountant="pld"), 2)
    1.83
    """
    if not steps:
        return 0.0
    if not sigma:
        return math.inf
    if accountant != "rdp" and (bound := epsilon_of(sigma, rate, steps, delta, "rdp")) > LOOSE:
        return bound
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of orders at the edge of its range: the bound holds all the same
        if accountant == "pld":
            value = _of_pld(sigma, rate, steps, delta, GRIDS[steps > FEW or bound < SMALL])
        else:
            value = _of_opacus(sigma, rate, steps, delta, accountant)
    return max(0.0, value)


def _of_opacus(sigma: float, rate: float, steps: int, delta: float, accountant: str) -> float:
    ledger = _opacus().create_accountant(mechanism=accountant)
    ledger.history = [(sigma, rate, steps)]
    return float(ledger.get_epsilon(delta=delta))


def _of_pld(sigma: float, rate: float, steps: int, delta: float, grid: float) -> float:
    accounting = _dp_accounting()
    ledger = accounting.pld.PLDAccountant(value_discretization_interval=grid)
    ledger.compose(accounting.PoissonSampledDpEvent(rate, accounting.GaussianDpEvent(sigma)), steps)
    return float(ledger.get_epsilon(delta))


def _opacus():  # type: ignore[no-untyped-def]
    try:
        import opacus.accountants
    except ModuleNotFoundError as error:
        expected = "installed where epsilon and sigma are to be worked out; pip install opacus"
        raise InputError("defense.epsilon", "opacus", expected) from error
    return opacus.accountants


def _dp_accounting():  # type: ignore[no-untyped-def]
    try:
        import dp_accounting
        import dp_accounting.pld
    except ModuleNotFoundError as error:
        expected = "rdp or prv, as dp-accounting is not installed; or pip install dp-accounting"
        raise InputError("defense.accountant", "pld", expected) from error
    return dp_accounting
