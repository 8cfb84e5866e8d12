"""A fleet is its single runs: the same weights, the same entries of the store, whichever way it is trained."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.images import digits
from telltale.data.images.records import ImageRecords
from telltale.defenses.output_noise import OutputNoise
from telltale.errors import NumericalError
from telltale.owner import many
from telltale.owner.executor import Local
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.training.fleet import linear, sizing
from telltale.training.fleet.data import FleetData
from telltale.training.fleet.linear import PRODUCTS, LinearFleet
from tests.owned import Owned
from tests.training.small import CPU

RECORDS: ImageRecords = digits.load().records.take(np.arange(600))
MODELS = 8
ROWS = np.stack([np.random.default_rng(k).permutation(600) < 120 for k in range(MODELS)])
SEEDS = list(range(MODELS))
ONE = Local()
LINEAR = "telltale.models.linear.Linear"
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"_target_": "telltale.models.mlp.MLP", "widths": [32], "activation": "tanh"},
    "cnn": {"_target_": "telltale.models.cnn.CNN", "channels": [4, 8], "width": 16, "norm": "batch"},
    "cnn, group": {"_target_": "telltale.models.cnn.CNN", "channels": [4, 8], "width": 16, "norm": "group"},
    "resnet": {"_target_": "telltale.models.resnet.ResNet", "depth": 8},
}


def recipe_of(folder: Path, network: str = "mlp", executor: Local = ONE, **options: Any) -> Owned:
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 3}
    objective |= {"batch_size": 32, "learning_rate": 0.01, **options}
    model = {**NETWORKS[network], "shape": RECORDS.shape}
    return Owned.of(model, objective, CPU, Store(folder), executor=executor)


def fleet(folder: Path, network: str = "mlp", models: int = MODELS, **options: Any) -> list[Release]:
    return recipe_of(folder, network, **options).train_many(RECORDS, ROWS[:models], SEEDS[:models])


def logits(release: Release) -> np.ndarray:
    return np.log(release.probabilities(RECORDS))


@pytest.mark.parametrize("way", ["auto", "stacked", "one_by_one"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "learning_rate": 0.001, "augmentation": "shift_flip"}])
def test_a_fleet_equals_its_single_runs(way: str, network: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Catches batches of another order, a BatchNorm that sees other models' records, state that is shared."""
    few = 3 if network == "resnet" else MODELS
    if network == "resnet":
        options = {**options, "epochs": 1, "learning_rate": 0.001}
    together = fleet(tmp_path / "fleet", network, few, executor=Local(way=way), **options)
    single = recipe_of(tmp_path / "single", network, **options)
    for release, row, seed in zip(together, ROWS, SEEDS, strict=False):
        alone = single.train(RECORDS, np.flatnonzero(row), seed)
        assert release.key != alone.key  # the last digits differ, so the one may not stand for the other
        np.testing.assert_allclose(logits(release), logits(alone), rtol=0, atol=1e-4)


@pytest.mark.parametrize("products", PRODUCTS)
@pytest.mark.parametrize("backbone", ["mlp", "relu", "linear"])
def test_a_gradient_written_out_is_the_one_of_stacked_models(
    products: str, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a bias, a decay, a momentum or a mask that is left out, and products that read another layout."""
    model = NETWORKS["mlp"] if backbone == "mlp" else {**NETWORKS["mlp"], "widths": [16, 24], "activation": "relu"}
    model = {**model, "shape": RECORDS.shape} if backbone != "linear" else {"_target_": LINEAR, "shape": RECORDS.shape}
    monkeypatch.setattr(sizing, "products_here", lambda: products)
    options = {"weight_decay": 0.01, "batch_size": 25, "learning_rate": 0.05}
    curves: list[float] = []
    recipe = recipe_of(tmp_path, **options).replace(
        model=model, on_epoch=lambda values, _: curves.extend(values.values())
    )
    written = recipe.train_many(RECORDS, ROWS[:4], SEEDS[:4])
    stacked = recipe.replace(executor=Local(way="stacked")).train_many(RECORDS, ROWS[:4], SEEDS[:4])
    assert recipe.ways(4)["way"] == f"linear_{products}"
    for one, other in zip(written, stacked, strict=True):
        mine, theirs = one.weights(), other.weights()
        assert {name: value.shape for name, value in mine.items()} == {n: v.shape for n, v in theirs.items()}
        for name, value in mine.items():
            np.testing.assert_allclose(value, theirs[name], rtol=0, atol=1e-5)
    assert len(curves) == 6 and curves[:3] == pytest.approx(curves[3:], rel=1e-4)


def test_inputs_that_fit_into_bytes_train_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches bytes that round a fraction, wrap a negative or drop the column of ones."""
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (40, 6)).astype(np.float32))
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [5], "activation": "relu", "shape": (6,)}
    objective = recipe_of(tmp_path, batch_size=16).replace(model=model).objective_for(0)

    def trained(inputs: torch.Tensor) -> tuple[torch.dtype, np.ndarray]:
        data = FleetData(inputs, torch.arange(40) % 10, np.array([b"a"] * 40), np.arange(40)[None], (0,))
        fleet = LinearFleet([objective], data, "torch")
        fleet.epoch(0, 0, fleet.room())
        return fleet.inputs.dtype, fleet.weights.numpy()

    narrow, weights = trained(bits)
    monkeypatch.setattr(linear, "_narrow", lambda inputs: inputs)
    assert narrow == torch.uint8 and np.array_equal(weights, trained(bits)[1])
    monkeypatch.undo()
    assert {trained(other)[0] for other in (bits / 2, -bits, 256 * bits, bits / 0)} == {torch.float32}


