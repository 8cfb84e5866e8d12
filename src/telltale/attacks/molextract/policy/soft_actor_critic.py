"""Soft actor-critic (Haarnoja et al. 2018) for the three-stage action, whose expectations are taken, not sampled.

    V(s)  = Σ_a π(a | s) ( min_k Q_k(s, a) - τ log π(a | s) )
    critics:      ( Q_k(s, a) - r - V'(s') )²          V' by target critics that follow slowly
    policy:       -V(s), by π alone

The sums run over every open action of a molecule (sites × motif sites), which two-layer perceptrons value in one table.
There is no discount: the paper has its β_i in the reward. With τ = 1, as the paper writes it, and step scores that are
cosines, the best of all actions is at most e² = 7.4 times as likely as the worst in a last step: nearly random growth.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from telltale.attacks.molextract.policy.choices import sum_within
from telltale.attacks.molextract.policy.network import Critic, Policy
from telltale.attacks.molextract.policy.options import LEARNED, PolicyOptions
from telltale.attacks.molextract.policy.replay import Batch
from telltale.attacks.molextract.policy.views import Graphs, Motifs, View

TARGET_ENTROPY, LEAST_TEMPERATURE, TEMPERATURE_RATE = 1.0, 0.05, 5e-4  # of the released code
LARGEST_GRADIENT = 5.0


class Losses(NamedTuple):
    """Of one gradient step: both critics', the policy's, and the mean entropy of π."""

    critics: float
    policy: float
    entropy: float


class SoftActorCritic:
    """A policy, two critics, their targets, and how they learn.

    The temperature is fixed, or learned towards an entropy of 1 as the released code does.
    """

    def __init__(self, motifs: Motifs, options: PolicyOptions, seed: int) -> None:
        self.motifs, self.options = motifs, options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy, self.critics = Policy(options.width), nn.ModuleList(Critic(options.width) for _ in range(2))
        self.targets = deepcopy(self.critics).requires_grad_(False)
        self._slow: Any = [*self.targets.parameters()]
        self._fast: Any = [*self.critics.parameters()]
        self.learned = options.temperature == LEARNED
        self.log_temperature = torch.tensor(1.0 if self.learned else float(options.temperature)).log()
        self.log_temperature.requires_grad_(self.learned)
        self._policy_step, self._critic_step = (adam(network, options) for network in (self.policy, self.critics))
        self._temperature_step = torch.optim.Adam([self.log_temperature], lr=TEMPERATURE_RATE)

    @property
    def temperature(self) -> float:
        """Return τ."""
        return float(self.log_temperature.detach().exp())

    def update(self, batch: Batch) -> Losses:
        """Take one gradient step of critics and policy; the targets follow."""
        graphs = batch.before.tensors
        wanted = self.wanted(batch)
        (first, one), (second, other) = (critic(graphs, self.motifs, batch.choice) for critic in self.critics)
        critics = nn.functional.mse_loss(first, wanted) + nn.functional.mse_loss(second, wanted)
        step(self._critic_step, self.critics, critics)

        log_probs = self.policy.table(graphs, self.motifs)
        policy = -self._value(graphs, log_probs, torch.minimum(one, other))[batch.which].mean()
        step(self._policy_step, self.policy, policy)
        entropy = float(self._entropy(graphs, log_probs.detach())[batch.which].mean())
        if self.learned:
            self._cool(entropy)
        self._follow()
        return Losses(float(critics.detach()), float(policy.detach()), entropy)

    def wanted(self, batch: Batch) -> Tensor:
        """Return r + V'(s'), which the critics should say: (B,)."""
        wanted = batch.reward.clone()
        if len(batch.goes_on):
            wanted[batch.goes_on] += self.soft_values(batch.following)
        return wanted

    @torch.no_grad()
    def soft_values(self, view: View) -> Tensor:
        """Return V' of molecules: (n,)."""
        graphs = view.tensors
        targets: Iterable[Any] = self.targets
        first, second = (target.table(graphs, self.motifs) for target in targets)
        return self._value(graphs, self.policy.table(graphs, self.motifs), torch.minimum(first, second))

    def _value(self, graphs: Graphs, log_probs: Tensor, values: Tensor) -> Tensor:
        of_sites = (log_probs.exp() * (values - self.temperature * log_probs)).sum(1)
        return sum_within(of_sites, graphs.site_molecule, len(graphs))

    def _entropy(self, graphs: Graphs, log_probs: Tensor) -> Tensor:
        return -sum_within((log_probs.exp() * log_probs).sum(1), graphs.site_molecule, len(graphs))

    def _cool(self, entropy: float) -> None:
        self._temperature_step.zero_grad()
        (self.log_temperature.exp() * (entropy - TARGET_ENTROPY)).backward()
        self._temperature_step.step()
        with torch.no_grad():
            self.log_temperature.clamp_(min=torch.tensor(LEAST_TEMPERATURE).log())

    @torch.no_grad()
    def _follow(self) -> None:
        torch._foreach_lerp_(self._slow, self._fast, 1 - self.options.polyak)


def adam(network: nn.Module, options: PolicyOptions) -> torch.optim.Optimizer:
    """Return the optimiser of a network."""
    rate, decay = options.learning_rate, options.weight_decay
    return torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay, fused=True)


def step(optimizer: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
    """Descend a loss, with gradients no longer than 5 together, as the released code has it."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimizer.step()
