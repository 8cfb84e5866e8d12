"""What a private recipe asks for, and what that comes to for so many records."""

from __future__ import annotations

from dataclasses import dataclass

from telltale.training.private.accountant import sigma_for

DELTA = 1e-5  # where none is given


def doubt_of_delta(delta: float, records: int) -> str:
    """Say that publishing one record at random would satisfy δ, where it is not below 1/n; "" where it is."""
    if delta * records < 1:
        return ""
    return f"delta {delta:g} is not below 1 / {records:,} = {1 / records:.2g}: publishing one record would satisfy it"


@dataclass(frozen=True)
class Plan:
    """A mechanism: `steps` an epoch, each record in each with probability `rate`, noise σ C N(0, I) on the sum.

    expected: records in a sample on average, what the sum is divided by.
    """

    rate: float
    steps: int
    sigma: float
    clip: float
    expected: float


@dataclass(frozen=True)
class Privacy:
    """Options of DP-SGD, as in telltale.defenses.dp_sgd; one of epsilon and sigma is None."""

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
