"""Ray is the local executor on other processes: the same weights, the same errors, and nobody needs it installed."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
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
from telltale.owner import devices, many
from telltale.owner.executor import Local, Ray
from telltale.owner.order import Order
from telltale.store.store import Store
from telltale.training.trainer import TrainerOptions
from tests.owned import Owned
from tests.training.small import molecules, objective_of, recipe_in, same

MISSING = 'Ray is not installed: pip install "telltale[ray]"'
MODELS = 6
RECORDS = digits.load().records.take(np.arange(200))
ROWS = np.stack([np.random.default_rng(k).permutation(200) < 80 for k in range(MODELS)])
MODEL = {"_target_": "telltale.models.mlp.MLP", "widths": [16], "shape": RECORDS.shape}
OBJECTIVE = {
    "_target_": "telltale.objectives.classification.Classification",
    **{"classes": 10, "epochs": 3, "batch_size": 32, "learning_rate": 0.05},
}


def on_cluster(test: Any) -> Any:
    """Mark a test of a real cluster: it takes half a minute to start and to end, and Ray 240 MB to install."""
    return pytest.mark.slow(pytest.mark.ray(test))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two machines of one core each, which are this one; skipped where Ray is missing."""
    ray = pytest.importorskip("ray", reason=MISSING)
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    machines.add_node(num_cpus=1)
    ray.init(address=machines.address, logging_level="error", log_to_driver=False)
    yield
    ray.shutdown()
    machines.shutdown()


def fleet_recipe(folder: Path, executor: Any, **changes: Any) -> Owned:
    return Owned.of(
        MODEL | {"dropout": 0.2}, OBJECTIVE, TrainerOptions(accelerator="cpu"), Store(folder), executor=executor
    ).replace(**changes)


