"""Under a query limit attacks ask about as much as it allows, guess the rest alike, and refuse what is too little."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from telltale.attacks.embedding_membership.rationing import FEWEST, guessed, prices_of, rationed
from telltale.attacks.embedding_membership.signals import Probes
from telltale.attacks.molextract import rationing
from telltale.attacks.molextract.scorers import Scored
from telltale.data.molecules.records import MoleculeRecords
from telltale.defenses.output_noise import OutputNoise
from telltale.defenses.query_limit import QueryLimit, limit_of
from telltale.errors import InputError

POINTS = MoleculeRecords.of([f"{'C' * length}Oc1ccccc1" for length in range(1, 61)], "points")
AUXILIARY = MoleculeRecords.of([f"{'C' * length}N" for length in range(1, 41)], "auxiliary")
PROBES = Probes(POINTS, AUXILIARY, views=3, share=0.8, cuts=2, seed=0)
CANDIDATES: Any = SimpleNamespace(vocabulary=SimpleNamespace(rings=[0] * 3, motifs=[0] * 5))


class Numbered(SimpleNamespace):
    """So many candidates."""

    def __len__(self) -> int:
        return 100


@pytest.mark.parametrize(("signal", "price"), [("norm", 1), ("views", 4), ("part_whole", 5), ("logistic", 8)])
def test_what_is_asked_about_fits_into_the_limit_and_nearly_fills_it(signal: str, price: int) -> None:
    """Catches a limit that is passed after training, and points that could have been asked about."""
    assert prices_of(PROBES, signal).tolist() == [price] * 60
    assert rationed(PROBES, signal, None) is PROBES and rationed(PROBES, signal, 60 * price + 40) is PROBES
    limit = FEWEST * price * 4 // 3 + 10
    part = rationed(PROBES, signal, limit)
    spent = len(part.challenge) * price + len(part.auxiliary)
    assert limit - price < spent <= limit and len(part.challenge) >= FEWEST
    assert part.challenge.smiles.tolist() == POINTS.smiles[: len(part.challenge)].tolist()


def test_a_limit_that_is_too_small_says_what_would_do() -> None:
    """Catches a number in the message that is refused, too."""
    with pytest.raises(InputError, match=r"^defense\.queries=50: \d+ at least") as refused:
        rationed(PROBES, "logistic", 50)
    least = int(refused.value.expected.split()[0])
    assert len(rationed(PROBES, "logistic", least).challenge) >= FEWEST


def test_points_that_nobody_asked_about_rank_in_the_middle() -> None:
    """Catches a guess that favours members or others."""
    scores = guessed(np.array([3.0, 1.0, 2.0]), 5)
    assert scores.tolist() == [3.0, 1.0, 2.0, 2.0, 2.0]


def test_candidates_that_nobody_asked_about_come_last_in_an_order_of_chance() -> None:
    """Catches a candidate that is ranked by its place, and a limit that hides which are asked about."""
    candidates: Any = Numbered(vocabulary=CANDIDATES.vocabulary)
    release: Any = SimpleNamespace(budget=48)
    rows = rationing.rationed(candidates, release, seed=1)
    assert rows is not None and len(rows) == 40 and (np.diff(rows) > 0).all() and rows.tolist() != list(range(40))
    scored = rationing.spread(Scored(np.linspace(-1, 1, 40), np.linspace(0, 1, 40)), rows, 100, seed=1)
    left = np.setdiff1d(np.arange(100), rows)
    assert scored.scores[left].max() < -1 and np.array_equal(scored.scores[rows], np.linspace(-1, 1, 40))
    assert abs(np.corrcoef(scored.scores[left], left)[0, 1]) < 0.35
    assert scored.mixing is not None and scored.mixing.mean() == pytest.approx(0.5)
    assert rationing.rationed(candidates, SimpleNamespace(budget=108), 1) is None  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^defense\.queries=20: 28 at least: 8 rings and motifs, and a list of 20"):
        rationing.require_budget(candidates, 20, 20)


def test_the_queries_that_are_left_are_those_of_the_model_with_the_fewest() -> None:
    """Catches a limit that one victim has spent and another has not."""
    models: Any = [SimpleNamespace(budget=limit, queries=Counter(embeddings=5)) for limit in (None, 30, 12)]
    assert rationing.left_of(models) == 7 and rationing.left_of(models[:1]) == np.inf


def test_the_smallest_limit_holds_and_other_defences_have_none() -> None:
    """Catches a limit that the game does not hear of."""
    assert limit_of([OutputNoise(), QueryLimit(30), QueryLimit(20)]) == 20 and limit_of([OutputNoise()]) is None