def test_models_of_a_fleet_differ_as_their_seeds_and_records_do(tmp_path: Path) -> None:
    """Catches one model copied eight times, which would equal nothing but itself."""
    answers = [logits(release) for release in fleet(tmp_path)]
    assert min(np.abs(a - b).max() for i, a in enumerate(answers) for b in answers[:i]) > 0.01


@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_change_no_weight(chunk: int, tmp_path: Path) -> None:
    """Catches a table or a seed shifted by a chunk's place."""
    whole, parts = fleet(tmp_path / "whole"), fleet(tmp_path / "parts", executor=Local(chunk=chunk))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(logits(one), logits(other), rtol=0, atol=1e-4)


def test_a_chunk_leaves_no_trainer_in_memory_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches chunk upon chunk that lies in memory until somebody collects what refers to itself."""
    left: list[int] = []
    run = many.Chunk.__call__

    def watched(chunk: many.Chunk, shared: Any) -> str:
        key = run(chunk, shared)
        left.append(sum(type(one) is LinearFleet for one in gc.get_objects()))
        return key

    monkeypatch.setattr(many.Chunk, "__call__", watched)
    gc.collect()
    gc.disable()
    try:
        fleet(tmp_path, models=3, executor=Local(chunk=1))
    finally:
        gc.enable()
    assert left == [0, 0, 0]


def test_more_models_cost_the_new_ones_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a fleet that is trained again whole for its new members."""
    fleet(tmp_path, models=4)
    trained: list[int] = []
    call = many.Chunk.__call__
    monkeypatch.setattr(
        many.Chunk, "__call__", lambda chunk, pool: (trained.append(len(chunk.orders)), call(chunk, pool))[1]
    )
    fleet(tmp_path, models=8)
    fleet(tmp_path, models=8)
    assert trained == [4] and len(list((tmp_path / "release").iterdir())) == 8


def test_records_in_a_fleet_may_differ_in_number(tmp_path: Path) -> None:
    """Catches a table that is cut to the shortest or filled up with others' records."""
    rows = ROWS[:3].copy()
    rows[0, np.flatnonzero(rows[0])[:7]] = False
    releases = recipe_of(tmp_path / "fleet").train_many(RECORDS, rows, SEEDS[:3])
    alone = recipe_of(tmp_path / "single").train(RECORDS, np.flatnonzero(rows[0]), 0)
    np.testing.assert_allclose(logits(releases[0]), logits(alone), rtol=0, atol=1e-4)


def test_models_with_dropout_are_trained_alone(tmp_path: Path) -> None:
    """Catches masks that depend on the chunk, which no key names."""
    network = {**NETWORKS["mlp"], "shape": RECORDS.shape, "dropout": 0.5}
    recipes = [recipe_of(tmp_path / name, executor=Local(chunk=size)) for name, size in (("a", 1), ("b", 3))]
    one, other = (r.replace(model=network).train_many(RECORDS, ROWS[:3], SEEDS[:3]) for r in recipes)
    for a, b in zip(one, other, strict=True):
        assert a.key == b.key and np.array_equal(logits(a), logits(b))


