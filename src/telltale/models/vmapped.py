"""Whether torch.func.vmap runs a model: there no shape may depend on values, and no fused recurrent layer works."""

from __future__ import annotations

from torch import Tensor


def is_vmapped(tensor: Tensor) -> bool:
    """Say whether a tensor stands for one of many along an axis that is not seen, so that its values cannot be read."""
    try:
        tensor.sum().item()
    except RuntimeError:
        return True
    return False
