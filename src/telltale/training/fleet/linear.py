"""Networks of linear layers under a cross-entropy and SGD, their gradient written out: products and few passes.

Weights and bias of a layer are one matrix, (in + 1, out), whose last row meets a column of ones; all layers of a model
lie in one vector, so that decay and update are one pass each, and a product adds the gradient to the decayed momentum.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from telltale.training.fleet.data import FleetData, batches_of, order_of
from telltale.training.objective import Objective

PRODUCTS = ("torch", "numpy")  # whose matrix products a step takes; both round in their own order
TINY = torch.finfo(torch.float32).tiny


def _relu_back(error: Tensor, out: Tensor, slope: Tensor) -> None:
    torch.sign(out, out=slope)
    error.mul_(slope)


def _tanh_back(error: Tensor, out: Tensor, square: Tensor) -> None:
    torch.mul(out, out, out=square)
    error.addcmul_(error, square, value=-1)


# in place: forward, and back through what it gave, with room for as much
ACTIVATIONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (torch.relu_, _relu_back),
    "tanh": (torch.tanh_, _tanh_back),
}


@cache
def products_here() -> str:
    """Choose whose products are the faster on this processor, one of PRODUCTS: a rule, so that bits stay the same.

    torch's wheels multiply by MKL, which takes its AVX-512 kernels on Intel's processors only; NumPy's OpenBLAS takes
    its own on all that have them.
    """
    wide = torch.backends.mkl.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return "numpy" if wide and _vendor() == "AuthenticAMD" and _has_openblas() else "torch"


class LinearFleet:
    """Models of linear layers, each trained by itself and for an epoch at a time, as `Turns` asks; on CPUs.

    products: of PRODUCTS. Objectives have a `linear_stack`.
    """

    def __init__(self, objectives: Sequence[Objective], data: FleetData, products: str) -> None:
        stack = objectives[0].linear_stack()
        assert stack is not None, "a rule asks for the stack first"
        first, self.data = objectives[0], data
        self.momentum, self.decay, self.rate = stack.momentum, first.weight_decay, first.learning_rate
        self.rate_at, self.batch_size, self.folds = first.rate_at, first.batch_size, products == "torch"
        self.names, self.activations = [name for name, _ in stack.layers], [after for _, after in stack.layers[:-1]]
        layers: list[Any] = [first.get_submodule(name) for name in self.names]
        self.shapes = [(layer.in_features + 1, layer.out_features) for layer in layers]
        self.weights = torch.stack([self._flat(objective) for objective in objectives])
        self.velocities = torch.zeros_like(self.weights)
        self.inputs = _narrow(torch.nn.functional.pad(data.inputs.flatten(1).float(), (0, 1), value=1.0))

    def room(self) -> _Room:
        """Make what one worker computes in."""
        largest = -(-self.data.tables.shape[1] // batches_of(self.data.tables.shape[1], self.batch_size))
        return _Room(largest, self.shapes, self.folds)

    @torch.no_grad()
    def epoch(self, model: int, epoch: int, room: _Room, limit: int = 0) -> float:
        """Train one model for an epoch, in its own order: the mean of its batches' losses. limit: batches, 0 = all."""
        order = order_of(self.data.seeds[model], epoch, self.data.tables.shape[1])
        rows = torch.from_numpy(self.data.tables[model][order])
        number = batches_of(len(rows), self.batch_size)
        step, right = self._step(model, epoch, room), torch.empty(len(rows), 1)
        of_rows = (rows, self.data.labels[rows][:, None], right)
        batches = list(zip(*(tensor.tensor_split(number) for tensor in of_rows), strict=True))[: limit or None]
        for batch in batches:
            step(*batch)
        lengths = [len(batch[0]) for batch in batches]
        losses = -right[: sum(lengths), 0].clamp_min(TINY).log().numpy()
        return float(np.mean(np.add.reduceat(losses, np.cumsum([0, *lengths[:-1]])) / lengths))

    def _step(self, model: int, epoch: int, room: _Room) -> Callable[[Tensor, Tensor, Tensor], None]:
        """Return a step of one model: rows, labels and where the probabilities of these go, (batch, …) each."""
        programs: dict[int, tuple[list[Callable[[], Any]], list[Callable[[], Any]]]] = {}

        def step(rows: Tensor, labels: Tensor, right: Tensor) -> None:
            size = len(rows)
            if size not in programs:
                programs[size] = self._program(model, epoch, room, size)
            at, (forward, backward) = room.at(size), programs[size]
            if at.bytes.dtype == self.inputs.dtype:
                torch.index_select(self.inputs, 0, rows, out=at.bytes)
                at.seen[0].copy_(at.bytes)
            else:
                torch.index_select(self.inputs, 0, rows, out=at.seen[0])
            for run in forward:
                run()
            torch.gather(at.probabilities, 1, labels, out=right)
            at.probabilities.scatter_add_(1, labels, at.minus)
            for run in backward:
                run()

        return step

    def _program(
        self, model: int, epoch: int, room: _Room, size: int
    ) -> tuple[list[Callable[[], Any]], list[Callable[[], Any]]]:
        """List what a step runs before and after the loss, operands bound: in between Python would take a tenth."""
        weights, velocity, at, see = self.weights[model], self.velocities[model], room.at(size), room.see
        grown = velocity if self.folds else room.gradient
        matrices, targets = (_split(vector, self.shapes) for vector in (weights, grown))
        last, share, momentum = len(self.shapes) - 1, 1 / size, self.momentum
        forward, backward = [], []  # type: tuple[list[Callable[[], Any]], list[Callable[[], Any]]]
        for k, matrix in enumerate(matrices):
            forward.append(partial(room.multiply, at.inputs[k], see(matrix), out=at.outputs[k]))
            if k < last:
                forward.append(partial(ACTIVATIONS[self.activations[k]][0], at.hidden[k]))
        forward.append(partial(torch.softmax, at.hidden[last], 1, out=at.probabilities))
        if not self.folds:
            backward.append(partial(at.probabilities.mul_, share))
        for k in range(last, -1, -1):
            if self.folds:
                backward.append(partial(targets[k].addmm_, at.across[k], at.errors[k], beta=momentum, alpha=share))
            else:
                backward.append(partial(room.multiply, at.across[k], at.errors[k], out=see(targets[k])))
            if k:
                turned, below = see(matrices[k][:-1].T), (at.error[k - 1], at.hidden[k - 1], at.slopes[k - 1])
                backward.append(partial(room.multiply, at.errors[k], turned, out=at.errors[k - 1]))
                backward.append(partial(ACTIVATIONS[self.activations[k - 1]][1], *below))
        if not self.folds:
            backward.append(partial(torch.add, grown, velocity, alpha=momentum, out=velocity))
        if self.decay:
            backward.append(partial(velocity.add_, weights, alpha=self.decay))
        backward.append(partial(weights.sub_, velocity, alpha=self.rate * self.rate_at(epoch)))
        return forward, backward

    def kept(self) -> dict[str, Any]:
        """Hand over what a fit goes on from."""
        return {"weights": self.weights, "velocities": self.velocities}

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Go on from what `kept` handed over."""
        self.weights, self.velocities = kept["weights"], kept["velocities"]

    def state_of(self, model: int) -> dict[str, Tensor]:
        """Return one model's parameters by the names of its objective."""
        state = {}
        for name, part in zip(self.names, _split(self.weights[model], self.shapes), strict=True):
            state[f"{name}.weight"], state[f"{name}.bias"] = part[:-1].T.contiguous(), part[-1].clone()
        return state

    def _flat(self, objective: Objective) -> Tensor:
        layers: list[Any] = [objective.get_submodule(name) for name in self.names]
        return torch.cat(
            [torch.cat([layer.weight.detach().T, layer.bias.detach()[None]]).flatten() for layer in layers]
        )


