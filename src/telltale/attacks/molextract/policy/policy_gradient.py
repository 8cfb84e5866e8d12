"""Plain policy gradient (Williams 1992): log π(a | s) times how much better than the others' mean its episode went."""

from __future__ import annotations

import numpy as np
import torch

from telltale.attacks.molextract.policy.network import Policy
from telltale.attacks.molextract.policy.options import PolicyOptions
from telltale.attacks.molextract.policy.replay import Steps
from telltale.attacks.molextract.policy.soft_actor_critic import adam, step
from telltale.attacks.molextract.policy.views import Motifs


class PolicyGradient:
    """A policy that learns of each roll-out once; no critic, no entropy, no replay."""

    def __init__(self, motifs: Motifs, options: PolicyOptions, seed: int) -> None:
        self.motifs = motifs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = Policy(options.width)
        self._step = adam(self.policy, options)

    def update(self, steps: Steps) -> float:
        """Take one gradient step: -mean of advantage × log π. Returns the loss."""
        batch = steps.take(np.arange(len(steps)))
        log_probs = self.policy.log_prob(batch.before.tensors, self.motifs, batch.choice)
        weights = torch.from_numpy(advantages(steps).astype(np.float32))
        loss = -(weights * log_probs).mean()
        step(self._step, self.policy, loss)
        return float(loss.detach())


def advantages(steps: Steps) -> np.ndarray:
    """Return each step's reward and all after it, less the mean of the others with as many steps left: (S,)."""
    returns, left = steps.returns(), steps.before.steps_left
    better = np.zeros(len(returns))
    for stage in np.unique(left):
        rows = np.flatnonzero(left == stage)
        if len(rows) > 1:
            better[rows] = returns[rows] - (returns[rows].sum() - returns[rows]) / (len(rows) - 1)
    return better
