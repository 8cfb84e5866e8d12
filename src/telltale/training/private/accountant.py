"""How private so many noisy steps are: Opacus's accountants of the Poisson-subsampled Gaussian mechanism.

RDP: Mironov, Talwar & Zhang 2019; PRV: Gopi, Lee & Wutschitz 2021. Opacus is imported where it is needed: a recipe
that gives sigma trains without it.
"""

from __future__ import annotations

import math
import warnings
from functools import cache

from telltale.errors import InputError

ACCOUNTANTS = ("rdp", "prv")
LOOSE = 100.0  # an ε from which the finer accountant runs out of memory, and says no more than the coarser bound


@cache
def epsilon_of(sigma: float, rate: float, steps: int, delta: float, accountant: str) -> float:
    """Return ε of `steps` steps at noise multiplier sigma, where each takes a record with probability `rate`.

    ε is inf without noise. Raises InputError where Opacus is not installed.

    >>> round(epsilon_of(sigma=1.0, rate=0.01, steps=1000, delta=1e-5, accountant="rdp"), 2)
    2.1
    >>> round(epsilon_of(sigma=1.0, rate=0.01, steps=1000, delta=1e-5, accountant="prv"), 2)
    1.84
    """
    if not steps:
        return 0.0
    if not sigma:
        return math.inf
    if accountant == "prv" and (bound := epsilon_of(sigma, rate, steps, delta, "rdp")) > LOOSE:
        return bound
    accountants = _opacus()
    ledger = accountants.create_accountant(mechanism=accountant)
    ledger.history = [(sigma, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of orders at the edge of its range: the bound holds all the same
        return float(ledger.get_epsilon(delta=delta))


@cache
def sigma_for(epsilon: float, rate: float, steps: int, delta: float, accountant: str) -> float:
    """Return the least noise multiplier that keeps `steps` steps within ε, up to 0.01 in ε.

    Raises InputError where no noise is enough, or Opacus is not installed.

    >>> round(sigma_for(epsilon=8.0, rate=0.05, steps=600, delta=1e-5, accountant="rdp"), 2)
    1.07
    """
    search = _opacus().utils.get_noise_multiplier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            options = {"target_epsilon": epsilon, "target_delta": delta, "sample_rate": rate, "steps": steps}
            return float(search(**options, accountant=accountant, epsilon_tolerance=min(0.01, epsilon / 100)))
        except ValueError as error:
            expected = f"more: no noise reaches it in {steps:,} steps at delta={delta:g} and sampling rate {rate:g}"
            expected += ", by this bound; accountant=prv may" if accountant == "rdp" else ""
            raise InputError("defense.epsilon", epsilon, expected) from error


def _opacus():  # type: ignore[no-untyped-def]
    try:
        import opacus.accountants.utils
    except ModuleNotFoundError as error:
        expected = "installed where epsilon and sigma are to be worked out; pip install opacus"
        raise InputError("defense.epsilon", "opacus", expected) from error
    return opacus.accountants
