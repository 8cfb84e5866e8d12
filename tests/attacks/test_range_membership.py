"""Range membership: what is sampled lies in its range, one member of many is found, nothing where nothing is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from scipy.integrate import quad
from scipy.stats import norm

from telltale.attacks.membership.lira import LiRA
from telltale.attacks.membership.thresholds import areas
from telltale.attacks.range_membership.aggregation import EVERYTHING, Trim
from telltale.attacks.range_membership.attack import RIVALS, MoleculeRanges, RangeMembership, RecordRanges
from telltale.attacks.range_membership.judges import Asked, by_shadows
from telltale.attacks.range_membership.ranges import Ranges, packed
from telltale.configuration.contest import contestants
from telltale.data.images.records import ImageRecords
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.tables.records import Column, TableRecords
from telltale.errors import InputError
from telltale.evaluation.membership import score_membership, score_with_roc
from telltale.evaluation.ranges import of_ranges
from telltale.evaluation.score import evaluate
from telltale.evaluation.statistics import Resampling, groups_of
from telltale.evidence import MembershipScores, RangeScores, held_by
from telltale.game.world import Knowledge, World
from telltale.truth import Truth
from tests.attacks.closed_form_worlds import gaussian_game
from tests.attacks.remembering import game_of
from tests.experiment.commands import command, read

VICTIMS, SAMPLES = 6, 6
LARGEST = Trim(1 - 1 / SAMPLES)
LAID: dict[tuple[str, int], Ranges] = {}


def attack(kind: str = "contains", **options: Any) -> RangeMembership:
    sizes = {"rings": 6, "motifs": 20, "largest_motif": 8, "samples": SAMPLES, "similarity": 0.3}
    made = MoleculeRanges(kind, **{**sizes, **options})
    if kind == "contains":  # laid once for all that judge them
        made._laid = LAID
    return made


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """120 molecules to ask about, 60 of the attacker's own."""
    return game_of(tmp_path_factory.mktemp("game")).knowledge


@pytest.fixture(scope="module")
def contains(knowledge: Knowledge) -> Ranges:
    """Ranges of what contains a fragment."""
    return attack().ranges(knowledge)


# what is sampled


def of_range(laid: Ranges, samples: Any = None) -> list[list[str]]:
    return (laid.samples if samples is None else samples).smiles.reshape(-1, laid.number).tolist()  # type: ignore[attr-defined]


def test_what_contains_a_fragment_is_found_and_sampled(contains: Ranges, knowledge: Knowledge) -> None:
    """Catches samples outside their range, points counted into another one, and a range known that is not."""
    molecules, own = (
        [Chem.MolFromSmiles(s) for s in part.smiles] for part in (knowledge.challenge, knowledge.auxiliary)
    )
    assert len(contains.names) > 10
    for place, (name, samples) in enumerate(zip(contains.names, of_range(contains), strict=True)):
        fragment = Chem.MolFromSmiles(name)
        assert all(Chem.MolFromSmiles(text).HasSubstructMatch(fragment) for text in samples)
        assert [m.HasSubstructMatch(fragment) for m in molecules] == contains.inside[place].tolist()
        assert contains.known is not None
        assert contains.known[place] == sum(m.HasSubstructMatch(fragment) for m in own)
    assert len({text for row in of_range(contains) for text in row}) > 4 * len(contains.names)


def test_what_is_similar_is_within_the_distance_and_is_no_copy_of_the_centre(knowledge: Knowledge) -> None:
    """Catches variants that are not measured, and a centre that is its own sample."""
    laid = attack("similar").ranges(knowledge)
    ecfp4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    assert len(laid.names) > 2
    for centre, samples, points in zip(laid.centres.smiles, of_range(laid), laid.inside, strict=True):  # type: ignore[attr-defined]
        print_, *others = (ecfp4.GetFingerprint(Chem.MolFromSmiles(text)) for text in [centre, *samples])
        assert min(DataStructs.BulkTanimotoSimilarity(print_, others)) >= 0.3
        inside = [ecfp4.GetFingerprint(Chem.MolFromSmiles(s)) for s in knowledge.challenge.smiles]
        assert (np.array(DataStructs.BulkTanimotoSimilarity(print_, inside)) >= 0.3).tolist() == points.tolist()


def test_the_yardstick_has_the_records_of_the_range_among_its_samples(contains: Ranges, knowledge: Knowledge) -> None:
    """Catches a ceiling that is told members only: records inside are there whether trained on or not."""
    for samples, points in zip(of_range(contains, contains.including()), contains.inside, strict=True):
        assert set(knowledge.challenge.smiles[points]) <= set(samples)


