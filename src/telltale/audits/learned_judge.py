"""An attacker who sees what a decoder makes of a noisy code, not the code, and learns the one-record test by playing.

It knows both records, the mechanism and the decoder, and so has as many released rows of either record as it likes. It
is no better than `one_record_test` on the code itself, and as good where the decoder loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from telltale.audits.one_record_test import Judge
from telltale.data.seeds import derive, generator
from telltale.defenses.vae_metric_privacy.synthesis import Synthesis

WIDTH, EPOCHS, BATCH, RATE = 64, 15, 256, 3e-3


def learned_judge(synthesis: Synthesis, decode: Callable[[np.ndarray], np.ndarray], rows: int, seed: int) -> Judge:
    """Train log p(row | one) - log p(row | other) on `rows` rows of the two farthest records: a network's logit.

    decode: codes (records, n) -> rows (records, features). The target of a row is the posterior of its code, which the
    attacker knows while it plays: less noisy than the coin. Seeds are other than those of the test.
    """
    mechanism = synthesis.mechanism
    one, other = mechanism.farthest(synthesis.width)
    coins = generator(seed, "learned judge").random(rows) < 0.5
    codes = mechanism.perturb(np.where(coins[:, None], one, other), derive(seed, "learned judge's noise"))
    decoded = torch.from_numpy(decode(codes)).float()
    mean, deviation = decoded.mean(0), decoded.std(0) + 1e-6
    targets = torch.from_numpy(mechanism.log_ratio(codes, one, other)).float().sigmoid()
    network = _fitted((decoded - mean) / deviation, targets, derive(seed, "learned judge's network"))

    def judge(released: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            ratios: Tensor = network((torch.from_numpy(decode(released)).float() - mean) / deviation)[:, 0]
        return ratios.double().numpy()

    return judge


def _fitted(inputs: Tensor, targets: Tensor, seed: int) -> nn.Module:
    """Fit a network of one hidden layer by Adam on the cross-entropy to soft targets."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(inputs.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))
        descent = torch.optim.Adam(network.parameters(), RATE)
        rates = torch.optim.lr_scheduler.CosineAnnealingLR(descent, EPOCHS)
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(inputs)).split(BATCH):
                loss = nn.functional.binary_cross_entropy_with_logits(network(inputs[batch])[:, 0], targets[batch])
                descent.zero_grad()
                loss.backward()
                descent.step()
            rates.step()
    return network.eval()
