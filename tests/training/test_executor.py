"""Ray is the local executor on other processes: the same weights, the same errors, and nobody needs it installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from safetensors.torch import load_file

from telltale.command import CONFIGURATION
from telltale.data.images import digits
from telltale.errors import InputError
from telltale.owner import many
from telltale.owner.executor import Local, Ray
from telltale.owner.order import Order
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from tests.owned import Owned
from tests.training.small import molecules, objective_of, recipe_in, same

MODELS = 6
RECORDS = digits.load().records.take(np.arange(200))
ROWS = np.stack([np.random.default_rng(k).permutation(200) < 80 for k in range(MODELS)])


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two CPUs of this machine; skipped where Ray is missing."""
    ray = pytest.importorskip("ray", reason='Ray is not installed: pip install "telltale[ray]"')
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    yield
    ray.shutdown()


def fleet_recipe(folder: Path, executor: Any, **changes: Any) -> Owned:
    model = {"_target_": "telltale.models.mlp.MLP", "widths": [16], "dropout": 0.2, "shape": RECORDS.shape}
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": 10, "epochs": 3}
    objective |= {"batch_size": 32, "learning_rate": 0.05}
    return Owned.of(model, objective, TrainerOptions(accelerator="cpu"), Store(folder), executor=executor).replace(
        **changes
    )


def weights_in(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {entry.name: load_file(entry / "weights.safetensors") for entry in (folder / "release").iterdir()}


def test_ray_trains_the_weights_that_local_trains(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a seed, a table or a dropout mask that depends on the process, and a store beside the worker's folder."""
    monkeypatch.chdir(tmp_path)
    live = (tmp_path / "log").open("w")  # live loggers hold what cannot be sent
    there = fleet_recipe(Path("ray"), Ray(chunk=2), on_epoch=lambda values, epoch: live.write("!"))
    store = there.store.root.resolve()
    one, *_ = fleet_recipe(tmp_path / "local", Local(chunk=2)).train_many(RECORDS, ROWS, list(range(MODELS)))
    other, *_ = there.train_many(RECORDS, ROWS, list(range(MODELS)))
    mine, theirs = weights_in(tmp_path / "local"), weights_in(store)
    assert mine.keys() == theirs.keys() and len(mine) == MODELS
    assert all(same(mine[key], theirs[key]) for key in mine)
    assert np.array_equal(one.probabilities(RECORDS), other.probabilities(RECORDS))


def test_models_that_are_trained_alone_and_start_from_others_go_to_ray_too(cluster: None, tmp_path: Path) -> None:
    """Catches a parent that is sent as a closure, fine-tuning records left at home, or a child of other weights."""
    pool, rows = molecules(16), np.stack([np.arange(16) < 8, np.arange(16) >= 8])
    weights = []
    for executor in (Local(), Ray()):
        folder = tmp_path / type(executor).__name__
        parent = recipe_in(folder, executor=executor, on_epoch=lambda values, epoch: None)
        child = parent.replace(start=parent, finetune=molecules(8, 100), objective=objective_of("infograph"))
        weights.append([release.weights() for release in child.train_many(pool, rows, [1, 2])])
    for mine, theirs in zip(*weights, strict=True):
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@dataclass(frozen=True)
class Failing:
    error: BaseException

    def detached(self) -> Self:
        return self

    def __call__(self, shared: Any) -> str:
        raise self.error


@pytest.mark.parametrize("error", [InputError("model", "x", "another"), KeyboardInterrupt("Ctrl-C"), ValueError("no")])
def test_errors_come_back_as_themselves(cluster: None, error: BaseException) -> None:
    """Catches Ray's wrapping, by which bad input would end as a crash."""
    with pytest.raises(type(error), match=str(error)):
        Ray().run([Failing(error)], None)


def test_a_worker_on_another_device_is_refused(tmp_path: Path) -> None:
    """Catches models of a CPU kept under the key of a GPU's."""
    recipe = fleet_recipe(tmp_path, Local())
    order = Order("one", 0, np.arange(80), {"device": "cuda"})
    with pytest.raises(InputError, match=r"the worker has cpu, the experiment cuda; set executor.gpus_per_chunk"):
        many.Chunk(recipe.recipe, recipe.store, [order], "stacked")(None)  # type: ignore[arg-type]


def test_a_task_without_room_is_refused(cluster: None) -> None:
    """Catches a run that waits for ever for cores or a GPU that no machine has."""
    with pytest.raises(InputError, match=r"executor.cpus_per_chunk=8: at most 2"):
        Ray(cpus_per_chunk=8).run([Failing(ValueError())], None)
    with pytest.raises(InputError, match="has no GPU"):
        Ray(gpus_per_chunk=1).run([Failing(ValueError())], None)


def test_without_ray_the_word_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an import of Ray by those who do not use it, and a traceback for those who would."""
    monkeypatch.setitem(sys.modules, "ray", None)
    assert Local(chunk=2).chunk == 2
    with pytest.raises(InputError, match=r'executor=ray: .*pip install "telltale\[ray\]"'):
        Ray()


@pytest.mark.parametrize("options", [{"chunk": 0}, {"cpus_per_chunk": None}, {"gpus_per_chunk": 2}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    """Catches a chunk of nothing."""
    pytest.importorskip("ray", reason='Ray is not installed: pip install "telltale[ray]"')
    with pytest.raises(InputError, match=f"executor.{next(iter(options))}"):
        Ray(**options)


@pytest.mark.parametrize(("word", "kind"), [("local", Local), ("ray", Ray)])
def test_the_word_on_the_command_line_makes_it(word: str, kind: type) -> None:
    """Catches a file in conf/ whose keys the class does not take."""
    if word == "ray":
        pytest.importorskip("ray", reason='Ray is not installed: pip install "telltale[ray]"')
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        assert isinstance(instantiate(compose("config", [f"executor={word}"]).executor), kind)
