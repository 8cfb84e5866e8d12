"""MGP-MIA (Luo et al., AAAI 2026, arXiv 2511.17989): membership in a pre-trained graph encoder whose weights are out.

The steps of its section 5, for molecules in the place of nodes of one graph:

    5.1 unlearning   a part U of the attacker's molecules is learned by a copy for a few epochs (augmented model), and
                     another copy is trained to s_teacher = s_target - λ (s_target - s_augmented) on U  (eqs. 2 to 4)
    5.2 shadow       the unlearned model goes on with the owner's objective on a part of the attacker's molecules, its
                     weights held by α Σ I (θ - θ_unlearned)², I the Fisher information there  (eqs. 5 and 6)
    5.3 inference    similarities s to m positive samples (views of the molecule) and m negative ones (other molecules),
                     of molecules the shadow was trained on and others, teach a two-layer network, width 256  (eq. 7)

What could be had is the paper's text without its appendices, and no code: epochs, learning rates, λ and m are ours, α
lies in the range of its figure 6. Where eq. 5 has second derivatives, here are squared gradients, their expectation.
The paper asks the target model itself about the molecules to be judged (end of 5.3); the unlearned one is an option.
Objectives' own heads are not released, so that each copy begins with new ones.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.attacks.base import Attack
from telltale.attacks.embedding_membership.views import views_of
from telltale.checks import choice, number, whole_number
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.records import Records
from telltale.data.seeds import derive, generator
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.recipe import Recipe
from telltale.progress import track
from telltale.threads import one_thread
from telltale.training.batches import make_batch, training_loader
from telltale.training.objective import Objective
from telltale.training.seeding import seeded

FEWEST = 30  # molecules of the attacker's own: three parts of ten
SHARE = 0.8  # of a molecule's atoms that a positive sample has
WIDTH, STEPS, RATE = 256, 300, 0.001  # of the attack model: width as in the paper, the rest ours
MODELS = ("target", "unlearned")


class MGPMIA(Attack):
    """Judges molecules by their similarity to views of themselves and to others, as a shadow model teaches it.

    samples         m: positive and negative samples of each molecule
    unlearning      λ; 0 = nothing is unlearned
    regularisation  α
    epochs          of each of the three trainings
    asks            target | unlearned: the model that is asked about the molecules to be judged
    """

    access = frozenset({"weights"})
    accepts = frozenset({"molecules"})

    def __init__(
        self,
        samples: int = 8,
        unlearning: float = 0.5,
        regularisation: float = 0.1,
        epochs: int = 10,
        asks: str = "target",
    ) -> None:
        self.samples = whole_number("attack.samples", samples, 1, 1000)
        self.unlearning = number("attack.unlearning", unlearning, least=0)
        self.regularisation = number("attack.regularisation", regularisation, least=0)
        self.epochs = whole_number("attack.epochs", epochs)
        self.asks = choice("attack.asks", asks, MODELS)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few molecules of the attacker's own, and fine-tuned encoders."""
        if (own := len(knowledge.auxiliary)) < FEWEST:
            raise InputError("pools.auxiliary", own, f"MGP-MIA trains on its own molecules, {FEWEST} at least")
        if knowledge.recipe.start is not None:
            expected = "MGP-MIA goes on with what the released model was pre-trained for; not after a transfer"
            raise InputError("objective", "transfer", expected)

    def run(self, world: World) -> MembershipScores:
        """Attack every victim by itself; a logit above 0 is called a member."""
        knowledge = world.knowledge
        scores = [
            self.scores(release.weights(), knowledge, derive(knowledge.seed, "MGP-MIA", victim))
            for victim, release in enumerate(track(world.releases, "MGP-MIA"))
        ]
        return MembershipScores(np.stack(scores), 0.0, alone=np.stack(scores))

    def scores(self, weights: Mapping[str, np.ndarray], knowledge: Knowledge, seed: int) -> np.ndarray:
        """Return the logit of membership of each challenge molecule: (points,)."""
        own, rng = knowledge.auxiliary, generator(seed, "parts")
        unlearned, trained, held = np.array_split(rng.permutation(len(own)), 3)
        with seeded(seed), one_thread():
            target = knowledge.recipe.objective_for(seed, weights)
            amplified = self._unlearned(target, own.take(unlearned), knowledge.recipe, seed)
            shadow = self._shadow(amplified, own.take(trained), seed)
            taught = np.concatenate([trained, held])
            features = Samples(own.take(taught), own, self.samples, derive(seed, "shadow")).similarities(shadow.model)
            attack = _attack_model(features, torch.arange(len(taught)) < len(trained))
            asked = target if self.asks == "target" else amplified
            points = Samples(knowledge.challenge, own, self.samples, derive(seed, "points"))
            with torch.no_grad():
                return attack(points.similarities(asked.model))[:, 0].double().numpy()

    def _unlearned(self, target: Objective, records: MoleculeRecords, recipe: Recipe, seed: int) -> Objective:
        """Train a copy to the teacher's similarities: what its overfitting on other records grows by (5.1)."""
        if not self.unlearning:
            return target
        samples = Samples(records, records, self.samples, derive(seed, "unlearning"))
        augmented = _trained(copy.deepcopy(target), records, self.epochs, derive(seed, "augmented"))
        before, after = (samples.similarities(model.model) for model in (target, augmented))
        teacher = before - self.unlearning * (before - after)
        student = copy.deepcopy(target)
        optimizer = torch.optim.Adam(student.model.parameters(), lr=target.learning_rate)
        for _ in range(self.epochs):
            optimizer.zero_grad()
            (samples.similarities(student.model, gradients=True) - teacher).square().sum(1).mean().backward()
            optimizer.step()
        return student

    def _shadow(self, start: Objective, records: MoleculeRecords, seed: int) -> Objective:
        """Go on with the owner's objective, weights held by what they matter for the attacker's own records (5.2)."""
        held = {name: weight.detach().clone() for name, weight in start.model.named_parameters()}
        information = fisher(copy.deepcopy(start), records, derive(seed, "Fisher information"))

        def penalty(model: nn.Module) -> Tensor:
            moved = [
                (information[name] * (weight - held[name]).square()).sum() for name, weight in model.named_parameters()
            ]
            return self.regularisation * torch.stack(moved).sum()

        return _trained(copy.deepcopy(start), records, self.epochs, derive(seed, "shadow model"), penalty)


