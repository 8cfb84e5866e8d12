"""GlobalBatchNorm in one process is torch's own; over processes see tests/training/test_distributed.py."""

from __future__ import annotations

import pytest
import torch

from telltale.models.batch_norm import GlobalBatchNorm


def test_one_process_runs_torchs_batch_norm() -> None:
    """Catches a drift from torch: outputs, gradients and running statistics, in training and after."""
    torch.manual_seed(0)
    ours, torchs = GlobalBatchNorm(5), torch.nn.BatchNorm1d(5)
    for _ in range(3):
        rows = torch.randn(7, 5) * 3 + 100
        one, other = rows.clone().requires_grad_(), rows.clone().requires_grad_()
        outputs = ours(one), torchs(other)
        for output in outputs:
            output.square().sum().backward()
        assert torch.equal(*outputs) and torch.equal(one.grad, other.grad)
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in torchs.state_dict().items())
    assert torch.equal(ours.eval()(rows), torchs.eval()(rows))


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_leave_the_statistics_as_they_are(rows: int) -> None:
    """Catches NaN in running statistics (no row) and torch's refusal (one row): a context may be a single atom."""
    norm = GlobalBatchNorm(5)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    assert norm(torch.ones(rows, 5)).isfinite().all()
    assert all(torch.equal(norm.state_dict()[name], value) for name, value in before.items())
