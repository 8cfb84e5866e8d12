"""A PyTorch network of the user's: a plain `nn.Module` in a file of theirs, and weights read without unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from telltale.checks import choice
from telltale.data.given import taken
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.progress import track
from telltale.targets.fresh import average_statistics, is_fresh
from telltale.targets.function import called, named
from telltale.targets.shadow_files import FILES, members_of, order_of, require_others, shadow_files
from telltale.targets.shadows import Shadows, Table
from telltale.targets.target import GIVES, POPULATION, Target
from telltale.targets.weights import fitted, read_weights
from telltale.training.seeding import seeded

if TYPE_CHECKING:
    from telltale.models.released.architectures import Architecture

OUTPUTS = ("logits", "probabilities")
MODEL, PREPARE = "target.model", "target.prepare"


class TorchTarget(Target):
    """A network in a file of the user's with weights of theirs, as it stands: no base class is asked for.

    model    file.py:Class, or a function that returns the network; options: its arguments
    architecture  in place of `model`, a network of others that is known here, of molecules: chemprop | hu2020_…; its
             weights say how wide it is, and what it gives and takes is known
    weights  a state dict: .safetensors, or what torch.save made of one, read with weights_only
    outputs  what the network returns, where it gives probabilities or labels: logits | probabilities. One number a
             record is that of the second of two classes
    prepare  file.py:function from records to what the network takes (a tensor, or a tuple of arguments); None = numbers
             as float32, pictures of 8 bits divided by 255
    device   auto | cpu | cuda | mps
    shadows  pattern of files with weights of shadow models; shadow_members: what each was trained on, see `members_of`

    The rest as in `Target`. Raises InputError for a class that cannot be built and weights that do not fit it.
    """

    by_place = True  # of the largest output

    def __init__(
        self,
        model: Any = None,
        architecture: str | None = None,
        options: Mapping[str, Any] | None = None,
        weights: str | None = None,
        outputs: str = "logits",
        prepare: Any = None,
        device: str = "auto",
        gives: str = "probabilities",
        batch_size: int = 256,
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
        stand_in: bool = False,
        shadows: str | None = None,
        shadow_members: str | None = None,
    ) -> None:
        self._known = None if architecture is None else _known(architecture, model)
        self._asked = gives
        if self._known is not None:
            model, prepare = self._known.build, self._known.prepare
            gives = self._known.read(_state(weights), choice("target.gives", gives, GIVES))[1]
        super().__init__(gives, batch_size, population, split, train, shadow_models, processes, stand_in)
        self._architecture = architecture
        self._model, self.outputs = model, choice("target.outputs", outputs, OUTPUTS)
        self._prepare = None if prepare is None else prepare if callable(prepare) else named(PREPARE, prepare)
        self._device = device_of(device)
        self._build, self._options = model if callable(model) else named(MODEL, model), dict(options or {})
        self._weights, self._network = weights, self.network(weights)
        self._shadows = shadow_files(shadows, shadow_members)
        self._shadow_members = shadow_members
        require_others(self._shadows, weights)

    @property
    def name(self) -> str:
        """Name the class."""
        return self._architecture or str(getattr(self._model, "__qualname__", self._model))

    def network(self, weights: str | None) -> nn.Module:
        """Build the network with these weights, ready to answer."""
        state, network = self._built(weights)
        return fitted(network, state, Path(str(weights))).eval().to(self._device)

    def untrained(self, inputs: Any, seed: int) -> TorchTarget | None:
        """Return the same architecture with weights as they are drawn, BatchNorm's statistics being those of `inputs`.

        None where what builds it draws none, or brings trained ones along.
        """
        drawn = []
        for draw in range(2):
            with seeded(derive(seed, "initial weights", draw)):
                drawn.append(self._built(self._weights)[1].to(self._device))
        if not is_fresh(drawn[0], drawn[1], self._network):
            return None
        twin = copy(self)
        twin._network = drawn[0]
        parts = np.array_split(np.arange(len(inputs)), -(-len(inputs) // self.batch_size))
        batches = [taken(inputs, rows) for rows in parts]
        with seeded(derive(seed, "dropout")):
            average_statistics(twin._network, lambda network: [self.answer_of(network, batch) for batch in batches])
        return twin

    def _built(self, weights: str | None) -> tuple[Mapping[str, torch.Tensor], nn.Module]:
        """Return a state dict and the network for it, without its weights."""
        state, options = _state(weights), self._options
        if self._known is not None:
            state, _ = self._known.read(state, self._asked)
            options = self._known.options(state) | options
        network = called(MODEL, self.name, lambda: self._build(**options))
        if not isinstance(network, nn.Module):
            raise InputError(MODEL, self.name, f"makes a {type(network).__name__}; expected a torch.nn.Module")
        return state, network

    def answer(self, inputs: Any) -> np.ndarray:
        """Ask the network."""
        return self.answer_of(self._network, inputs)

    def own_shadows(self, table: Table) -> Shadows | None:
        """Ask the shadow models about the same records."""
        if not self._shadows:
            return None
        membership = members_of(str(self._shadow_members), self._shadows, table)
        target, answers, held = self._network, list[np.ndarray](), list[np.ndarray]()
        try:
            for file in track(self._shadows, "shadow models asked"):
                self._network = self.network(str(file))
                if same_weights(self._network, target):
                    raise InputError(FILES, file, "holds the weights of the model audited; leave it out")
                points, others = table.challenge, table.held
                said = self.ask(points.inputs, points.classes, points.ids)
                answers.append(self.with_copies(said, points.inputs, points.ids, table.copies))
                held.append(self.ask(others.inputs, others.classes, others.ids) if len(others) else said[:0])
        finally:
            self._network = target
        named = [(FILES, str(file)) for file in self._shadows]
        order = order_of(str(self._shadow_members), self._shadows)
        return Shadows.of(answers, held, membership, f"{len(answers)} shadow models of yours{order}", named)

    def answer_of(self, network: nn.Module, inputs: Any) -> np.ndarray:
        """Ask a network about a batch of records, and read its output as what the target gives."""
        prepared = called(PREPARE, str(self._prepare), self._prepare, inputs) if self._prepare else tensor_of(inputs)
        arguments = prepared if isinstance(prepared, tuple | list) else (prepared,)
        placed = [part.to(self._device) if hasattr(part, "to") else part for part in arguments]
        with torch.no_grad():
            said = tensor_in(called(MODEL, self.name, network, *placed)).double().cpu()
        if self.gives in ("probabilities", "labels"):
            said = probabilities_of(said, self.outputs)
        if self.gives == "embeddings":
            said = said.flatten(1)
        return (said.argmax(1) if self.gives == "labels" else said).numpy()


def _state(weights: str | None) -> dict[str, torch.Tensor]:
    if weights is None:
        expected = "the trained weights, a .safetensors file or a state dict by torch.save"
        raise InputError("target.weights", "null", expected)
    return read_weights(Path(weights))


def _known(name: str, model: Any) -> Architecture:
    if model is not None:
        raise InputError(MODEL, model, f"stands beside target.architecture={name}; give one of the two")
    from telltale.models.released.architectures import architecture

    return architecture(name)


def same_weights(network: nn.Module, other: nn.Module) -> bool:
    """Tell whether two networks of one class have equal parameters and buffers."""
    state = other.state_dict()
    return all(torch.equal(part, state[name]) for name, part in network.state_dict().items())


def probabilities_of(said: torch.Tensor, outputs: str) -> torch.Tensor:
    """Return class probabilities, (records, classes), of logits or probabilities; one column = the second of two."""
    if said.ndim == 1 or said.shape[1:] == (1,):
        second = said.reshape(-1)
        if outputs == "logits":
            return torch.stack([torch.sigmoid(-second), torch.sigmoid(second)], 1)  # 1 − p would lose its digits
        return torch.stack([1 - second, second], 1)
    return said.softmax(-1) if outputs == "logits" else said


def tensor_in(said: Any) -> torch.Tensor:
    """Return the tensor of an output: itself, its `logits`, or the first of several."""
    while not isinstance(said, torch.Tensor):
        if isinstance(said, tuple | list) and said:
            said = said[0]
        elif isinstance(said, Mapping) and "logits" in said:
            said = said["logits"]
        elif hasattr(said, "logits"):
            said = said.logits
        else:
            expected = "a tensor, a tuple whose first is one, or something with logits"
            raise InputError(MODEL, type(said).__name__, f"is what the network returns; expected {expected}")
    return said


def tensor_of(inputs: Any) -> torch.Tensor:
    """Return records as float32, pictures of 8 bits divided by 255. InputError for what is no array of numbers."""
    try:
        values = np.asarray(inputs.to_numpy(np.float32) if hasattr(inputs, "iloc") else inputs)
        if values.dtype.kind not in "fiub":
            raise ValueError(f"records are {values.dtype}")
    except (ValueError, TypeError) as error:
        expected = f"a function that makes tensors of your records ({error})"
        raise InputError(PREPARE, "null", expected) from None
    scale = 255 if values.dtype == np.uint8 and values.ndim > 2 else 1
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)) / scale


def device_of(name: str) -> torch.device:
    """Return the device; auto = a GPU where there is one. InputError for one that is not there."""
    there = ["cpu", *(["cuda"] if torch.cuda.is_available() else []), *(["mps"] if _has_mps() else [])]
    if name == "auto":
        return torch.device(there[-1])
    return torch.device(choice("target.device", name, there, expected=f"auto, or one of {', '.join(there)} here"))


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
