"""TMI's metaclassifiers as one batch against a plain PyTorch loop over them, with the loss curves of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scripts.bench.fleets import THREADS, in_turn, threads
from telltale.attacks.tmi.metaclassifiers import Metaclassifiers, Training, row_orders, train

NETWORKS, ROWS, CLASSES = 1000, 512, 10  # 64 shadows and 8 queries, as the authors have it
AUTHORS = Training()


def measure(looped: int = 30, repeats: int = 3) -> dict[str, Any]:
    """Time all networks as one batch, and `looped` of them one by one: seconds for all, median of ratios."""
    features, members = made_up()
    few = torch.from_numpy(features[:looped]), torch.from_numpy(members[:looped])
    with threads():
        ways = {
            "one batch": lambda: train(features, members, AUTHORS, seed=0),
            "plain PyTorch loop, Adam fused": lambda: plain_loop(*few, fused=True),
            "plain PyTorch loop, Adam as it comes": lambda: plain_loop(*few, fused=False),
        }
        seconds = in_turn(ways, repeats)
    whole = {name: taken * (1 if name == "one batch" else NETWORKS / looped) for name, taken in seconds.items()}
    rows = {
        name: {"seconds": float(np.median(taken)), "ratio": float(np.median(taken / whole["one batch"]))}
        for name, taken in whole.items()
    }
    return {"ways": rows, "looped": looped, "threads": THREADS, **curves()}


def curves(networks: int = 200) -> dict[str, Any]:
    """Compare mean losses by epoch of so many networks trained both ways: first, last, largest gap in its errors."""
    features, members = (torch.from_numpy(array[:networks]) for array in made_up())
    with torch.inference_mode():
        batch = Metaclassifiers(networks, CLASSES, AUTHORS, seed=0).fit(features, members, orders())
    loop = plain_loop(features, members, fused=True)
    gap = (batch - loop).mean(1).abs() / ((batch - loop).std(1) / networks**0.5)
    ends = [[float(one.mean(1)[place]) for place in (0, -1)] for one in (batch, loop)]
    return {"networks": networks, "batch": ends[0], "loop": ends[1], "gap": float(gap.max())}


def orders() -> np.ndarray:
    """Return the order of the rows in each epoch, the same for both ways."""
    return row_orders(ROWS, AUTHORS.epochs, seed=0)


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Draw clipped-like features with a small shift between in and out."""
    rng = np.random.default_rng(0)
    members = rng.random((NETWORKS, ROWS)) < 0.5
    features = 0.3 * rng.normal(size=(NETWORKS, ROWS, CLASSES)) + 0.1 * members[..., None]
    return features.astype(np.float32), members


def plain_loop(features: Tensor, members: Tensor, fused: bool) -> Tensor:
    """Train one network after the other as one would write it, without a loader: mean losses (epochs, networks)."""
    losses = torch.zeros(AUTHORS.epochs, len(features))
    for k, (rows, truth) in enumerate(zip(features, members.long(), strict=True)):
        net = nn.Sequential(
            nn.Linear(CLASSES, AUTHORS.hidden), nn.ReLU(), nn.Dropout(AUTHORS.dropout), nn.Linear(AUTHORS.hidden, 2)
        )
        adam = torch.optim.Adam(net.parameters(), AUTHORS.learning_rate, weight_decay=AUTHORS.weight_decay, fused=fused)
        schedule = torch.optim.lr_scheduler.StepLR(adam, AUTHORS.decay_every, AUTHORS.decay)
        for epoch, order in enumerate(orders()):
            mixed, known = rows[order], truth[order]
            for start in range(0, ROWS, AUTHORS.batch_size):
                batch = slice(start, start + AUTHORS.batch_size)
                adam.zero_grad()
                loss = nn.functional.cross_entropy(net(mixed[batch]), known[batch])
                loss.backward()
                adam.step()
                losses[epoch, k] += loss.detach() * len(known[batch]) / ROWS
            schedule.step()
    return losses
