"""Networks trained as one batch, against the same networks trained one by one by autograd and torch's Adam."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from telltale.attacks.tmi.metaclassifiers import Metaclassifiers, Training, row_orders, signs, train
from telltale.errors import InputError

NETWORKS, ROWS, WIDTH = 5, 150, 4  # the last batch of an epoch is smaller than the others
SHORT = Training(hidden=16, epochs=9)


def learned_from(networks: int = NETWORKS, rows: int = ROWS, shift: float = 1.0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    members = torch.rand(networks, rows, generator=random) < 0.5
    return torch.randn(networks, rows, WIDTH, generator=random) + shift * members[..., None], members


def one_by_one(
    networks: Metaclassifiers, features: Tensor, members: Tensor, orders: np.ndarray, options: Training
) -> tuple[Tensor, Tensor]:
    """Train copies of the initial networks in a plain loop: mean losses (epochs, networks), log-odds of all rows."""
    losses, odds = torch.zeros(len(orders), len(features)), torch.zeros(features.shape[:2])
    for k, (rows, truth) in enumerate(zip(features, members.long(), strict=True)):
        layers = nn.Linear(WIDTH, options.hidden), nn.Linear(options.hidden, 2)
        net = nn.Sequential(layers[0], nn.ReLU(), nn.Dropout(options.dropout), layers[1])
        with torch.no_grad():
            layers[0].weight.copy_(networks.first[k, :-1].T)
            layers[0].bias.copy_(networks.first[k, -1])
            layers[1].weight.copy_(networks.second[k])
            layers[1].bias.copy_(networks.offset[k])
        adam = torch.optim.Adam(net.parameters(), options.learning_rate, weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.StepLR(adam, options.decay_every, options.decay)
        for epoch, order in enumerate(orders):
            for batch in torch.from_numpy(order).split(options.batch_size):
                adam.zero_grad()
                loss = nn.functional.cross_entropy(net(rows[batch]), truth[batch])
                loss.backward()
                adam.step()
                losses[epoch, k] += loss.item() * len(batch) / len(rows)
            schedule.step()
        outputs = net.eval()(rows).detach()
        odds[k] = outputs[:, 1] - outputs[:, 0]
    return losses, odds


def both(options: Training, networks: int = NETWORKS) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    features, members = learned_from(networks)
    orders = row_orders(ROWS, options.epochs, seed=1)
    ours = Metaclassifiers(networks, WIDTH, options, seed=2)
    reference = one_by_one(ours, features, members, orders, options)
    with torch.inference_mode():
        losses = ours.fit(features, members, orders)
        return (losses, ours.log_odds(features)), reference


def test_without_dropout_the_batch_is_the_loop() -> None:
    """Catches a gradient, a decay, a batch's mean or a moment that is not Adam's, and networks that mix."""
    (losses, odds), (slow_losses, slow_odds) = both(replace(SHORT, dropout=0.0))
    torch.testing.assert_close(losses, slow_losses, rtol=0, atol=1e-4)
    torch.testing.assert_close(odds, slow_odds, rtol=0, atol=1e-3)
    assert losses[-1].mean() < 0.8 * losses[0].mean()


@pytest.mark.parametrize("dropout", [0.5, 0.2])
def test_with_dropout_the_batch_learns_as_the_loop_does(dropout: float) -> None:
    """Catches dropped units that are not scaled up, masks that are the same in each step, dropout while judging."""
    (losses, odds), (slow_losses, slow_odds) = both(replace(SHORT, dropout=dropout), networks=40)
    difference = losses - slow_losses
    error = difference.std(1) / 40**0.5
    assert (difference.mean(1).abs() < 4 * error).all()
    assert float(odds.abs().mean()) == pytest.approx(float(slow_odds.abs().mean()), rel=0.03)


@pytest.mark.parametrize("dropout", [0.5, 0.3])
def test_units_are_dropped_independently_at_the_rate_asked_for(dropout: float) -> None:
    """Catches a bit used twice, and one that is never set."""
    shape, steps = torch.Size((8, 10, 50)), 70
    masks = signs(shape, dropout, torch.Generator().manual_seed(0))
    dropped = torch.stack([torch.signbit(mask).flatten() for mask in islice(masks, steps) if mask is not None]).double()
    assert float(dropped.mean()) == pytest.approx(dropout, abs=4 * (dropout * (1 - dropout) / dropped.numel()) ** 0.5)
    correlation = torch.corrcoef(dropped) - torch.eye(steps)
    assert correlation.abs().max() < 5 / shape.numel() ** 0.5


def test_networks_are_the_same_in_however_many_threads() -> None:
    """Catches random numbers that depend on which thread comes first."""
    features, members = learned_from(networks=150, rows=64)
    threads, found = torch.get_num_threads(), []
    for number in (1, 2):
        torch.set_num_threads(number)
        trained = train(features.numpy(), members.numpy(), replace(SHORT, epochs=2), seed=0)
        found.append(trained.log_odds(features.numpy()[:, :3]))
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)
    assert len(np.unique(found[0][:, 0])) == 150


@pytest.mark.parametrize(
    ("option", "value"),
    [("hidden", 0), ("epochs", 1.5), ("batch_size", True), ("dropout", 1.0), ("learning_rate", 0), ("decay", -1)],
)
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    """Catches a traceback from the middle of training."""
    with pytest.raises(InputError, match=rf"attack\.{option}"):
        replace(SHORT, **{option: value})
