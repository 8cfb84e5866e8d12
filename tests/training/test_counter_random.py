"""Counter-based random numbers: uniform, independent, and a function of their arguments only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from telltale.training.counter_random import _mix, record_keys, uniform
from tests.training.small import molecules

KEYS = torch.from_numpy(np.random.default_rng(0).integers(-(2**63), 2**63, 100_000))


def splitmix64(state: int) -> int:
    """The published algorithm in Python's unbounded integers."""
    z = (state + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return abs(float(np.corrcoef(one.numpy(), other.numpy())[0, 1]))


@pytest.mark.parametrize("value", [0, 1, 1234567, 2**62 + 3, 2**63, 2**64 - 1])
def test_the_mixing_function_is_splitmix64(value: int) -> None:
    """Catches an arithmetic shift where a logical one belongs, which only negative numbers show."""
    signed = value - 2**64 if value >= 2**63 else value
    assert int(_mix(torch.tensor([signed]))[0]) % 2**64 == splitmix64(value)
    assert splitmix64(1234567) == 6457827717110365317  # the reference implementation's published first output


@pytest.mark.parametrize("counters", [0, 5, torch.arange(100_000)])
def test_draws_are_uniform(counters: torch.Tensor | int) -> None:
    """Catches a scale of 2^23 or 2^25, a sign bit that got in, and counters that walk in step."""
    draws = uniform(KEYS, "role", counters)
    assert draws.min() >= 0 and draws.max() < 1
    assert stats.kstest(draws.numpy(), "uniform").pvalue > 0.01


def test_successive_counters_of_one_key_are_uniform() -> None:
    """Catches a counter that only moves the low bits: all atoms of a molecule would draw nearly the same."""
    draws = uniform(torch.full((100_000,), 7), "role", torch.arange(100_000))
    assert stats.kstest(draws.numpy(), "uniform").pvalue > 0.01
    assert correlation(draws[1:], draws[:-1]) < 0.01


def test_roles_keys_and_counters_are_uncorrelated() -> None:
    """Catches two views of GraphCL that drop the same atoms, or neighbours that share their draws."""
    draws = uniform(KEYS, "graphcl/0")
    successive = torch.arange(100_000)
    assert correlation(draws, uniform(KEYS, "graphcl/1")) < 0.01
    assert correlation(draws, uniform(KEYS, "graphcl/0", 1)) < 0.01
    assert correlation(draws, uniform(KEYS + 1, "graphcl/0")) < 0.01
    assert correlation(uniform(successive, "role"), uniform(successive + 1, "role")) < 0.01


def test_a_permuted_batch_draws_the_same_numbers_permuted() -> None:
    """Catches anything drawn from a place in the batch instead of from the record."""
    order = torch.randperm(len(KEYS), generator=torch.Generator().manual_seed(0))
    assert torch.equal(uniform(KEYS[order], "role"), uniform(KEYS, "role")[order])


def test_record_keys_depend_on_record_seed_and_epoch_only() -> None:
    """Catches the same mask in every epoch, and keys that depend on a record's place."""
    digests = molecules(200).fingerprints()
    keys = record_keys(digests, seed=0, epoch=0)
    assert len(np.unique(keys)) == len(np.unique(digests))
    assert np.array_equal(record_keys(digests[::-1], 0, 0), keys[::-1])
    assert not np.intersect1d(keys, record_keys(digests, 0, 1)).size
    assert not np.intersect1d(keys, record_keys(digests, 1, 0)).size
