"""An encoder of Hu et al. that training goes on from: its initial weights are the released ones, or fresh."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from telltale.checks import choice
from telltale.errors import InputError
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.models.released.hu2020 import ENCODERS, encoder_of, renamed

FIELD = "model.start"


class StartedEncoder(MoleculeEncoder):
    """Their GIN, GCN, GraphSAGE or GAT as an encoder of ours: atoms, bonds and layers as in `hu2020`.

    kind    gin | gcn | graphsage | gat
    start   a released state dict as safetensors, with a head or without; None = weights drawn as for any encoder

    The rest as in `MoleculeEncoder`. Raises InputError for a file that cannot be read, and for one that does not fit,
    by the first name that differs.
    """

    def __init__(
        self,
        kind: str,
        start: str | None = None,
        layers: int = 5,
        width: int = 300,
        jumping_knowledge: str = "last",
        pooling: str = "mean",
        dropout: float = 0.0,
        norm: str = "batch",
    ) -> None:
        self.kind = choice("model.kind", kind, ENCODERS)
        self.with_degrees = ENCODERS[kind].with_degrees
        super().__init__(layers, width, jumping_knowledge, pooling, dropout, norm)
        if start is not None:
            self._begin_at(start)

    def convolution(self, width: int) -> nn.Module:
        """Build one layer of this kind."""
        return ENCODERS[self.kind].convolution(self, width)

    def alike(self, layers: int) -> Self:
        """Build a fresh encoder of the same kind and width with another number of layers."""
        return type(self)(self.kind, None, layers, self.width, **self.options)

    def _begin_at(self, start: str) -> None:
        state, wanted = weights_in(start), self.state_dict()
        for name, tensor in wanted.items():
            if name not in state:
                raise InputError(FIELD, start, f"has no {name}, which model.kind={self.kind} has; another kind or file")
            if state[name].shape != tensor.shape:
                shapes = f"{tuple(state[name].shape)}, the model has {tuple(tensor.shape)}"
                expected = f"its {name} is {shapes}; the released ones have model.layers=5 model.width=300"
                raise InputError(FIELD, start, expected)
        if more := sorted(set(state) - set(wanted)):
            raise InputError(FIELD, start, f"has {more[0]} too; the released ones have model.layers=5 model.width=300")
        if not self.element.weight.is_meta:  # built to be weighed alone
            self.load_state_dict(dict(state))


def weights_in(start: str) -> Mapping[str, Tensor]:
    """Read the encoder of a state dict, in our names. Raises InputError for what is no safetensors file."""
    path = Path(start).expanduser()
    if path.suffix != ".safetensors" or not path.is_file():
        raise InputError(FIELD, start, "a .safetensors file with their weights, or null; pickles are not opened")
    try:
        state = renamed(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(FIELD, start, f"is no safetensors file that can be read ({error})") from None
    return encoder_of(state) or state


def document_of_start(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands for the option `start` in a model's key: what the file holds, wherever it lies."""
    start, ours = options.get("start"), f"{__name__}.{StartedEncoder.__qualname__}"
    if not isinstance(start, str) or options.get("_target_") != ours:
        return {}
    path = Path(start).expanduser()
    try:
        found = path.stat()
    except OSError:
        raise InputError(FIELD, start, "no such file") from None
    return {"start": _digest(path, found.st_mtime_ns, found.st_size)}


@lru_cache(maxsize=16)
def _digest(path: Path, changed: int, size: int) -> str:
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
