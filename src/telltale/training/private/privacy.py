"""What a private recipe asks for, and what that comes to for so many records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from telltale.training.private.noise_for import sigma_for

DELTA = 1e-5  # where none is given


def doubt_of_delta(delta: float, records: int) -> str:
    """Say that publishing one record at random would satisfy a δ that is not below 1/n; "" where δ is below."""
    if delta * records < 1:
        return ""
    return f"delta {delta:g} is not below 1 / {records:,} = {1 / records:.2g}: publishing one record would satisfy it"


def of_replacing(epsilon: float, delta: float) -> tuple[float, float]:
    """Return (2ε, (1 + e^ε) δ): what (ε, δ) for one record added or removed comes to for one record replaced.

    One step removes a record, the next adds one (Dwork & Roth 2014, theorem 2.2 and its δ). From δ = 1 it says nothing.

    >>> epsilon, delta = of_replacing(4.0, 1e-5)
    >>> epsilon, round(delta, 6)
    (8.0, 0.000556)
    """
    return 2 * epsilon, (1 + math.exp(min(epsilon, 700.0))) * delta


@dataclass(frozen=True)
class Plan:
    """A mechanism: noisy sums of clipped gradients over Poisson samples.

    rate      probability of each record to be in a sample
    steps     of an epoch, one sample each
    sigma     σ; the sum gets the noise σ C N(0, I)
    clip      C, the L2 norm that a record's gradient is cut to
    expected  records in a sample on average, which the sum is divided by
    """

    rate: float
    steps: int
    sigma: float
    clip: float
    expected: float


@dataclass(frozen=True)
class Privacy:
    """Options of DP-SGD, as telltale.defenses.dp_sgd has them; one of epsilon and sigma is None.

    epsilon     ε that all steps together may spend
    sigma       σ, the noise multiplier
    delta       δ that ε holds with
    clip        C, the L2 norm that a record's gradient is cut to
    accountant  rdp | prv | pld
    records     public number of records, None = as many as there are
    mode        auto | bookkeeping | vmap | hooks | ghost | one_by_one
    """

    epsilon: float | None
    sigma: float | None
    delta: float
    clip: float
    accountant: str
    records: int | None
    mode: str

    def plan(self, records: int, batch_size: int, epochs: int) -> Plan:
        """Settle rate and noise from public numbers. Raises InputError for an ε that no noise reaches."""
        public = self.records or records
        rate, steps = min(1.0, batch_size / public), max(1, round(public / batch_size))
        sigma = self.sigma
        if sigma is None:
            assert self.epsilon is not None
            sigma = sigma_for(self.epsilon, rate, steps * epochs, self.delta, self.accountant)
        return Plan(rate, steps, sigma, self.clip, float(min(batch_size, public)))