class _At(NamedTuple):
    """A worker's buffers for batches of one size, by layer; as the products see them, and as tensors."""

    seen: list[Tensor]  # what a layer takes, with its column of ones: (batch, in + 1)
    inputs: list[Any]
    across: list[Any]  # the same turned: (in + 1, batch)
    hidden: list[Tensor]  # what a layer gives: (batch, out)
    outputs: list[Any]
    error: list[Tensor]  # the loss's gradient there
    errors: list[Any]
    slopes: list[Tensor]  # the activation's there
    bytes: Tensor  # a batch of inputs that fit into bytes
    probabilities: Tensor
    minus: Tensor


class _Room:
    """What one worker computes in: buffers for batches of up to `largest` records, and whose products it takes."""

    def __init__(self, largest: int, shapes: Sequence[tuple[int, int]], folds: bool) -> None:
        self.see: Callable[[Tensor], Any] = (lambda tensor: tensor) if folds else Tensor.numpy
        self.multiply: Callable[..., Any] = torch.mm if folds else np.matmul
        self.gradient = torch.empty(0 if folds else sum(rows * columns for rows, columns in shapes))
        self._inputs = [torch.ones(largest, before) for before, _ in shapes]
        self._errors, self._slopes = ([torch.empty(largest, after) for _, after in shapes] for _ in range(2))
        self._bytes = torch.empty(largest, shapes[0][0], dtype=torch.uint8)
        self._logits, self._sizes = torch.empty(largest, shapes[-1][1]), {}  # type: tuple[Tensor, dict[int, _At]]

    def at(self, batch: int) -> _At:
        """Return the buffers for batches of this size."""
        if batch not in self._sizes:
            seen = [buffer[:batch] for buffer in self._inputs]
            hidden = [*(buffer[:, :-1] for buffer in seen[1:]), self._logits[:batch]]
            error = [buffer[:batch] for buffer in self._errors]
            see, last = self.see, error[-1]
            of_products = ([see(part) for part in parts] for parts in (seen, [part.T for part in seen], hidden, error))
            inputs, across, outputs, errors = of_products
            slopes, minus = [buffer[:batch] for buffer in self._slopes], torch.full((batch, 1), -1.0)
            at = _At(seen, inputs, across, hidden, outputs, error, errors, slopes, self._bytes[:batch], last, minus)
            self._sizes[batch] = at
        return self._sizes[batch]


def _narrow(inputs: Tensor) -> Tensor:
    """Return inputs as bytes where they all are whole numbers of these: a quarter of what a batch is gathered from."""
    for part in (inputs[:64], inputs):
        if not torch.equal(part.to(torch.uint8).float(), part):
            return inputs
    return inputs.to(torch.uint8)


def _split(vector: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Return the matrices in a vector, as views."""
    parts = vector.split([rows * columns for rows, columns in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _vendor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else [f":{platform.processor()}"]
    named = [line for line in lines if line.startswith("vendor_id")] or lines[:1]
    return named[0].rpartition(":")[2].strip() if named else ""


def _has_openblas() -> bool:
    config: Any = np.show_config(mode="dicts")
    return "openblas" in config["Build Dependencies"]["blas"]["name"]