def pictures(number: int) -> ImageRecords:
    pixels = np.random.default_rng(0).random((number, 1, 20, 20)).astype(np.float32)
    return ImageRecords(pixels, np.arange(number) % 2, "noise", ("a", "b"))


def table(number: int) -> TableRecords:
    features = np.random.default_rng(0).integers(0, 2, (number, 8)).astype(np.float32)
    columns = tuple(Column(f"c{place}", "numeric", place, place + 1) for place in range(8))
    return TableRecords(features, np.arange(number) % 2, "coins", ("a", "b"), columns)


def test_a_picture_is_shown_changed_and_sampled_from_the_change(knowledge: Knowledge) -> None:
    """Catches an attacker that is shown the very picture, or samples that lost their order or class."""
    challenge = pictures(9)
    laid = RecordRanges("transformed", ranges=5, samples=SAMPLES).ranges(replace(knowledge, challenge=challenge))
    points = laid.inside.argmax(1)
    assert laid.inside.sum() == 5 and len(laid.samples) == 5 * SAMPLES
    assert laid.samples.labels.tolist() == np.repeat(challenge.labels[points], SAMPLES).tolist()  # type: ignore[attr-defined]
    shown = laid.centres.pixels.reshape(5, -1)  # type: ignore[attr-defined]
    likeness = np.corrcoef(shown, challenge.pixels[points].reshape(5, -1))[:5, 5:]
    assert not (shown == challenge.pixels[points].reshape(5, -1)).all(1).any()
    assert np.isfinite(likeness).all()
    assert np.array_equal(laid.including().pixels[::SAMPLES], challenge.pixels[points])  # type: ignore[attr-defined]


def test_a_row_keeps_what_is_known_and_its_gap_is_filled(knowledge: Knowledge) -> None:
    """Catches known values that change, and rows that agree but are not counted into the range."""
    challenge = table(40)
    mine = replace(knowledge, challenge=challenge, population=table(60), auxiliary=table(10))
    laid = RecordRanges("missing", missing=0.25, samples=SAMPLES).ranges(mine)
    filled = laid.samples.features.reshape(-1, SAMPLES, 8)  # type: ignore[attr-defined]
    for name, rows, points in zip(laid.names, filled, laid.inside, strict=True):
        row = challenge.features[int(name.split()[1])]
        known = (rows == row).all(0)
        assert known.sum() >= 6
        agree = (challenge.features[:, known] == row[known]).all(1)
        assert (points <= agree).all() and points.any()


def test_no_point_lies_in_two_ranges_and_common_ranges_are_left_out() -> None:
    """Catches ranges that hang together: each is to be a coin of its own."""
    inside = np.random.default_rng(0).random((300, 50)) < 0.04
    chosen = packed(inside, 3, 1000, 0)
    assert inside[chosen].sum(0).max() == 1
    assert set(inside[chosen].sum(1)) == {1, 2, 3}
    assert len(packed(inside, 3, 5, 0)) == 5 and np.array_equal(chosen, packed(inside, 3, 1000, 0))


# how scores are aggregated


@pytest.mark.parametrize(
    ("trim", "expected"),
    [
        (EVERYTHING, 2.5),
        (Trim(0.5), 3.5),
        (Trim(0.75), 4.0),
        (Trim(0.99), 4.0),
        (Trim(0.0, 0.5), 1.5),
        (Trim(0.4, 0.6), 2.5),
    ],
)
def test_the_trimmed_mean_is_of_what_lies_between_both_quantiles(trim: Trim, expected: float) -> None:
    """Catches the lower part kept in place of the upper, and an empty mean."""
    assert trim.mean(np.array([[2.0, 4, 1, 3], [1, 2, 3, 4]])).tolist() == [expected, expected]


def law_of_mean(shift: float) -> float:
    """AUC of the mean of n scores N(0, 1), of which one is N(δ, 1) in ranges with a member: Φ(δ / √(2 n))."""
    return float(norm.cdf(shift / np.sqrt(2 * SAMPLES)))


def law_of_largest(shift: float) -> float:
    """AUC of the largest: P(max with > max without) = 1 - ∫ Φ(x - δ) Φ(x)^(n-1) d Φ(x)^n."""
    density = lambda x: norm.cdf(x - shift) * norm.cdf(x) ** (2 * SAMPLES - 2) * SAMPLES * norm.pdf(x)  # noqa: E731
    return 1 - quad(density, -9, 9)[0]


