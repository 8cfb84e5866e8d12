"""Thousands of small networks trained as one: TMI's metaclassifiers (Abascal et al. 2024, released code).

Each is  x -> W₁ -> ReLU -> dropout -> W₂ -> two classes  under cross-entropy and Adam. Two outputs enter the loss
through their difference z only, so with a trailing 1 in x for the bias, m the dropout mask and d = (w₂₁ - w₂₀)/(1 - p):

    a = x W₁     h = m ⊙ relu(a)     z = h·d + b     δ = (σ(z) - y) / batch

A ReLU network is its own slopes times its inputs, h_j = 1[h_j > 0] Σ_c x_c W₁_cj, and one product serves both layers:

    M = (δ ⊙ x)ᵀ 1[h > 0]     ∂W₁ = M ⊙ d     ∂d_j = Σ_c W₁_cj M_cj     ∂b = Σ δ

Nothing is differentiated by machine; tests hold every step to autograd.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from telltale.checks import number, whole_number
from telltale.data.seeds import derive, generator
from telltale.threads import one_thread, one_thread_each

CHUNK = {"cpu": 64}  # networks at once: few enough for a core's cache, enough to outweigh the calls
LARGE_CHUNK = 4096  # on a device with memory of its own
FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-8  # Adam's, as torch has them


@dataclass(frozen=True)
class Training:
    """How one metaclassifier is trained: the values of the authors' released code. Raises InputError out of range.

    hidden          units
    dropout         share of them left out in a step
    learning_rate   of Adam
    weight_decay    L2 penalty
    decay           factor on the learning rate every `decay_every` epochs
    decay_every     epochs
    epochs          passes over the rows
    batch_size      rows in a step
    """

    hidden: int = 64
    dropout: float = 0.5
    learning_rate: float = 0.005
    weight_decay: float = 5e-4
    decay: float = 0.9
    decay_every: int = 7
    epochs: int = 20
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name in ("hidden", "decay_every", "epochs", "batch_size"):
            whole_number(f"attack.{name}", getattr(self, name))
        for name in ("learning_rate", "decay"):
            number(f"attack.{name}", getattr(self, name), above=0)
        number("attack.dropout", self.dropout, least=0, below=1)
        number("attack.weight_decay", self.weight_decay, least=0)


@dataclass(frozen=True)
class Trained:
    """One trained network a point, in chunks of neighbouring points."""

    chunks: tuple[Metaclassifiers, ...]

    @torch.inference_mode()
    def log_odds(self, queries: np.ndarray) -> np.ndarray:
        """Judge each point's queries by its own network: (points, queries, width) -> (points, queries)."""
        ends = np.cumsum([len(chunk.parameters) for chunk in self.chunks])[:-1]
        parts = zip(self.chunks, np.split(queries, ends), strict=True)
        with one_thread():
            return np.concatenate([chunk.log_odds(torch.from_numpy(part)).cpu().numpy() for chunk, part in parts])


def train(features: np.ndarray, members: np.ndarray, options: Training, seed: int, device: str = "cpu") -> Trained:
    """Train one network a point on its rows: features (points, rows, width) float32, members (points, rows) bool.

    All points share the order of their rows in each epoch; initial weights and dropout are each network's own. On a
    CPU as many chunks are trained at a time as torch has threads; how many that are changes no result.
    """
    size, width = CHUNK.get(device, LARGE_CHUNK), features.shape[2]
    orders = row_orders(features.shape[1], options.epochs, seed)

    @torch.inference_mode()
    def chunk(start: int) -> Metaclassifiers:
        rows, truth = (torch.from_numpy(array[start : start + size]) for array in (features, members))
        networks = Metaclassifiers(len(rows), width, options, derive(seed, "networks", start), device)
        networks.fit(rows, truth, orders)
        return networks

    with one_thread_each(None if device == "cpu" else 1) as pool:
        return Trained(tuple(pool.map(chunk, range(0, len(features), size))))


def row_orders(rows: int, epochs: int, seed: int) -> np.ndarray:
    """Draw the order of the rows in each epoch: (epochs, rows)."""
    rng = generator(seed, "order of rows")
    return np.stack([rng.permutation(rows) for _ in range(epochs)])


