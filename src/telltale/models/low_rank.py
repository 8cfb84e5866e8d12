"""Low-rank updates of linear layers that stay as they are (LoRA, Hu et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


class LowRank(nn.Module):
    """W x + b + (α / rank) B A x: W and b stay, A (rank, in) and B (out, rank) are learned, B is 0 at first.

    frozen: the layer with W and b.
    """

    def __init__(self, frozen: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.frozen, self.scale = frozen, alpha / rank
        self.down = nn.Linear(frozen.in_features, rank, bias=False)
        self.up = nn.Linear(rank, frozen.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the layer and its update."""
        return self.frozen(inputs) + self.up(self.scale * self.down(inputs))  # scaled where it is smallest


def add_low_rank(network: nn.Module, names: Iterable[str], rank: int, alpha: float) -> None:
    """Put a `LowRank` in the place of each named linear layer, and train nothing of `network` but the updates."""
    network.requires_grad_(False)
    for name in names:
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Linear), name
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, LowRank(layer, rank, alpha))


def names_before(network: nn.Module) -> dict[str, str]:
    """Return the names of a network's weights, those of updates left out -> as they were before `add_low_rank`."""
    updated = [name for name, module in network.named_modules() if isinstance(module, LowRank)]
    names = {name: name for name in network.state_dict()}
    for layer in updated:
        for name in [name for name in names if name.startswith(f"{layer}.")]:
            rest = name.removeprefix(f"{layer}.")
            if rest.startswith("frozen."):
                names[name] = f"{layer}.{rest.removeprefix('frozen.')}"
            else:
                del names[name]
    return names
