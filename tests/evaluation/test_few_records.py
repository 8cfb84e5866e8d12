"""What chance alone does with a handful of records is counted, not drawn from a normal law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from telltale.evaluation.few_records import permuted_p


@pytest.mark.parametrize("members", [4, 9])
def test_roles_are_permuted_as_the_exact_test_counts_them(members: int) -> None:
    """Catches a side that is drawn in the other's place, and a tail that is the wrong one."""
    scores = np.random.default_rng(members).normal(size=13)
    member = np.arange(13) < members
    scores[member] += 0.8
    exact = mannwhitneyu(scores[member], scores[~member], alternative="greater", method="exact").pvalue
    assert permuted_p(scores[None], member[None]) == pytest.approx(exact, abs=0.015)


def test_a_record_changes_its_roles_in_all_models_as_one() -> None:
    """Catches models taken for more records: two that complement each other say of four records what four can say."""
    half = np.array([True, True, False, False])
    both = np.stack([half, ~half])
    assert permuted_p(np.where(both, 2.0, 1.0), both) == pytest.approx(1 / 6, abs=0.015)