class Metaclassifiers:
    """Networks whose parameters lie behind each other: `parameters` (networks, (width + 1) · hidden + 2 · hidden + 2).

    first: (networks, width + 1, hidden), the bias last; second: (networks, 2, hidden), out and in; offset: its biases
    (networks, 2). All three are views of `parameters`.
    """

    def __init__(self, networks: int, width: int, options: Training, seed: int, device: str = "cpu") -> None:
        self.options, self.width = options, width
        self.random = torch.Generator(device).manual_seed(seed)
        hidden = options.hidden
        self.sizes = ((width + 1) * hidden, 2 * hidden, 2)
        self.parameters = torch.empty(networks, sum(self.sizes), device=device)
        self.first, self.second, self.offset = self._parts(self.parameters)
        for part, inputs in ((self.first, width), (self.second, hidden), (self.offset, hidden)):
            part.copy_(_uniform(part.shape, inputs**-0.5, self.random))  # as torch.nn.Linear begins

    def fit(self, features: Tensor, members: Tensor, orders: np.ndarray) -> Tensor:
        """Train on features (networks, rows, width), members (networks, rows): mean losses (epochs, networks)."""
        device, options = self.parameters.device, self.options
        inputs, members = _with_ones(features.to(device)), members.to(device).float()
        step = Step(self, min(options.batch_size, inputs.shape[1]))
        losses = torch.zeros(len(orders), len(inputs), device=device)
        for epoch, order in enumerate(orders):
            rate = options.learning_rate * options.decay ** (epoch // options.decay_every)
            rows = torch.from_numpy(order).to(device)
            mixed, truth = inputs.index_select(1, rows), members.index_select(1, rows)
            for start in range(0, len(rows), options.batch_size):
                batch = slice(start, start + options.batch_size)
                step.descend(mixed[:, batch], truth[:, batch], rate, losses[epoch])
        return losses / orders.shape[1]

    def log_odds(self, features: Tensor) -> Tensor:
        """Compute log P(in) / P(out) without dropout: (networks, rows, width) -> (networks, rows)."""
        hidden = torch.bmm(_with_ones(features.to(self.parameters.device)), self.first).relu_()
        odds = torch.bmm(hidden, (self.second[:, 1] - self.second[:, 0])[..., None])[..., 0]
        return odds + (self.offset[:, 1] - self.offset[:, 0])[:, None]

    def _parts(self, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second, offset = flat.split(self.sizes, 1)
        return first.unflatten(1, (self.width + 1, -1)), second.unflatten(1, (2, -1)), offset


class Step:
    """One step of Adam for all networks, on buffers that are made once."""

    def __init__(self, networks: Metaclassifiers, batch: int) -> None:
        self.networks, self.batch, self.done = networks, batch, 0
        flat = networks.parameters
        self.gradient, self.moment, self.square, self.scale = (torch.zeros_like(flat) for _ in range(4))
        self.d_first, self.d_second, self.d_offset = networks._parts(self.gradient)
        hidden = networks.options.hidden
        self.activations = torch.empty(len(flat), batch, hidden, device=flat.device)
        self.active = torch.empty_like(self.activations)
        self.product = torch.empty(networks.first.shape, device=flat.device)
        self.keep = signs(self.activations.shape, networks.options.dropout, networks.random)

    def descend(self, inputs: Tensor, truth: Tensor, rate: float, losses: Tensor) -> None:
        """Take one step on inputs (networks, batch, width + 1); adds the loss before it to `losses` (networks,)."""
        networks, rows = self.networks, inputs.shape[1]
        second, offset = networks.second, networks.offset
        hidden, active = self.activations[:, :rows], self.active[:, :rows]
        slope = (second[:, 1] - second[:, 0]).mul_(1 / (1 - networks.options.dropout))[:, None]
        torch.bmm(inputs, networks.first, out=hidden)
        hidden.relu_()
        if (keep := next(self.keep)) is not None:
            torch.copysign(hidden, keep[:, :rows], out=hidden)
            hidden.relu_()
        odds = torch.bmm(slope, hidden.mT)[:, 0].add_((offset[:, 1] - offset[:, 0])[:, None])
        losses += torch.nn.functional.softplus(odds).sub_(odds * truth).sum(1)
        delta = odds.sigmoid_().sub_(truth).div_(rows)
        torch.sign(hidden, out=active)
        torch.bmm((inputs * delta[..., None]).mT, active, out=self.product)
        torch.mul(self.product, slope, out=self.d_first)
        torch.sum(self.product.mul_(networks.first), 1, out=self.d_second[:, 1])
        self.d_second[:, 1].mul_(1 / (1 - networks.options.dropout))
        torch.sum(delta, 1, out=self.d_offset[:, 1])
        torch.neg(self.d_second[:, 1], out=self.d_second[:, 0])
        torch.neg(self.d_offset[:, 1], out=self.d_offset[:, 0])
        self._adam(rate)

    def _adam(self, rate: float) -> None:
        """Adam with the penalty in the gradient (Kingma & Ba 2015, algorithm 1; torch.optim.Adam)."""
        self.done += 1
        parameters, gradient = self.networks.parameters, self.gradient
        gradient.add_(parameters, alpha=self.networks.options.weight_decay)
        self.moment.lerp_(gradient, 1 - FIRST_MOMENT)
        self.square.mul_(SECOND_MOMENT).addcmul_(gradient, gradient, value=1 - SECOND_MOMENT)
        correction = math.sqrt(1 - SECOND_MOMENT**self.done)
        torch.sqrt(self.square, out=self.scale).add_(EPSILON * correction)
        parameters.addcdiv_(self.moment, self.scale, value=-rate * correction / (1 - FIRST_MOMENT**self.done))


def signs(shape: torch.Size, dropout: float, random: torch.Generator) -> Iterator[Tensor | None]:
    """Yield for each step a float tensor whose sign is minus where a unit is dropped; None where none ever is.

    At one half each bit of a random word decides once: 32 steps from one draw.
    """
    if dropout == 0:
        while True:
            yield None
    if dropout != 0.5:
        uniform = torch.empty(shape, device=random.device)
        while True:
            yield uniform.uniform_(generator=random).sub_(dropout)
    words = torch.empty(*shape[:-1], shape[-1], dtype=torch.int32, device=random.device)
    while True:
        words.random_(-(2**31), 2**31, generator=random)
        for _ in range(32):
            yield words.view(torch.float32)
            words.add_(words)  # the next bit becomes the sign


def _uniform(shape: torch.Size, bound: float, random: torch.Generator) -> Tensor:
    return torch.empty(shape, device=random.device).uniform_(-bound, bound, generator=random)


def _with_ones(features: Tensor) -> Tensor:
    return torch.nn.functional.pad(features, (0, 1), value=1.0)