def test_an_automatic_chunk_keeps_its_borders_when_some_models_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches chunks cut from what is missing: an interrupted one would never be found again."""
    monkeypatch.setattr(Local, "at_once", lambda self, device: 4)
    seen: list[list[str]] = []
    call = many.Chunk.__call__

    def stop_in_the_second(chunk: many.Chunk, shared: Any) -> str:
        seen.append([order.name for order in chunk.orders])
        if len(seen) == 2:
            raise KilledErrorError
        return call(chunk, shared)

    monkeypatch.setattr(many.Chunk, "__call__", stop_in_the_second)
    with pytest.raises(KilledErrorError):
        fleet(tmp_path)
    fleet(tmp_path)
    assert [len(names) for names in seen] == [2] * 5 and seen[1] == seen[2]


class KilledErrorError(Exception):
    pass


@pytest.mark.parametrize("epoch", [2, 5])
def test_an_interrupted_fleet_goes_on_bit_for_bit(epoch: int, tmp_path: Path) -> None:
    """Catches momentum, orders or running statistics that start anew, and chunks cut another way."""
    whole = fleet(tmp_path / "whole", "cnn", 4, epochs=6)

    def stop(values: dict[str, float], now: int) -> None:
        if now == epoch:
            raise KilledErrorError

    recipe = recipe_of(tmp_path / "parts", "cnn", epochs=6)
    with pytest.raises(KilledErrorError):
        recipe.replace(on_epoch=stop).train_many(RECORDS, ROWS[:4], SEEDS[:4])
    assert not (tmp_path / "parts" / "release").exists()
    seen: list[int] = []
    again = recipe.replace(on_epoch=lambda _, now: seen.append(now)).train_many(RECORDS, ROWS[:4], SEEDS[:4])
    assert seen == list(range(epoch, 7))
    for one, other in zip(whole, again, strict=True):
        mine, theirs = one.weights(), other.weights()
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert list((tmp_path / "parts" / ".partial").iterdir()) == []


def test_a_diverged_model_is_named_with_its_point(tmp_path: Path) -> None:
    """Catches scores of NaN that are ranked as if they said something."""
    release = recipe_of(tmp_path, "cnn", learning_rate=1e30).train_many(
        RECORDS, ROWS[:2], SEEDS[:2], ["target 0", "target 1"]
    )[1]
    with pytest.raises(NumericalError, match=r"model target 1 .* point 0 .* lower objective.learning_rate"):
        release.probabilities(RECORDS)


def test_answers_are_kept_and_damaged_ones_asked_for_again(tmp_path: Path) -> None:
    """Catches a network asked again for what is known, and stored answers that say another split."""
    release = fleet(tmp_path, models=2)[0]
    before = release.probabilities(RECORDS)
    (entry,) = (tmp_path / "answers").iterdir()
    again = fleet(tmp_path, models=2)[0]
    again._forward = lambda *_: pytest.fail("asked again")  # type: ignore[method-assign,assignment]
    assert np.array_equal(again.probabilities(RECORDS), before)
    text = (entry / "entry.json").read_text()
    (entry / "entry.json").write_text(text.replace('"number_of_records": 600', '"number_of_records": 599'))
    assert np.array_equal(fleet(tmp_path, models=2)[0].probabilities(RECORDS), before)
    assert (entry / "entry.json").read_text() == text


def test_noise_on_an_answer_does_not_depend_on_the_label_that_is_claimed(tmp_path: Path) -> None:
    """Catches noise that is averaged away by asking for one picture under ten labels."""
    release = recipe_of(tmp_path).protect(OutputNoise(1.0)).train_many(RECORDS, ROWS[:2], SEEDS[:2])[0]
    claimed = replace(RECORDS, labels=(RECORDS.labels + 1) % 10)
    assert np.array_equal(release.probabilities(RECORDS), release.probabilities(claimed))


def test_models_in_turn_lie_in_memory_a_few_at_a_time(tmp_path: Path) -> None:
    """Catches chunks that fill a gigabyte where no model waits for another, and too few of large models."""

    def chunks(width: int) -> list[int]:
        model = {"_target_": "telltale.models.mlp.MLP", "widths": [width], "activation": "relu", "shape": (6,)}
        objective = recipe_of(tmp_path, batch_size=16).replace(model=model).objective_for(0)
        data = FleetData(torch.zeros(40, 6), torch.arange(40) % 10, np.array([b"a"] * 40), np.arange(40)[None], (0,))
        return [sizing.chunk_size(objective, data, "cpu", way) for way in ("stacked", "linear_numpy", "in_turn")]

    small, large = chunks(1000), chunks(100_000)
    assert small[0] > 3.9 * small[1] > 4 * sizing.LEAST_TURNS and small[1] == small[2]
    assert large[1] == large[2] == sizing.LEAST_TURNS < large[0]
