"""Molextract calibrated by shadow encoders: it finds what an encoder remembers more surely, and nothing in one that
does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from telltale.attacks.molextract.attack import Molextract
from telltale.attacks.molextract.candidates import Candidates
from telltale.attacks.molextract.rationing import rationed
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.seeds import derive
from telltale.errors import InputError
from telltale.evaluation.matching import parts_of
from telltale.evaluation.memory_gain import novel_discordant
from telltale.evaluation.statistics import Estimate, Resampling, groups_of
from telltale.evidence import ExtractedMolecules
from telltale.game.world import World
from telltale.owner.owner import Owner
from telltale.store.store import Store
from tests.attacks.remembering import game_of

VICTIMS, WIDTH, SIZES = 6, 64, {"rings": 4, "motifs": 12}


def attack(scorer: str = "calibrated", **options: Any) -> Molextract:
    lists: dict[str, Any] = {"k": [10], "k_within_ring": [5], "largest_motif": 8, "cuts": 0}
    return Molextract(scorer, **{**lists, **SIZES, "calibrates": "fixed", **options})


class Encoder:
    """Embeds a candidate as the mix of its parts, off by what chemistry and this encoder make of it.

    What the encoder has seen in a training molecule is off by less: a share `memory` of it goes.
    """

    def __init__(self, candidates: Candidates, seen: np.ndarray, seed: int, memory: float) -> None:
        own, common = np.random.default_rng([seed, 1]), np.random.default_rng(0)
        rings, motifs = (common.normal(size=(n, WIDTH)) for n in SIZES.values())
        of_ring, of_motif = (size[:, None] for size in candidates.sizes)
        mix = of_ring * rings[candidates.ring] + of_motif * motifs[candidates.motif]
        hard = common.exponential(size=(len(candidates), 1)) + 0.2
        off = hard * (1 - memory * seen[:, None]) * own.normal(size=mix.shape) / WIDTH**0.5
        whole = mix / np.linalg.norm(mix, axis=1, keepdims=True) + off
        self.known = dict(zip(candidates.smiles, whole, strict=True))
        self.known |= dict(zip(candidates.ring_molecules.smiles, rings, strict=True))
        self.known |= dict(zip(candidates.motif_molecules.smiles, motifs, strict=True))
        self.key, self.queries, self.budget = str(seed), Counter[str](), None

    def embeddings(self, records: MoleculeRecords) -> np.ndarray:
        self.queries["embeddings"] += len(records)
        return np.stack([self.known[smiles] for smiles in records.smiles]).astype(np.float32)


class Play(NamedTuple):
    """A world of encoders, and which candidates are part of their members, and of their other molecules."""

    world: World
    inside: np.ndarray
    outside: np.ndarray
    groups: np.ndarray

    def discordant(self, evidence: ExtractedMolecules) -> Estimate:
        templates = len(np.unique(evidence.templates))
        plan = Resampling.crossed(VICTIMS, templates, 200, seed=0, groups=self.groups)
        return novel_discordant(evidence, self.inside, self.outside, plan)


Playing = Callable[..., Play]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Playing:
    """Return what draws members and makes encoders of them, on the molecules of one game."""
    knowledge = game_of(tmp_path_factory.mktemp("game")).knowledge
    challenge, candidates = knowledge.challenge, attack().candidates(knowledge)
    parts = parts_of(candidates.smiles, [challenge.smiles[[row]] for row in range(len(challenge))])

    def played(memory: float, seed: int = 0) -> Play:
        halves = np.random.default_rng(seed).permuted(
            np.tile(np.arange(len(challenge)) % 2 == 0, (VICTIMS // 2, 1)), axis=1
        )
        members = np.stack([half for row in halves for half in (row, ~row)])
        inside, outside = (np.stack([parts[row].any(0) for row in side]) for side in (members, ~members))
        models: list[Any] = [Encoder(candidates, seen, 100 * seed + model, memory) for model, seen in enumerate(inside)]
        others = [[other for other in range(VICTIMS) if other // 2 != victim // 2] for victim in range(VICTIMS)]
        shadows = tuple((tuple(models[other] for other in those), members[those]) for those in others)
        return Play(World(tuple(models), knowledge, shadows), inside, outside, groups_of(members))

    return played


def test_an_encoder_that_remembers_is_found_more_surely_than_by_the_plain_score(play: Playing) -> None:
    """Catches shadows of another victim, another order of candidates, and a mean that is added."""
    made = play(memory=0.3)
    plain, calibrated = (made.discordant(attack(scorer).run(made.world)) for scorer in ("fixed", "calibrated"))
    assert calibrated.value > plain.value + 0.1
    assert calibrated.value > 0.7 and calibrated.low > 0.5


def test_encoders_without_memory_give_one_half_from_both_sides(play: Playing) -> None:
    """Catches shadows whose members tell the victim's: of ten 95 % intervals eight at least hold one half."""
    made = [play(memory=0.0, seed=seed) for seed in range(10)]
    found = [one.discordant(attack().run(one.world)) for one in made]
    assert sum(estimate.low <= 0.5 <= estimate.high for estimate in found) >= 8
    assert min(estimate.value for estimate in found) < 0.5 < max(estimate.value for estimate in found)


def test_the_victim_pays_for_its_own_answers_and_keeps_its_lists(play: Playing) -> None:
    """Catches a victim that answers for free because it is a shadow elsewhere, and evidence that lost its parts."""
    world = play(memory=0.3).world
    evidence = attack().run(world)
    assert evidence.scores.shape == (VICTIMS, len(evidence.smiles))
    assert evidence.k == (10,) and evidence.k_within_ring == (5,)
    once = len(evidence.smiles) + sum(SIZES.values())
    assert [release.queries["embeddings"] for release in world.releases] == [2 * once] * VICTIMS  # once as a shadow


def test_under_a_query_limit_what_was_not_asked_about_comes_last(play: Playing) -> None:
    """Catches candidates that nobody asked about ahead of others, as free shadows think less of them."""
    world, parts = play(memory=0.3).world, sum(SIZES.values())
    candidates, seed = attack().candidates(world.knowledge), derive(world.knowledge.seed, "calibrated scorer")
    for release in world.releases:
        release.budget = parts + 40
    for release, scores in zip(world.releases, attack().run(world).scores, strict=True):
        rows = rationed(candidates, release, seed)
        assert rows is not None and set(np.argsort(scores)[-40:]) == set(rows)


def test_what_is_calibrated_is_a_rival_and_the_scorer_is_none_of_itself() -> None:
    """Catches a comparison with the plain score that nobody asked for and everybody wants."""
    assert set(attack(rivals=["random"]).rivals()) == {"fixed", "random"}
    assert set(attack("paper", rivals=["random", "paper"]).rivals()) == {"random"}


@pytest.mark.parametrize("victims", [1, 3])
def test_without_shadow_encoders_it_is_refused_in_one_line(victims: int, tmp_path: Path) -> None:
    """Catches a calibration by nobody, found out after everything is trained."""
    game = game_of(tmp_path, victims=victims)
    knowledge = replace(game.knowledge, owner=Owner(Store(tmp_path)))
    with pytest.raises(InputError, match=rf"^victims={victims}: attack\.scorer=calibrated needs at least 2 shadow"):
        attack().check(knowledge)
    attack("fixed").check(knowledge)


def test_a_scorer_that_there_is_not_is_refused() -> None:
    """Catches a calibration of itself."""
    with pytest.raises(InputError, match=r"^attack\.calibrates=calibrated: one of paper, released_code, fixed"):
        attack(calibrates="calibrated")