class Samples:
    """Records with their positive and negative samples, laid out for any model.

    m positive samples: connected subgraphs of each molecule; m negative ones: other molecules, drawn from `others`.
    """

    def __init__(self, records: MoleculeRecords, others: MoleculeRecords, number: int, seed: int) -> None:
        views = views_of(records, number, SHARE, derive(seed, "positive"))
        own = records.fingerprints()
        drawn = generator(seed, "negative").integers(len(others), size=(len(records), number))
        same = others.fingerprints()[drawn] == own[:, None]
        self.number, self.drawn = number, np.where(same, (drawn + 1) % len(others), drawn)
        self._points, self._views, self._others = (_batches(part) for part in (records, views, others))

    def similarities(self, model: nn.Module, gradients: bool = False) -> Tensor:
        """Return s of eq. (2), cosines to the m positive samples, then to the m negative ones: (records, 2 m)."""
        model.eval()
        with torch.set_grad_enabled(gradients):
            points, views, others = (
                nn.functional.normalize(torch.cat([model(batch) for batch in part]), dim=1)
                for part in (self._points, self._views, self._others)
            )
            positive = views.reshape(len(points), self.number, -1)
            negative = others[torch.from_numpy(self.drawn)]
            return torch.cat([(near * points[:, None]).sum(2) for near in (positive, negative)], 1)


def fisher(objective: Objective, records: MoleculeRecords, seed: int) -> dict[str, Tensor]:
    """Return the mean squared gradient of the loss by each weight of the model, over batches of `records`."""
    objective.train()
    information = {name: torch.zeros_like(weight) for name, weight in objective.model.named_parameters()}
    loader = training_loader(records, objective.batch_size, seed, objective.targets(records))
    for batch in loader:
        objective.zero_grad()
        objective(batch).backward()
        for name, weight in objective.model.named_parameters():
            if weight.grad is not None:
                information[name] += weight.grad.square() / len(loader)
    return information


def _trained(
    objective: Objective,
    records: MoleculeRecords,
    epochs: int,
    seed: int,
    penalty: Callable[[nn.Module], Tensor] | None = None,
) -> Objective:
    """Go on with the owner's objective for some epochs, in place."""
    loader: Any = training_loader(records, objective.batch_size, seed, objective.targets(records))
    optimizer = objective.optimizer_over(weight for weight in objective.parameters() if weight.requires_grad)
    objective.train()
    objective.begin_fit()
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        objective.at_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            loss = objective(batch)
            (loss if penalty is None else loss + penalty(objective.model)).backward()
            optimizer.step()
    objective.end_fit()
    return objective


def _attack_model(features: Tensor, members: Tensor) -> nn.Module:
    """Train the two-layer network on a shadow's features, by cross-entropy: (records, 2 m), (records,) bool."""
    centre, spread = features.mean(0), features.std(0).clamp_min(1e-6)
    model = nn.Sequential(nn.Linear(features.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))
    scaled = Standardised(model, centre, spread)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(scaled(features)[:, 0], members.float()).backward()
        optimizer.step()
    return scaled


class Standardised(nn.Module):
    """A network on features in units of their spread over the shadow's molecules."""

    def __init__(self, model: nn.Module, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.model, self.centre, self.spread = model, centre, spread

    def forward(self, features: Tensor) -> Tensor:
        """Return the network's logits: (records, 1)."""
        logits: Tensor = self.model((features - self.centre) / self.spread)
        return logits


def _batches(records: Records, size: int = 512) -> list[Any]:
    arrays: Any = records.arrays()
    return [make_batch(arrays, np.arange(at, min(at + size, len(records)))) for at in range(0, len(records), size)]
