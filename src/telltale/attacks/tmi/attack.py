"""TMI: was this record in the *pre-training* set of a model that was fine-tuned on something else (PoPETs 2024)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from hashlib import blake2b

import numpy as np
from scipy.special import expit

from telltale.attacks.base import Attack
from telltale.attacks.membership.queries import asked_once, drawn_answers
from telltale.attacks.membership.shadow_attack import ShadowAttack, require_sides
from telltale.attacks.tmi.features import logits, prepared
from telltale.attacks.tmi.metaclassifiers import Trained, train
from telltale.attacks.tmi.presets import settings_of
from telltale.checks import choice
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evidence import MembershipScores
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release

NORMALISATIONS = ("none", "per_victim")
EVEN_ODDS = 0.5


class TMI(ShadowAttack):
    """One small network a victim and point learns "in" from "out" on what shadows answer; score = mean P(in).

    A record's class is none that the release knows: the whole vector of probabilities is read, of several queries. A
    point is called a member at even odds, fixed before any answer. None = as the preset has it.

    preset          released_code | standardised, see `presets`
    normalise       none | per_victim: the authors' scores, from 0 to 1 over each victim's points; the other one stands
                    beside as a rival, from the same networks
    queries         how often each point is asked
    drawn           per_model | once | shifts: how a point is changed for each query, see `drawn_answers`
    features        clipped | standardised
    top_k           see only so many of the largest probabilities
    hidden          units of each network
    dropout         share of them left out in a step
    learning_rate   of Adam
    weight_decay    L2 penalty
    decay           factor on the learning rate every `decay_every` epochs
    decay_every     epochs
    epochs          passes over a point's answers
    batch_size      answers in a step
    """

    least_shadows = 4

    def __init__(
        self,
        preset: str = "released_code",
        normalise: str = "none",
        queries: int | None = None,
        drawn: str | None = None,
        features: str | None = None,
        top_k: int | None = None,
        hidden: int | None = None,
        dropout: float | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        decay: float | None = None,
        decay_every: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.settings = settings_of(
            preset,
            queries=queries,
            drawn=drawn,
            features=features,
            top_k=top_k,
            hidden=hidden,
            dropout=dropout,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            decay=decay,
            decay_every=decay_every,
            epochs=epochs,
            batch_size=batch_size,
        )
        # comes after all judging: both ways are found by one name in the store
        self._normalise = choice("attack.normalise", normalise, NORMALISATIONS)
        self._trained: dict[tuple[str, ...], Trained] = {}

    def check(self, knowledge: Knowledge) -> None:
        """Refuse too few shadows."""
        super().check(knowledge)
        require_sides(self, knowledge, knowledge.fewest)
        classes, kept = knowledge.recipe.objective.get("classes"), self.settings.top_k
        if kept is not None and classes and kept >= classes:
            raise InputError("attack.top_k", kept, f"below {classes}, the classes that are answered; null = all")

    def notes(self, knowledge: Knowledge) -> tuple[str, ...]:
        """Say where points are asked once however many queries are set."""
        return asked_once(knowledge, self.settings.queries)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return φ of every point, query and class: (points, queries, classes)."""
        answers = drawn_answers(release, knowledge, self.settings.queries, self.settings.drawn)
        return logits(answers, self.settings.top_k)

    def judge(
        self, targets: Sequence[np.ndarray], shadows: np.ndarray, rows: np.ndarray, knowledge: Knowledge
    ) -> tuple[np.ndarray, float]:
        """Score by one network a point, trained on the shadows' answers; the decision is at even odds."""
        learned, asked = prepared(np.stack(targets), shadows, self.settings.features)
        networks = self._networks(learned, np.repeat(rows.T, shadows.shape[2], axis=1), knowledge)
        odds = np.stack([networks.log_odds(queries) for queries in asked])
        return expit(odds.astype(np.float64)).mean(2), EVEN_ODDS

    def _networks(self, learned: np.ndarray, members: np.ndarray, knowledge: Knowledge) -> Trained:
        """Train, or find: controls and the other normalisation share networks with the victims."""
        key = tuple(blake2b(np.ascontiguousarray(array).data).hexdigest() for array in (members, learned))
        if key not in self._trained:
            seed, device = derive(knowledge.seed, f"metaclassifiers {key[0]}"), knowledge.recipe.trainer.device_type
            self._trained[key] = train(learned, members, self.settings, seed, device)
        return self._trained[key]

    def run(self, world: World) -> MembershipScores:
        """Score every victim against its own shadows."""
        return normalised(super().run(world), self._normalise)

    def rivals(self) -> Mapping[str, Attack]:
        """Return the same scores, normalised the other way."""
        other = copy(self)  # with the same networks
        other._normalise = "none" if self._normalise == "per_victim" else "per_victim"
        return {"tmi_unnormalised" if other._normalise == "none" else "tmi_normalised": other}


def normalised(evidence: MembershipScores, how: str) -> MembershipScores:
    """Stretch each victim's scores to 0 … 1 ("per_victim"), and its threshold with them; "none" changes nothing."""
    if how == "none":
        return evidence
    low, high = evidence.scores.min(1, keepdims=True), evidence.scores.max(1, keepdims=True)
    width = np.where(high > low, high - low, 1)
    thresholds = (evidence.thresholds(len(low)) - low[:, 0]) / width[:, 0]
    return MembershipScores((evidence.scores - low) / width, thresholds)
