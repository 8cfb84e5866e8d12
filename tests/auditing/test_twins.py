"""A model is not compared with itself: its own answers among those of its shadows would tell who was in it."""

from __future__ import annotations

import numpy as np
import pytest

import telltale
from telltale.auditing.judging import Manner, judged
from telltale.auditing.twins import require_no_twin
from telltale.configuration.parsed import attacks_named
from telltale.errors import InputError
from telltale.game.answers import Answers

RNG = np.random.default_rng(0)
POINTS, MODELS = 40, 5


def drawn(gives: str = "probabilities", victims: int | None = 1) -> dict:
    """Answers of models that have nothing in common."""
    answers = RNG.dirichlet([1, 1], (MODELS, POINTS)) if gives == "probabilities" else RNG.normal(size=(MODELS, POINTS))
    membership = np.array([RNG.permutation(POINTS) % 2 for _ in range(MODELS)], bool)
    labels = RNG.integers(0, 2, POINTS) if gives == "probabilities" else RNG.normal(size=POINTS)
    return {"gives": gives, "answers": answers, "membership": membership, "labels": labels, "victims": victims}


@pytest.mark.parametrize("gives", ["probabilities", "values"])
def test_a_model_among_its_shadows_is_refused(gives: str) -> None:
    """Catches the model audited taken for one of its shadows, whose training records are known."""
    answers = drawn(gives)
    require_no_twin(Answers(**answers))
    answers["answers"][3] = answers["answers"][0]
    with pytest.raises(InputError, match=r"scores.answers=scores: models 0 and 3 are one model: they answer alike"):
        judged(Answers(**answers), attacks_named("audit"), Manner(0, 50))
    with pytest.raises(InputError, match=r"target.shadows=c.pt: answers as the model audited does about all 40"):
        require_no_twin(Answers(**answers), [("target.shadows", f"{name}.pt") for name in "abcd"])
    answers["answers"][0] = drawn(gives)["answers"][0]
    answers["answers"][2] = answers["answers"][3]
    require_no_twin(Answers(**answers))  # of its shadows two are one: no attacked one is compared with itself
    with pytest.raises(InputError, match="models 2 and 3"):
        require_no_twin(Answers(**answers | {"victims": None}))


def test_answers_that_are_equal_by_chance_are_let_through() -> None:
    """Catches models that are sure of every class, or say the same of each point, taken for one."""
    answers = drawn()
    answers["answers"] = np.broadcast_to(np.eye(2)[answers["labels"]], answers["answers"].shape)
    require_no_twin(Answers(**answers))
    require_no_twin(Answers(**answers | {"gives": "scores", "answers": np.ones((MODELS, POINTS))}))


def test_code_that_trains_nothing_is_refused() -> None:
    """Catches a training function that loads the model audited, whose shadows would find no leak whatever there is."""
    x, y = RNG.normal(size=(60, 2)), RNG.integers(0, 2, 60)

    def predict(asked: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-asked[:, 0]))

    with pytest.raises(InputError, match=r"target.train=.*model 0: answers as the model audited does"):
        telltale.audit(predict, (x[:30], y[:30]), (x[30:], y[30:]), train=lambda records, seed: predict, shadows=4)