def test_one_member_of_many_is_found_by_the_largest_score_as_the_law_has_it() -> None:
    """Catches a trimmed mean that is none: both ends of it are held to their closed forms, and the largest wins."""
    rng, shift, number = np.random.default_rng(0), 3.0, 4000
    scores = rng.normal(size=(2, number, SAMPLES))
    scores[0, :, 2] += shift
    truth = np.repeat([[True, False]], number, 1).reshape(1, -1)
    found = {
        trim: areas(trim.mean(scores).reshape(1, -1), np.sort(truth)[:, ::-1])[0] for trim in (EVERYTHING, LARGEST)
    }
    error = 4 * 0.5 / np.sqrt(number)
    assert abs(found[EVERYTHING] - law_of_mean(shift)) < error
    assert abs(found[LARGEST] - law_of_largest(shift)) < error
    assert law_of_largest(shift) > law_of_mean(shift) + 0.1


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, np.ndarray]:
    """The world of a released mean, whose best attack is known, and who is in which model."""
    game = gaussian_game(tmp_path_factory.mktemp("gaussian"), 24, dimensions=600)
    return game.world(LiRA().access), game.unseal().membership


def among_strangers(world: World, number: int, trim: Trim) -> Asked:
    """Ask about each challenge point among records that nobody was trained on."""
    knowledge = world.knowledge
    points, rng = len(knowledge.challenge), np.random.default_rng(0)
    strangers = knowledge.population.take(rng.integers(len(knowledge.population), size=points * number))
    features, labels = strangers.features.copy(), strangers.labels.copy()
    features[::number], labels[::number] = knowledge.challenge.features, knowledge.challenge.labels
    return Asked(replace(strangers, features=features, labels=labels), number, trim, np.eye(points, dtype=bool))


def test_a_range_of_one_record_is_that_record(gaussian: tuple[World, np.ndarray]) -> None:
    """Catches members told to the wrong sample: a range that is a point is judged as the point attack judges it."""
    world, _ = gaussian
    base = LiRA(variance="pooled")
    ranges, points = by_shadows(base, world, among_strangers(world, 1, EVERYTHING)), base.run(world)
    np.testing.assert_allclose(ranges.scores, points.scores, rtol=1e-6, atol=1e-9)


def test_in_the_known_world_the_highest_scores_find_one_member_among_strangers(
    gaussian: tuple[World, np.ndarray],
) -> None:
    """Catches an aggregation that drowns the member, and one that beats the point attack itself.

    Offline, strangers score as non-members do: N(0, 1), the member N(δ, 1). Online the mean is no worse: a log-ratio
    weighs what it knows nothing of by nothing.
    """
    world, members = gaussian
    base = LiRA(online=False, variance="pooled")

    def area(scores: np.ndarray) -> float:
        return float(areas(scores.reshape(1, -1), members.reshape(1, -1))[0])

    alone = area(base.run(world).scores)
    mean, largest = (
        area(by_shadows(base, world, among_strangers(world, SAMPLES, t)).scores) for t in (EVERYTHING, LARGEST)
    )
    assert alone > 0.9 and alone > largest > mean + 0.01
    assert mean > 0.6


# what is found


PLACES: dict[str, int] = {}  # of all molecules that any encoder was asked about
COMMON = np.random.default_rng(0).normal(size=(20_000, 8))


class Encoder:
    """Embeds at random, each record as every encoder does, but for a part; what it knows gets a step outwards.

    told: of each range that it has a member of, so many samples are known.
    """

    def __init__(self, laid: Ranges, held: np.ndarray, seed: int, told: int, known: Any = ()) -> None:
        rows = laid.samples.smiles.reshape(-1, laid.number)[held, :told]  # type: ignore[attr-defined]
        self.known = {*rows.ravel().tolist(), *known}
        self.key, self.queries = str(seed), Counter[str]()
        self.own = np.random.default_rng([seed, 1]).normal(size=(20_000, 8))

    def embeddings(self, records: MoleculeRecords) -> np.ndarray:
        self.queries["embeddings"] += len(records)
        rows = [PLACES.setdefault(text, len(PLACES)) for text in records.smiles]
        step = np.array([3.0 if text in self.known else 1.0 for text in records.smiles])
        return (COMMON[rows] + 0.3 * self.own[rows]) * step[:, None]


class Play(NamedTuple):
    """A world of encoders, and who is in which of them."""

    world: World
    members: np.ndarray

    def scored(self, found: RangeScores) -> dict[str, Any]:
        evidence, truth = {"target": found}, Truth(self.members, (), None)  # type: ignore[arg-type]
        return dict(evaluate(evidence, truth, (), 100, 0).metrics["target"])


