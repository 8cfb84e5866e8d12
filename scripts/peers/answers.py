"""The work that all tools get: one game of ours, and what its models answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from telltale.attacks.membership.signals import scaled_logit, true_class

WORDS = ("attack=lira", "rivals=none", "controls=none", "logger=none")


@dataclass(frozen=True)
class Case:
    """One victim and its shadow models; models are in columns, as most tools have them.

    probabilities     (points, classes) of the victim, float64
    shadows           (shadows, points, classes)
    labels            (points,) true classes
    members           (shadows, points) bool
    truth             (points,) bool: was the victim trained on it
    population        (others, classes): records that no model was trained on, asked of the victim
    of_population     (shadows, others, classes)
    population_labels (others,)
    """

    probabilities: np.ndarray
    shadows: np.ndarray
    labels: np.ndarray
    members: np.ndarray
    truth: np.ndarray
    population: np.ndarray
    of_population: np.ndarray
    population_labels: np.ndarray

    @property
    def phi(self) -> tuple[np.ndarray, np.ndarray]:
        """Scaled logits of the true class: (points,) of the victim and (shadows, points)."""
        return scaled_logit(self.probabilities, self.labels), scaled_logit(self.shadows, self.labels)

    @property
    def confidences(self) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the true class: (points,) and (shadows, points)."""
        return true_class(self.probabilities, self.labels), true_class(self.shadows, self.labels)

    @property
    def population_confidences(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of the population: (others,) and (shadows, others)."""
        labels = self.population_labels
        return true_class(self.population, labels), true_class(self.of_population, labels)


def play(victims: int, words: Sequence[str] = ()) -> list[Case]:
    """Play one game by the words of the command line, and return the first victims' cases."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from telltale.configuration.assembly import assemble
    from telltale.configuration.command_line import configuration_folder, register_resolvers
    from telltale.owner.release import Release

    register_resolvers()
    with TemporaryDirectory() as folder, initialize_config_dir(str(configuration_folder()), version_base="1.3"):
        choices = compose("config", [*WORDS, *words], return_hydra_config=True).hydra.runtime.choices
        cfg = compose("config", [*WORDS, *words])
        OmegaConf.resolve(cfg)
        plan = assemble(cfg, choices, Path(folder), lambda *_: None)
        plan.check()
        game = plan.game
        world, truth = game.world(plan.attack.access), game.unseal().membership
        points, population = world.knowledge.challenge, world.knowledge.population

        def asked(releases: Sequence[Release]) -> tuple[np.ndarray, np.ndarray]:
            both = [(release.probabilities(points), release.probabilities(population)) for release in releases]
            ours, theirs = zip(*both, strict=True)
            return np.stack(ours).astype(np.float64), np.stack(theirs).astype(np.float64)

        cases = []
        for victim in range(min(victims, len(world.releases))):
            releases, members = world.shadows(victim)
            of_victim, of_shadows = asked([world.releases[victim]]), asked(releases)
            cases.append(
                Case(
                    probabilities=of_victim[0][0],
                    shadows=of_shadows[0],
                    labels=points.labels,
                    members=members,
                    truth=truth[victim],
                    population=of_victim[1][0],
                    of_population=of_shadows[1],
                    population_labels=population.labels,
                )
            )
    return cases
