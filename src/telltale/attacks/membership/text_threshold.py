"""Threshold attacks on what a released language model says of a text's own words."""

from __future__ import annotations

from typing import Self

import numpy as np

from telltale.attacks.membership.kept import Judged, Signals
from telltale.attacks.membership.language_model import LOG_PROBS, MOMENTS, meeting
from telltale.attacks.membership.language_signals import (
    lowest_mean,
    mean_log_prob,
    standardised,
    total_zlib_ratio,
    zlib_lengths,
    zlib_ratio,
)
from telltale.attacks.membership.panels import Panels
from telltale.attacks.membership.shadow_attack import ShadowAttack, in_order
from telltale.attacks.membership.thresholds import best_thresholds
from telltale.checks import choice, number, whole_number
from telltale.data.seeds import derive
from telltale.data.texts.records import TextRecords
from telltale.game.world import Knowledge, World
from telltale.owner.release import Release

SIGNALS = ("loss", "zlib", "zlib_total", "min_k", "min_k_plus_plus")


class TextThreshold(ShadowAttack):
    """A text is a member if its signal reaches a threshold fixed on shadows; formulas: `language_signals`.

    signal    loss (mean log p of the tokens) | zlib (over the text's compressed length) | zlib_total (their sum over
              it) | min_k (mean of the lowest) | min_k_plus_plus (the same, each standardised over the vocabulary)
    k         % of the tokens that min_k and min_k_plus_plus look at, those with the lowest values
    """

    access = frozenset({LOG_PROBS})
    accepts = frozenset({"text"})
    per_record = False

    def __init__(self, signal: str = "loss", k: float = 20.0) -> None:
        self.name = choice("attack.signal", signal, SIGNALS)
        self.k = number("attack.k", k, above=0, most=100, expected="above 0, at most 100 % of the tokens")
        if signal == "min_k_plus_plus":
            self.access = frozenset({LOG_PROBS, MOMENTS})

    def against(self, answers: frozenset[str], before: frozenset[str]) -> Self:
        """Meet the language model, be it what is released or not."""
        return meeting(self, answers, before)

    def signal(self, release: Release, knowledge: Knowledge) -> np.ndarray:
        """Return the signal of every text: (points,)."""
        texts = knowledge.challenge
        log_probs = release.text_log_probs(texts)
        if self.name.startswith("zlib"):
            ratio = zlib_ratio if self.name == "zlib" else total_zlib_ratio
            return ratio(log_probs, zlib_lengths(judged_part(texts)))
        if self.name == "min_k_plus_plus":
            log_probs = standardised(log_probs, release.text_moments(texts))
        return mean_log_prob(log_probs) if self.name == "loss" else lowest_mean(log_probs, self.k)

    def alone(self, signal: np.ndarray, knowledge: Knowledge) -> np.ndarray:
        """Return the signal as it is."""
        return signal

    def judge_all(self, signals: Signals, knowledge: Knowledge) -> Judged:
        """Fix each victim's threshold on its shadows; the scores are the signals."""
        return in_order(_with_threshold(panels) for panels in Panels.of(signals, self.least_shadows))


class ReferenceRatio(TextThreshold):
    """Score = mean log p less that of reference models, which never met a text that is judged.

        score = 1/n Σ_t [log p_θ(x_t | x_<t) − mean over references of log p_ref(x_t | x_<t)]

    The ratio of perplexities of Carlini et al. (2021) as a difference of logarithms: how much easier a text is for the
    target than for a model that knows the language alone. The attacker trains the references by the owner's recipe,
    without its defences, on its own auxiliary records. references: how many.
    """

    def __init__(self, references: int = 1) -> None:
        super().__init__("loss")
        self.references = whole_number("attack.references", references)

    def signals(self, world: World) -> Signals:
        """Train the references, and take off every release's answer what they say."""
        expected, asked = self.expected(world.knowledge), super().signals(world)
        of_shadows = {key: signal - expected for key, signal in asked.of_shadows.items()}
        return Signals([signal - expected for signal in asked.victims], of_shadows, asked.shadows)

    def expected(self, knowledge: Knowledge) -> np.ndarray:
        """Return the mean log p of every text by the references: (points,)."""
        recipe = knowledge.recipe
        recipe = (recipe.start if self.before_transfer and recipe.start else recipe).replace(defenses=(), added_code=())
        seeds = [derive(knowledge.seed, "reference", place) for place in range(self.references)]
        names = [f"reference {place}" for place in range(self.references)]
        members = np.ones((self.references, len(knowledge.auxiliary)), bool)
        references = knowledge.owner.train_many(recipe, knowledge.auxiliary, members, seeds, names)
        return np.mean([mean_log_prob(one.text_log_probs(knowledge.challenge)) for one in references], axis=0)


def judged_part(texts: TextRecords) -> list[str]:
    """Return what a model judges of each text: a long one is cut to its context, where its tokenizer is at hand."""
    return texts.texts.tolist() if texts.codec is None else texts.codec.decode(texts.tokens)


def _with_threshold(panels: Panels) -> Judged:
    victims, of_panel = np.stack(panels.targets[: panels.victims]), panels.panel_of[: panels.victims]
    those, of_victim = np.unique(of_panel, return_inverse=True)
    outs = [panels.outs[panel] for panel in those]
    return victims, best_thresholds(np.stack(panels.signals), panels.members, outs)[of_victim]
