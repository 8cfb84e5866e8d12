"""A recipe like chemprop's for shadow models, made small: `fit(records, seed) -> predict`, as `target.train` takes it.

The same network, loss, batches and optimiser (Adam, warm-up over two epochs from 1e-4 to 1e-3, then down to 1e-4),
narrower and for fewer epochs than what was released.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from telltale.models.released.chemprop import Chemprop, DirectedBonds, graphs_of

HIDDEN, EPOCHS, BATCH = 100, 40, 64
WARM_UP, LOWEST, HIGHEST = 2, 1e-4, 1e-3


def fit(records: tuple[list[str], np.ndarray], seed: int) -> Callable[[list[str]], np.ndarray]:
    """Train a network on SMILES and their values."""
    smiles, labels = records
    torch.manual_seed(seed % 2**63)
    values = torch.from_numpy(np.asarray(labels, np.float32))
    mean, scale = values.mean(), values.std(unbiased=False).clamp_min(1e-6)
    targets, net, rng = (values - mean) / scale, Chemprop(HIDDEN), np.random.default_rng(seed)
    optimiser = torch.optim.Adam(net.parameters(), LOWEST)
    steps = max(1, len(smiles) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps) / LOWEST)
    net.train()
    for _ in range(EPOCHS):
        order = rng.permutation(len(smiles))
        for rows in np.array_split(order, steps):
            loss = (net(together([smiles[row] for row in rows])) - targets[rows]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    net.eval()

    def predict(asked: list[str]) -> np.ndarray:
        with torch.no_grad():
            parts = [net(together(asked[start : start + 256])) for start in range(0, len(asked), 256)]
        return np.asarray((torch.cat(parts) * scale + mean).numpy())

    return predict


def rate(step: int, steps: int) -> float:
    """Return the learning rate at a step; steps: of an epoch."""
    warm, whole = WARM_UP * steps, EPOCHS * steps
    if step < warm:
        return LOWEST + (HIGHEST - LOWEST) * step / warm
    return float(HIGHEST * (LOWEST / HIGHEST) ** min(1.0, (step - warm) / max(1, whole - warm)))


@cache
def graph_of(text: str) -> DirectedBonds:
    """Return one molecule, featurised at most once."""
    return graphs_of([text])


def together(smiles: list[str]) -> DirectedBonds:
    """Return several molecules as one graph."""
    graphs = [graph_of(text) for text in smiles]
    sizes = torch.tensor([len(graph.atoms) for graph in graphs])
    first = torch.cumsum(sizes, 0) - sizes
    ends: list[Tensor] = [graph.ends + offset for graph, offset in zip(graphs, first, strict=True)]
    return DirectedBonds(
        torch.cat([graph.atoms for graph in graphs]),
        torch.cat([graph.bonds for graph in graphs]),
        torch.cat(ends, 1),
        torch.arange(len(graphs)).repeat_interleave(sizes),
        len(graphs),
    )
