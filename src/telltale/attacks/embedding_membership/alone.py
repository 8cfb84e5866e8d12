"""Membership from embeddings alone: of an encoder that others trained, asked about records and a few changed copies.

Three distances of an embedding, each in units of the coordinates' spread over held-out records (the population), that
the encoder was not trained on:

    norm      to their mean, the norm that `signals` has too
    density   to its nearest among them, k = 5: the k-nearest-neighbour density (Loftsgaarden & Quesenberry 1965)
    views     to the embeddings of the record's own changed copies, by cosine (EncoderMI, Liu et al. 2021): what was
              trained to embed copies alike does so best for the records it was trained on

`expected` is the norm less what the record alone lets expect, learned on the population (Bertran et al. 2023; see
`quantile_regression`). Without shadow encoders nobody knows on which side members lie: each distance is read both ways.
A probe reads the class, or the value, off the embeddings by a linear model that is fitted to the population: an encoder
that has learned its training records by heart lays their classes farther apart than those of others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from telltale.attacks.base import Attack
from telltale.attacks.embedding_membership.calibration import judge
from telltale.attacks.embedding_membership.signals import norm_signals, view_signals
from telltale.attacks.membership.by_record import LEAST_POPULATION, ByRecord
from telltale.attacks.membership.quantile_regression import LEAST, known_of, standardised
from telltale.attacks.membership.signals import negative_loss
from telltale.checks import choice, number
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release

SIGNALS = ("norm", "density", "views", "expected")
SIDES = ("far", "near")
NEIGHBOURS = 5
EMBEDDINGS = frozenset({"embeddings"})
LEAST_MODELS = 4  # the victim, possibly its complement, a shadow that plays the victim, and one that calibrates that


class EmbeddingAlone(ByRecord):
    """One distance of each embedding. See the module.

    signal   norm | density | views | expected
    members  far | near: on which side they are looked for
    """

    needs_population = True

    def __init__(self, signal: str = "norm", members: str = "far") -> None:
        super().__init__()
        self.signal = choice("attack.signal", signal, SIGNALS)
        self.members = choice("attack.members", members, SIDES)
        self.access, self.uses_true_labels = EMBEDDINGS, False

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, too few held-out records, and what was asked neither about copies nor known itself."""
        super().check(knowledge)
        if self.signal == "views" and copies_of(knowledge.challenge) == 0:
            raise InputError(
                "target", "embeddings", "changed copies are asked about of pictures and of molecules alone"
            )
        if self.signal == "expected":
            if any(known_of(records) is None for records in (knowledge.population, knowledge.challenge)):
                raise InputError(
                    "scores.features", "null", "what a record lets expect is learned from the record itself"
                )
            if (held := len(knowledge.population)) < LEAST:
                raise InputError("target.population", held, f"what to expect is learned from {LEAST} records at least")

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the distance of each point, or minus it."""
        distance = self._distance(release, knowledge)
        return distance if self.members == "far" else -distance

    def _distance(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        points, held = (release.embeddings(part) for part in (knowledge.challenge, knowledge.population))
        if self.signal == "density":
            return distance_to_nearest(points, held)
        if self.signal == "views":
            return -view_signals_of(release, knowledge, points, held)[:, 0]
        norm = norm_signals(points, held)[:, 1]
        if self.signal == "norm":
            return norm
        inputs, inputs_held = known_of(knowledge.challenge), known_of(knowledge.population)
        assert inputs is not None and inputs_held is not None
        seed = derive(knowledge.seed, "expected norm") % 2**32
        return standardised(norm, inputs, norm_signals(held, held)[:, 1], inputs_held, seed)


class EmbeddingProbe(ByRecord):
    """How surely a linear probe, fitted to the population, reads a record's own class or value off its embedding.

    ridge: penalty, in units of the coordinates' spread. The score is log p of the class, or minus the absolute error.
    """

    needs_population = True

    def __init__(self, ridge: float = 1.0) -> None:
        super().__init__()
        self.ridge = number("attack.ridge", ridge, above=0)
        self.access = EMBEDDINGS

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, points without labels, and a population of one class."""
        super().check(knowledge)
        labels = knowledge.population.labels
        if labels is None or len(np.unique(labels)) < 2:
            raise InputError("target.population", len(knowledge.population), "a probe learns from two classes at least")

    def judge(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Fit the probe and return how well it does on each point."""
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.preprocessing import StandardScaler

        points, held = (release.embeddings(part) for part in (knowledge.challenge, knowledge.population))
        scaler = StandardScaler().fit(held)
        labels, truth = knowledge.population.labels, knowledge.challenge.labels
        if labels.dtype.kind == "f":
            probe = Ridge(alpha=self.ridge * held.shape[1]).fit(scaler.transform(held), labels)
            return -np.abs(probe.predict(scaler.transform(points)) - truth)
        fitted = LogisticRegression(C=1 / self.ridge, max_iter=1000).fit(scaler.transform(held), labels)
        said = fitted.predict_proba(scaler.transform(points))
        probabilities = np.zeros((len(points), max(int(truth.max()), int(labels.max())) + 1))
        probabilities[:, fitted.classes_] = said
        return negative_loss(probabilities, truth)


class EmbeddingShadows(Attack):
    """All distances together, weighed by logistic regression on shadow encoders and less their mean over these.

    ridge: penalty. As `attack=embedding_membership` does it (`calibration`), for encoders that exist.
    """

    access = EMBEDDINGS
    accepts = frozenset({"images", "table", "molecules"})

    def __init__(self, ridge: float = 1.0) -> None:
        self.ridge = number("attack.ridge", ridge, above=0)

    def check(self, knowledge: Knowledge) -> None:
        """Refuse, by InputError, too few shadow encoders and too few held-out records."""
        if knowledge.models < LEAST_MODELS:
            expected = f"{LEAST_MODELS - 1} shadow encoders at least, to compare with encoders trained alike"
            raise InputError("target.shadow_models", knowledge.models - 1, expected)
        if (held := len(knowledge.population)) < LEAST_POPULATION:
            raise InputError(
                "target.population", held, f"distances are from {LEAST_POPULATION} held-out records at least"
            )

    def run(self, world: World) -> MembershipScores:
        """Score every victim's points by what holds for its shadows."""
        judged, alone = [], []
        for victim, release in enumerate(world.releases):
            shadows, members = world.shadows(victim)
            measured = np.stack([measures(shadow, world.knowledge) for shadow in shadows])
            own = measures(release, world.knowledge)
            judged.append(judge(own, measured, members, calibrated=True, ridge=self.ridge))
            alone.append(own[:, 0])
        thresholds = np.array([one.threshold for one in judged])
        return MembershipScores(np.stack([one.scores for one in judged]), thresholds, alone=np.stack(alone))


def measures(release: Release, knowledge: Knowledge) -> np.ndarray:
    """Return all distances of each point, and kin: (points, measures)."""
    points, held = (release.embeddings(part) for part in (knowledge.challenge, knowledge.population))
    columns = [norm_signals(points, held), distance_to_nearest(points, held)[:, None]]
    if copies_of(knowledge.challenge):
        columns.append(view_signals_of(release, knowledge, points, held))
    return np.concatenate(columns, 1)


def copies_of(points: Any) -> int:
    """Count the changed copies of each point that encoders were asked about."""
    return int(getattr(points, "queries", 1)) - 1


def view_signals_of(release: Release, knowledge: Knowledge, points: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return `view_signals` of each point; one whose copies are all embedded as itself is gets the medians."""
    _, *copies = knowledge.challenge.each_query()
    views = np.stack([release.embeddings(copy) for copy in copies], 1)
    signals = view_signals(points, views, held)
    same = (views == points[:, None]).all((1, 2))
    if same.any() and not same.all():
        signals[same] = np.median(signals[~same], 0)
    return signals


def distance_to_nearest(points: np.ndarray, held: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Return the mean logarithm of the distances to the nearest held-out embeddings, in their units: (points,)."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    spread = held.std(0)
    spread = np.where(spread > 0, spread, 1)
    with threadpool_limits(1):
        search = NearestNeighbors(n_neighbors=min(neighbours, len(held)), algorithm="brute").fit(held / spread)
        distances = search.kneighbors(points / spread)[0]
    return np.asarray(np.log(np.maximum(distances, np.finfo(float).tiny)).mean(1))
