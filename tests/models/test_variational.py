"""The autoencoder behind synthetic twins: its shapes, its bound, and that it learns a code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import vmap

from telltale.errors import InputError
from telltale.models.variational import VAE
from telltale.objectives.variational import Likelihood, Variational, divergence
from telltale.training.batches import LabelledBatch
from telltale.training.counter_random import normal


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [("mlp", (8,)), ("mlp", (1, 8, 8)), ("conv", (1, 28, 28)), ("conv", (3, 32, 32)), ("conv", (1, 25, 17))],
)
@pytest.mark.parametrize("classes", [0, 4])
def test_a_decoded_record_has_the_shape_of_a_record(architecture: str, shape: tuple[int, ...], classes: int) -> None:
    """Catches strides that do not come back to an odd side, and a label that only one of both networks is told."""
    network, labels = VAE(architecture, 5, width=16, channels=4, classes=classes, shape=shape), torch.tensor([0, 3])
    mean, log_variance = network.encode(torch.rand(2, *shape), labels)
    assert mean.shape == log_variance.shape == (2, 5)
    assert network.decode(mean, labels).shape == (2, *shape)


def test_a_conditional_network_hears_the_label_in_both_halves() -> None:
    """Catches a conditional VAE that is not one."""
    network, record = VAE("mlp", 3, width=16, classes=4, shape=(6,)), torch.rand(1, 6)
    one, other = torch.tensor([0]), torch.tensor([1])
    code = network.encode(record, one)[0]
    assert not torch.equal(code, network.encode(record, other)[0])
    assert not torch.equal(network.decode(code, one), network.decode(code, other))


def test_small_pictures_have_no_strided_network() -> None:
    """Catches a crash inside torch where a line would do."""
    with pytest.raises(InputError, match=r"^defense.vae.architecture=conv: mlp"):
        VAE("conv", 4, shape=(1, 8, 8))


def test_the_divergence_is_that_of_torch() -> None:
    """Catches a mean in place of a sum, and a variance taken for a deviation."""
    mean, log_variance = torch.randn(7, 3), torch.randn(7, 3)
    normals = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normals, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_likelihoods_are_sums_over_features_and_one_cross_entropy_a_block() -> None:
    """Catches the mean over features that collapses a posterior."""
    logits, records = torch.zeros(2, 6), torch.tensor([[0.0, 1, 0.5, 0, 0, 1], [1, 1, 0.5, 1, 0, 0]])
    half = float(np.log(2))
    torch.testing.assert_close(Likelihood("binary", 0, 2).losses(logits, records), torch.full((2,), 2 * half))
    torch.testing.assert_close(Likelihood("numeric", 2, 3).losses(logits, records), torch.zeros(2))
    torch.testing.assert_close(Likelihood("categorical", 3, 6).losses(logits, records), torch.full((2,), 3.0).log())


def test_noise_of_keys_is_normal_and_the_same_under_vmap() -> None:
    """Catches noise that depends on the chunk of a fleet, and a uniform taken for a normal."""
    keys, counters = torch.arange(20_000)[:, None], torch.arange(4)
    drawn = normal(keys, "code", counters)
    assert abs(float(drawn.mean())) < 0.02 and abs(float(drawn.std()) - 1) < 0.02
    assert abs(float((drawn**4).mean()) - 3) < 0.1 and abs(np.corrcoef(drawn.numpy().T)[0, 1]) < 0.02
    assert torch.equal(vmap(lambda one: normal(one, "code", counters))(keys), drawn)


def test_a_trained_code_carries_more_than_half_a_nat() -> None:
    """Catches a collapsed posterior: a decoder that ignores its code."""
    torch.manual_seed(0)
    records = (torch.rand(64, 1) < 0.5).float().expand(64, 24)  # one bit, twenty-four times
    objective = Variational(VAE("mlp", 2, width=32, shape=(24,)), 1, 64, 0.01, [["binary", 0, 24]])
    optimizer, labels = objective.optimizer_over(objective.parameters()), torch.zeros(64, dtype=torch.long)
    for step in range(150):
        batch = LabelledBatch(records, labels, torch.arange(64) + 1000 * step)
        optimizer.zero_grad()
        objective.record_losses(batch).mean().backward()
        optimizer.step()
    measured = objective.success([batch])
    assert measured["kl"] > 0.5 and measured["reconstruction"] < 24 * np.log(2) / 4
