"""The policy network: a distribution over exactly what is open, whose three stages and gradients are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telltale.attacks.molextract.policy.network import Critic, Policy
from telltale.attacks.molextract.policy.replay import first_sites
from telltale.attacks.molextract.policy.views import View
from telltale.threads import one_thread
from tests.attacks.policy.toy import ENDS, MOTIFS, START, seconds, view_of

PARTLY_OPEN = view_of([[5, 6, 7], [6, 8], [5]], 2, [[True, False, True], [False, True], [True]])


def policy(width: int = 8, seed: int = 0) -> Policy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Policy(width)
        for parameter in network.parameters():  # far from equal probabilities
            parameter.data.mul_(3)
        return network


def vectors(network: Policy) -> object:
    return network.encoder.of_motifs(MOTIFS)


def test_the_probabilities_of_all_open_actions_sum_to_one() -> None:
    """Catches a stage that is normalised over another's choices, or over all molecules of a batch."""
    table = policy().table(PARTLY_OPEN.tensors, MOTIFS).exp()
    assert table.shape == (4, ENDS)
    of_molecule = torch.zeros(3).index_add(0, PARTLY_OPEN.tensors.site_molecule, table.sum(1))
    assert of_molecule.tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_molecules_are_drawn_as_often_as_their_probability_says_and_never_where_closed() -> None:
    """Catches a draw that ignores a mask, or another distribution than the one that is learned."""
    network, n = policy(), 20_000
    many = PARTLY_OPEN.take(np.arange(3).repeat(n))
    with torch.no_grad():
        choice = network.sample(many.tensors, MOTIFS, vectors(network), torch.Generator().manual_seed(1))
        table = network.table(PARTLY_OPEN.tensors, MOTIFS).exp().numpy()
    site = (choice.site - first_sites(many)).numpy().reshape(3, n)
    end, motif = choice.end.numpy().reshape(3, n), choice.motif.numpy()
    assert (MOTIFS.motif[choice.end.numpy()] == motif).all()
    first = [0, 2, 3]
    for molecule, open_sites in enumerate([2, 1, 1]):
        assert site[molecule].min() == 0
        assert site[molecule].max() == open_sites - 1
        counts = np.bincount(site[molecule] * ENDS + end[molecule], minlength=open_sites * ENDS) / n
        wanted = table[first[molecule] : first[molecule] + open_sites].ravel()
        assert counts == pytest.approx(wanted, abs=5 * 0.5 / np.sqrt(n))


def test_an_actions_log_probability_is_the_tables_entry() -> None:
    """Catches a stage that is left out, and motif sites that are counted from another motif's first."""
    network = policy()
    many, ends = PARTLY_OPEN.take(np.arange(3).repeat(ENDS)), torch.arange(ENDS).repeat(3)
    with torch.no_grad():
        table = network.table(PARTLY_OPEN.tensors, MOTIFS)
        motif = torch.from_numpy(MOTIFS.motif)[ends]
        choice = network.sample(many.tensors, MOTIFS, vectors(network), torch.Generator().manual_seed(1))
        choice = choice._replace(site=first_sites(many), motif=motif, end=ends)
        told = network.log_prob(many.tensors, MOTIFS, choice)
    assert told.numpy() == pytest.approx(table[[0, 2, 3]].numpy().ravel(), abs=1e-5)


def test_a_molecule_has_the_same_probabilities_in_any_company() -> None:
    """Catches messages between molecules of a batch, and atoms that are counted in another molecule."""
    network = policy()
    with torch.no_grad():
        together = network.table(PARTLY_OPEN.tensors, MOTIFS).numpy()
        alone = [network.table(PARTLY_OPEN.take(np.array([k])).tensors, MOTIFS).numpy() for k in range(3)]
    assert np.concatenate(alone) == pytest.approx(together, abs=1e-5)


@pytest.mark.parametrize("stage", ["site", "motif", "end"])
def test_the_gradient_of_a_stage_is_that_of_finite_differences(stage: str) -> None:
    """Catches a stage whose logits do not reach the loss, and an operation in place that breaks its gradient."""
    network, weight = policy().double(), torch.randn(4, ENDS, generator=torch.Generator().manual_seed(2)).double()
    parameters = list(getattr(network, stage).parameters())

    def loss() -> torch.Tensor:
        return (weight * network.table(PARTLY_OPEN.tensors, MOTIFS)).sum()

    exact = torch.autograd.grad(loss(), parameters)
    generator = torch.Generator().manual_seed(3)
    ways = [torch.randn(one.shape, generator=generator, dtype=one.dtype) for one in parameters]
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, way in zip(parameters, ways, strict=True):
                parameter.add_(way, alpha=sign * 1e-6)
            ends.append(float(loss()))
            for parameter, way in zip(parameters, ways, strict=True):
                parameter.sub_(way, alpha=sign * 1e-6)
    along = sum(float((gradient * way).sum()) for gradient, way in zip(exact, ways, strict=True))
    assert abs(along) > 1e-3
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(along, rel=1e-5)


def test_the_two_atoms_of_a_bond_look_different() -> None:
    """Catches a convolution that keeps nothing of the atom itself: both ends of C-O would be one site."""
    network = policy()
    with torch.no_grad():
        atoms, _ = network.encoder(view_of([[5, 7]], 1).tensors)
    assert float((atoms[0] - atoms[1]).abs().max()) > 0.1


def test_steps_left_change_what_a_molecule_is_worth() -> None:
    """Catches values of molecules that have a step left given to those that have none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = Critic(8)
    one, two = (critic.table(view_of([[5, 6]], left).tensors, MOTIFS) for left in (1, 2))
    assert float((one - two).detach().abs().max()) > 1e-3


def test_a_critic_values_an_action_as_its_table_does() -> None:
    """Catches an action's value taken from another molecule's site or another motif's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = Critic(8)
    graphs = PARTLY_OPEN.tensors
    choice = policy().sample(graphs, MOTIFS, vectors(policy()), torch.Generator().manual_seed(0))
    chosen, table = critic(graphs, MOTIFS, choice)
    assert table[choice.site, choice.end].numpy() == pytest.approx(chosen.detach().numpy(), abs=1e-5)
    assert critic.table(graphs, MOTIFS).detach().numpy() == pytest.approx(table.numpy(), abs=1e-5)


def test_taking_and_joining_views_gives_the_molecules_back() -> None:
    """Catches atoms or bonds that end up in a neighbouring molecule."""
    both = View.concatenate([PARTLY_OPEN, seconds()])
    back = both.take(np.arange(3))
    for name in ("elements", "sites", "ends", "atom_offsets", "bond_offsets", "steps_left"):
        assert (getattr(back, name) == getattr(PARTLY_OPEN, name)).all()
    assert both.take(np.array([3, 1])).elements.tolist() == [20, 6, 8]


def test_equal_seeds_draw_equal_actions() -> None:
    """Catches noise from torch's global generator."""
    network, many = policy(), START.take(np.zeros(50, np.int64))
    drawn = []
    for other in (7, 8):
        torch.manual_seed(other)
        with torch.no_grad(), one_thread():
            generator = torch.Generator().manual_seed(0)
            drawn.append(torch.stack(network.sample(many.tensors, MOTIFS, vectors(network), generator)))
    assert torch.equal(*drawn)