Playing = Callable[..., Play]


@pytest.fixture(scope="module")
def play(knowledge: Knowledge, contains: Ranges) -> Playing:
    """Return what draws members, in complementary pairs, and makes encoders that know of them what is `told`."""
    points = len(knowledge.challenge)

    def played(told: int = 0, seed: int = 0, by_heart: bool = False) -> Play:
        rng = np.random.default_rng(seed)
        halves = rng.permuted(np.tile(np.arange(points) % 2 == 0, (VICTIMS // 2, 1)), axis=1)
        members = np.stack([half for row in halves for half in (row, ~row)])
        held = held_by(members, contains.inside)
        models: list[Any] = [
            Encoder(contains, of, 100 * seed + k, told, knowledge.challenge.smiles[row] if by_heart else ())
            for k, (of, row) in enumerate(zip(held, members, strict=True))
        ]
        others = [[other for other in range(VICTIMS) if other // 2 != victim // 2] for victim in range(VICTIMS)]
        shadows = tuple((tuple(models[other] for other in those), members[those]) for those in others)
        return Play(World(tuple(models), knowledge, shadows), members)

    return played


@pytest.mark.parametrize("told", [1, SAMPLES])
def test_what_an_encoder_knows_of_a_range_is_found(told: int, play: Playing) -> None:
    """Catches a direction that was learned the wrong way, and scores or samples in another order."""
    made = play(told=told, by_heart=True)
    for trim in (Trim(0.5), EVERYTHING, LARGEST):
        found = made.scored(attack(keep_from=trim.keep_from).run(made.world))
        assert found["auc"].value > 0.85 and found["balanced_accuracy"].value > 0.75


def test_the_yardstick_finds_what_an_encoder_knows_by_heart_and_the_attack_does_not(play: Playing) -> None:
    """Catches a ceiling that is no contest, and an attack that is given the records."""
    made = play(by_heart=True)
    rivals = attack(rivals=RIVALS).rivals()
    found = {name: made.scored(rivals[name].run(made.world))["auc"] for name in RIVALS}
    assert found["ceiling"].value > 0.95 and found["ceiling"].value > found["including"].value > 0.8
    assert all(found[name].value < 0.65 for name in ("largest", "centre"))
    assert contestants(attack(), rivals) == ("target", "mean", "largest", "centre")


def test_encoders_that_know_nothing_of_their_ranges_give_one_half_from_both_sides(play: Playing) -> None:
    """Catches chemistry taken for memory: of ten 95 % intervals eight at least hold one half."""
    games = [play(seed=seed) for seed in range(10)]
    found = [made.scored(attack().run(made.world))["auc"] for made in games]
    assert sum(one.low <= 0.5 <= one.high for one in found) >= 8
    assert min(one.value for one in found) < 0.5 < max(one.value for one in found)


def test_the_blind_guess_knows_nothing_of_discordant_ranges(play: Playing, knowledge: Knowledge) -> None:
    """Catches ranges whose frequency tells on which side they are: a common fragment is no hit here."""
    guess = attack().blind(knowledge)
    assert guess is not None and guess.scores.max() > guess.scores.min()
    assert play().scored(guess)["auc"].value == pytest.approx(0.5)


def test_a_victims_own_members_change_none_of_its_scores(play: Playing) -> None:
    """Catches an attack that looks at the row of the model it judges."""
    world, _ = play(told=2, by_heart=True)
    before = attack().run(world)
    tables = [world.shadows(victim)[1] for victim in range(VICTIMS)]
    swapped = world.with_members([tables[0], *(~table for table in tables[1:])])
    after = attack().run(swapped)
    np.testing.assert_array_equal(before.scores[0], after.scores[0])
    assert before.thresholds(VICTIMS)[0] == after.thresholds(VICTIMS)[0]
    assert not np.array_equal(before.scores[1:], after.scores[1:])


# what is judged


def test_ranges_that_a_model_has_in_part_are_not_counted() -> None:
    """Catches a range that is a hit and a miss: only what is found on one side alone is asked about."""
    members = np.array([[True, True, False, False], [False, False, True, True]])
    inside = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool)
    truth = of_ranges(Truth(members, (), None), inside)  # type: ignore[arg-type]
    assert truth.membership.tolist() == [[True, True, False], [False, True, True]]
    assert truth.counted is not None and truth.counted.tolist() == [[True, False, True]] * 2
    assert groups_of(truth.membership, truth.counted).tolist() == [0, 0]


@pytest.mark.parametrize("victims", [1, 4])
def test_what_is_not_counted_plays_no_part(victims: int) -> None:
    """Catches a score, threshold or rate that sees cells which are left out; for one victim they are not there."""
    rng = np.random.default_rng(0)
    members, counted = rng.random((2, victims, 300)) < 0.5
    scores = rng.normal(members, 1.0)
    plan = Resampling.crossed(victims, 300, 60, seed=0)
    found, roc = score_with_roc(MembershipScores(scores, 0.5), members, plan, counted)
    otherwise = np.where(counted, scores, 99.0)
    again, curve = score_with_roc(MembershipScores(otherwise, 0.5), members ^ ~counted, plan, counted)
    for name, estimate in found.items():
        assert estimate.value == again[name].value and estimate.low == pytest.approx(again[name].low), name
        assert estimate.n == counted.sum()
    np.testing.assert_allclose(roc.value, curve.value)
    if victims == 1:
        alone = Resampling.over(int(counted.sum()), 60, seed=0)
        whole = score_membership(MembershipScores(scores[counted][None], 0.5), members[counted][None], alone)
        assert {n: e.value for n, e in whole.items()} == pytest.approx({n: e.value for n, e in found.items()})


# what is refused


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "contain"}, "attack.kind"),
        ({"signal": "norms"}, "attack.signal"),
        ({"keep_from": 1.0}, "attack.keep_from"),
        ({"keep_from": 0.6, "keep_to": 0.5}, "attack.keep_from"),
        ({"keep_to": 0.0}, "attack.keep_to"),
        ({"samples": 0}, "attack.samples"),
        ({"most_inside": 0}, "attack.most_inside"),
        ({"similarity": 1.5}, "attack.similarity"),
        ({"rivals": ["mean", "median"]}, "attack.rivals"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], field: str) -> None:
    """Catches an option that fails after hours of training."""
    with pytest.raises(InputError) as refused:
        MoleculeRanges(**options)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("options", "field"),
    [({"kind": "contains"}, "attack.kind"), ({"base": "loss"}, "attack.base"), ({"missing": 1.0}, "attack.missing")],
)
def test_options_of_other_records_out_of_range_are_refused(options: dict[str, Any], field: str) -> None:
    """Catches a molecule's range for pictures, and rows of which nothing is known."""
    with pytest.raises(InputError) as refused:
        RecordRanges(**options)
    assert refused.value.field == field


