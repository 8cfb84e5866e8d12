"""Which way a fleet goes is decided by layers, device and options, never by a clock, and stands in the key."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from telltale.defenses.dp_sgd import DPSGD
from telltale.errors import InputError
from telltale.owner.executor import Local
from telltale.owner.identity import document_of
from telltale.owner.preparation import initial_objective
from telltale.store.digests import DIGESTS
from telltale.training.fleet.linear import products_here
from telltale.training.fleet.sizing import way_of
from tests.training.private.networks import PICTURES, objective_of
from tests.training.test_fleet import recipe_of
from tests.training.texts import model_of as text_model
from tests.training.texts import objective_of as text_objective

ROOT = Path(__file__).parents[2]
LINEAR = f"linear_{products_here()}"
# what a run may ask a clock for: to tell people, or to wait; no file here hands the time on to training
ROOMS = ("models", "training", "objectives", "owner", "defenses", "attacks", "data")
CLOCKS = {
    "rehearsal.py",  # of a plan, which trains nothing that is kept
    "progress.py",
    "workers.py",
    "experiment.py",
    "run_folder.py",
    "fit.py",
    "console.py",
    "loggers.py",
    "sweep.py",
}


@pytest.mark.parametrize(
    ("model", "device", "way"),
    [("mlp", "cpu", LINEAR), ("cnn", "cpu", "in_turn"), ("cnn", "cuda", "stacked"), ("mlp", "cuda", "stacked")],
)
def test_layers_and_device_decide_the_way(model: str, device: str, way: str) -> None:
    """Catches a rule that forgets that a CPU is faster at models in turn."""
    assert way_of(objective_of(model), device) == way
    assert way_of(objective_of(model), device, "stacked") == "stacked"


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({"optimizer": "adam"}, "stacked"),
        ({"augmentation": "shift_flip"}, "stacked"),
        ({"momentum": 0.0}, LINEAR),
    ],
)
def test_what_is_not_written_out_by_hand_is_stacked(options: dict[str, str], way: str) -> None:
    """Catches Adam that is trained by SGD's rule, pictures that are not augmented, and a defence that is left out."""
    objective = objective_of("mlp", **options)
    assert way_of(objective, "cpu") == way and way_of(objective, "cpu", turns=False) == "stacked"
    objective.loss_code = (object(),)  # type: ignore[assignment]
    assert way_of(objective, "cpu") == "stacked"


def test_transformers_take_turns_on_a_cpu_also_where_they_are_private() -> None:
    """Catches texts that are trained in one batched product, which a CPU is slower at, and private ones left out."""
    objective = initial_objective(text_model(), text_objective(), 0)
    assert way_of(objective, "cpu") == "in_turn" and way_of(objective, "cuda") == "stacked"
    assert way_of(objective, "cpu", turns=False) == "one_by_one"
    DPSGD(sigma=1.0, epsilon=None).prepare(objective)
    assert way_of(objective, "cpu") == "one_by_one" and way_of(objective, "cuda") == "stacked"


def test_a_head_on_features_is_stacked_whatever_its_backbone_is_made_of() -> None:
    """Catches a rule that looks at layers which are not trained."""
    objective = objective_of("cnn")
    objective.model = nn.Linear(3, 2)
    assert way_of(objective, "cpu") == "stacked"


def test_the_way_is_in_the_key_and_in_what_a_run_says(tmp_path: Path) -> None:
    """Catches weights of one way that are served for another, whose last digits differ."""
    recipe, fingerprints = recipe_of(tmp_path), PICTURES.fingerprints()
    alone, stacked = (document_of(recipe.recipe, fingerprints, 0, None, way) for way in ("alone", "stacked"))
    assert {name for name in alone if alone[name] != stacked[name]} == {"way"}
    assert recipe.ways(4) == {"models": 4, "way": LINEAR, "gradient_mode": None}
    assert recipe.ways(1)["way"] == "alone"
    forced = recipe_of(tmp_path, executor=Local(way="one_by_one"))
    assert forced.ways(4)["way"] == "one_by_one"


def test_two_fresh_stores_hold_the_same_bits(tmp_path: Path) -> None:
    """Catches anything that a stopwatch decides: 29 stores once went 16 one way and 13 the other."""
    rows = np.stack([np.arange(len(PICTURES)) < 100, np.arange(len(PICTURES)) >= 300])
    first, second = (
        recipe_of(tmp_path / name, "cnn", epochs=1).train_many(PICTURES, rows, [0, 1]) for name in ("one", "two")
    )
    for one, two in zip(first, second, strict=True):
        assert one.key == two.key
        assert all(np.array_equal(value, two.weights()[name]) for name, value in one.weights().items())


@pytest.fixture
def load() -> Iterator[None]:
    """Keep every core busy with two other processes."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "cnn", "mlp, private", "cnn, group, private"])
def test_ten_fresh_stores_under_load_hold_the_same_bits(name: str, tmp_path: Path, load: None) -> None:
    """Catches a way or gradient mode that a busy machine changes, and a kill that leaves other bits; three are killed.

    Whole entries are compared: weights, loss curve, and the account of what private training has spent.
    """
    model, private = name.removesuffix(", private"), name.endswith("private")
    rows = np.stack([np.random.default_rng(k).permutation(len(PICTURES)) < 100 for k in range(5)])
    found = []
    for store in range(10):
        recipe = recipe_of(tmp_path / str(store), model, epochs=3, batch_size=25)
        recipe = recipe.protect(DPSGD(epsilon=None, sigma=0.5)) if private else recipe
        if store % 3 == 1:
            stopped = recipe.replace(on_epoch=partial(_stop, at=1 + store // 3))
            with pytest.raises(KeyboardInterrupt):
                stopped.train_many(PICTURES, rows, range(5))
        recipe.train_many(PICTURES, rows, range(5))
        digests = sorted((tmp_path / str(store) / "release").glob(f"*/{DIGESTS}"))
        found.append({file.parent.name: file.read_text() for file in digests})
    assert len(found[0]) == 5 and all(other == found[0] for other in found)


def _stop(_: dict[str, float], epoch: int, at: int) -> None:
    if epoch == at:
        raise KeyboardInterrupt


def test_a_way_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"executor.way=sideways: one of auto, stacked, one_by_one"):
        Local(way="sideways")


def test_nothing_that_trains_looks_at_a_clock() -> None:
    """Catches a stopwatch that decides: no file of what makes weights imports `time`, but to tell people."""
    rooms = [ROOT / "src" / "telltale" / room for room in ROOMS]
    files = [file for room in rooms for file in room.rglob("*.py") if file.name not in CLOCKS]
    wrong = [file.name for file in files if "time" in _imported(file)]
    assert len(files) > 100 and not wrong


def _imported(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
