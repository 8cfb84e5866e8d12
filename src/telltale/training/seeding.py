"""Draw from torch's generators without leaving a trace in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generators inside, and give them back as they were."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        seed_all(seed)
        yield


def seed_all(seed: int) -> None:
    """Seed torch's generators: of all devices, where there is one beside the CPU.

    `torch.manual_seed` alone notes where it was called from, once for every kind of device that there is not.
    """
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