def test_too_few_encoders_unequal_halves_and_ranges_without_a_point_are_refused(
    knowledge: Knowledge, tmp_path: Path
) -> None:
    """Catches calibration by nobody, ranges that are seldom in a model, and a verdict about nothing."""
    with pytest.raises(InputError, match=r"^victims=3: range_membership needs at least 2 shadow encoders"):
        attack().check(replace(knowledge, victims=3))
    with pytest.raises(InputError, match=r"^attack\.kind=similar: fewer than two ranges hold one to 3 of 120"):
        attack("similar", similarity=1.0).check(knowledge)
    with pytest.raises(InputError, match=r"^pools\.non_members=another number than pools\.members: "):
        attack().check(game_of(tmp_path, members=40).knowledge)
    attack().check(replace(knowledge, victims=5, fewest=(1, 1)))
    with pytest.raises(InputError, match=r"^defense\.queries=9: at least [\d,]+, for the samples"):
        attack().check(replace(knowledge, query_budget=9))
    (note,) = attack().notes(knowledge)
    assert "ranges hold" in note and "of 120 challenge points, none in two" in note


def test_the_command_asks_about_pictures_with_its_controls_and_rivals(tmp_path: Path) -> None:
    """Catches a configuration or evidence that the rest of the project cannot take."""
    ended = command(
        *("attack=range_membership_images", "dataset=digits", "scale=smoke", "logger=none", "trainer=cpu"),
        *("objective.epochs=2", "pools.members=40", "pools.population=50", "pools.auxiliary=10", "pools.test=10"),
        *("evaluation.replicates=50", f"hydra.run.dir={tmp_path}/run", f"paths.store={tmp_path}/store"),
    )
    assert ended.code == 0, ended.err
    document = read(tmp_path / "run" / "metrics.json")
    assert {"auc", "balanced_accuracy"} <= set(document["metrics"])
    assert set(document["controls"]) == {"untrained", "disjoint"}
    assert set(document["rivals"]) == set(RIVALS)
    lines = (tmp_path / "run" / "ranges.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 81 and lines[0].startswith("range,points,score_0")
