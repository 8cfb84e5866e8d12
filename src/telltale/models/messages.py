"""What an atom makes of its neighbours' messages, by PyTorch Geometric, which takes seconds to load: at the first."""

from __future__ import annotations

from torch import Tensor


def received(messages: Tensor, receiver: Tensor, atoms: int, how: str = "sum") -> Tensor:
    """Put together what each atom is sent: (bonds, …), (bonds,) int64 -> (atoms, …); how: sum | mean."""
    from torch_geometric.utils import scatter

    together: Tensor = scatter(messages, receiver, 0, atoms, how)
    return together


def shares(logits: Tensor, receiver: Tensor, atoms: int) -> Tensor:
    """Normalise exp(logits) over all that is sent to one atom: (bonds, heads), (bonds,) int64 -> (bonds, heads)."""
    from torch_geometric.utils import softmax

    normalised: Tensor = softmax(logits, receiver, num_nodes=atoms)
    return normalised