def weights_in(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {entry.name: load_file(entry / "weights.safetensors") for entry in (folder / "release").iterdir()}


@on_cluster
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


@on_cluster
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
    device: str = "cpu"

    def detached(self) -> Self:
        return self

    def __call__(self, shared: Any) -> str:
        raise self.error


@dataclass(frozen=True)
class Killed(many.Chunk):
    """A chunk that writes down each of its beginnings; the one of model 2 loses its process amid its first."""

    def __call__(self, shared: Any) -> str:
        begun = self.store.root / f"begun-{self.orders[0].name}"
        with begun.open("a") as stream:
            stream.write("!")
        if self.orders[0].name == "model 3 of 6" and begun.read_text() == "!":
            folder = self.store.root / ".partial"
            threading.Thread(target=_kill_at, args=(lambda: any(folder.glob("*/checkpoints/last.ckpt")),)).start()
        return super().__call__(shared)


def _kill_at(there: Callable[[], bool]) -> None:
    while not there():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


@on_cluster
def test_a_chunk_whose_worker_is_killed_is_trained_again_once(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches a cluster that loses a chunk with a worker, trains others again, or goes on with other weights."""
    caplog.set_level(logging.INFO, "telltale")
    long = fleet_recipe(tmp_path / "local", Local(chunk=2, way="stacked"), model=MODEL)
    long = long.replace(objective=OBJECTIVE | {"epochs": 80})
    long.train_many(RECORDS, ROWS, list(range(MODELS)))
    monkeypatch.setattr(many, "Chunk", Killed)
    there = long.replace(store=Store(tmp_path / "ray"), executor=Ray(chunk=2, way="stacked"))
    caplog.clear()
    there.train_many(RECORDS, ROWS, list(range(MODELS)))
    begun = {file.name: file.read_text() for file in (tmp_path / "ray").glob("begun-*")}
    assert begun == {"begun-model 1 of 6": "!", "begun-model 3 of 6": "!!", "begun-model 5 of 6": "!"}
    (line,) = [record.message for record in caplog.records if "Ray:" in record.message]
    assert line.startswith("Ray: the worker of chunk 2 of 3 died: WorkerCrashedError")
    mine, theirs = weights_in(tmp_path / "local"), weights_in(tmp_path / "ray")
    assert mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)


@dataclass(frozen=True)
class Dying(Failing):
    """A job under which each worker dies."""

    def __call__(self, shared: Any) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


@on_cluster
def test_a_job_that_kills_every_worker_ends_the_run(cluster: None) -> None:
    """Catches a fit too large for the machines that is begun again for ever."""
    with pytest.raises(InputError, match=r"the same task died 4 times, last by WorkerCrashedError"):
        Ray().run([Dying(ValueError())], None)


def test_chunks_go_to_the_devices_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches GPUs that idle, a device that two processes share, and weights that depend on how many there are."""
    one = fleet_recipe(tmp_path / "one", Local(devices=1), model=MODEL)
    one.train_many(RECORDS, ROWS, list(range(MODELS)))
    monkeypatch.setattr(devices, "visible", lambda device: ["cpu", "cpu", "cpu"])
    monkeypatch.setattr(many, "Chunk", Witness)
    two = one.replace(store=Store(tmp_path / "two"), executor=Local(devices=2))
    assert Local(devices=2).at_once("cpu") == 2 and Local().at_once("cpu") == 3
    two.train_many(RECORDS, ROWS, list(range(MODELS)))
    told = [file.read_text() for file in (tmp_path / "two").glob("begun-*")]
    assert len(told) == 2 and len(set(told)) == 2 and str(os.getpid()) not in told
    mine, theirs = weights_in(tmp_path / "one"), weights_in(tmp_path / "two")
    assert mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)


@dataclass(frozen=True)
class Witness(many.Chunk):
    """A chunk that writes down which process trains it; both are begun before one of them ends."""

    def __call__(self, shared: Any) -> str:
        begun = self.store.root / f"begun-{self.orders[0].name}"
        if not begun.exists():
            begun.write_text(str(os.getpid()))
        while len(list(begun.parent.glob("begun-*"))) < 2:
            time.sleep(0.01)
        return super().__call__(shared)


def test_a_worker_of_a_device_sees_that_device_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches numbers of GPUs that a user's own choice of visible ones makes wrong, and more of them than there are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7f")
    assert devices.visible("cuda") == ["3", "GPU-7f"] and devices.visible("cpu") == ["cpu"]
    assert devices.chosen("cuda", 1) == ["3"] and devices.chosen("cuda", "auto") == ["3", "GPU-7f"]
    assert Local(devices=4).at_once("cpu") == 1
    with pytest.raises(InputError, match=r"executor.devices=3: only 2 GPUs are visible here"):
        Local(devices=3).at_once("cuda")
    free = SimpleNamespace(get=lambda: "GPU-7f")
    devices._take(free, 2)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-7f"


@pytest.mark.parametrize("wanted", ["all", 0, None])
def test_devices_are_auto_or_a_number(wanted: Any) -> None:
    """Catches a word that is taken for none at all."""
    with pytest.raises(InputError, match=r"executor.devices=.*auto or a whole number"):
        Local(devices=wanted)


@pytest.mark.parametrize("error", [InputError("model", "x", "another"), KeyboardInterrupt("Ctrl-C"), ValueError("no")])
@on_cluster
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


@on_cluster
def test_a_task_without_room_is_refused(cluster: None) -> None:
    """Catches a run that waits for ever for cores or a GPU: the cluster has two cores, no machine more than one."""
    assert Ray().at_once("cpu") == 2
    with pytest.raises(InputError, match=r"executor.cpus_per_chunk=2: at most 1"):
        Ray(cpus_per_chunk=2).run([Failing(ValueError())], None)
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
    pytest.importorskip("ray", reason=MISSING)
    with pytest.raises(InputError, match=f"executor.{next(iter(options))}"):
        Ray(**options)


@pytest.mark.parametrize(("word", "kind"), [("local", Local), ("ray", Ray)])
def test_the_word_on_the_command_line_makes_it(word: str, kind: type) -> None:
    """Catches a file in conf/ whose keys the class does not take."""
    if word == "ray":
        pytest.importorskip("ray", reason=MISSING)
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        assert isinstance(instantiate(compose("config", [f"executor={word}"]).executor), kind)
