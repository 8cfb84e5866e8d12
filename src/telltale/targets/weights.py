"""State dicts of others: read as tensors and nothing else, and fitted to a network or refused by the first key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from telltale.errors import InputError

FIELD = "target.weights"
WITHIN = ("state_dict", "model_state_dict", "model", "net", "ema")  # names under which trainers keep a state dict
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")  # put before every key by data parallelism, compilers, trainers
SAVE = (
    "save the weights alone: safetensors.torch.save_file(model.state_dict(), …), or torch.save(model.state_dict(), …)"
)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from .safetensors, or from what torch.save made of tensors alone.

    Raises InputError for a pickle of anything else, which is not run, and for a file that cannot be read.
    """
    path = path.expanduser()
    if not path.is_file():
        raise InputError(FIELD, path, "no such file")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(FIELD, path, f"is no safetensors file that can be read ({error})") from None
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may fail anywhere in the reader
        raise InputError(FIELD, path, f"{_told(error)}; {SAVE}") from None
    return state_dict_in(kept, path)


def _told(error: Exception) -> str:
    """Say what the file is, and which class it would have built, where that is known."""
    name = str(error).partition("Unsupported global: GLOBAL ")[2].split(" ")[0]
    if name:
        return f"is a pickle that would run code ({name}), and is not opened"
    return f"cannot be read as weights ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def state_dict_in(kept: Any, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict in what was kept: itself, or under one of the names that trainers use."""
    for name in ("", *WITHIN):
        found = kept if not name else kept.get(name) if isinstance(kept, Mapping) else None
        if isinstance(found, Mapping) and found and all(isinstance(part, torch.Tensor) for part in found.values()):
            return {str(key): part for key, part in found.items()}
    there = ", ".join(map(str, kept)) if isinstance(kept, Mapping) else type(kept).__name__
    raise InputError(FIELD, path, f"holds {there or 'nothing'}, no state dict; {SAVE}")


def fitted(network: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> nn.Module:
    """Load a state dict into a network. Raises InputError naming the first key that differs, and how many do."""
    wanted = network.state_dict()
    state = {key: _as_scalar(part, wanted.get(key)) for key, part in unwrapped(state, wanted).items()}
    faults = [
        *(f"{key} is missing" for key in wanted if key not in state),
        *(f"{key} is not in the network" for key in state if key not in wanted),
        *(
            f"{key} is {_shape(state[key])}, and the network has {_shape(wanted[key])}"
            for key in wanted
            if key in state and state[key].shape != wanted[key].shape
        ),
    ]
    if faults:
        more = f" ({len(faults) - 1} more such)" if len(faults) > 1 else ""
        raise InputError(FIELD, path, f"do not fit {type(network).__name__}: {faults[0]}{more}")
    network.load_state_dict(dict(state))
    return network


def unwrapped(state: Mapping[str, torch.Tensor], wanted: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """Take off what a trainer has put before every key, where the network knows the rest."""
    for prefix in WRAPPERS:
        if not any(key in wanted for key in state) and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): part for key, part in state.items()}
    return state


def _as_scalar(part: torch.Tensor, wanted: torch.Tensor | None) -> torch.Tensor:
    """Return one number as the network has it: old files and some savers keep it as (1,), which torch takes too."""
    return part.reshape(()) if wanted is not None and wanted.ndim == 0 and part.shape == (1,) else part


def _shape(tensor: torch.Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"
