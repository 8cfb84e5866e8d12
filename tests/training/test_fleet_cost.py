"""What fleets cost: memory of one chunk, time of the new models only, nothing again after a kill or from the store."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.data.tables.records import Column, TableRecords
from telltale.owner.executor import Local
from telltale.owner.release import Release
from telltale.store.store import Store
from tests.owned import Owned
from tests.training.small import CPU

POINTS, FEATURES, CLASSES = 400, 200, 10
RECORDS = TableRecords(
    np.random.default_rng(0).random((POINTS, FEATURES)).astype(np.float32),
    np.arange(POINTS) % CLASSES,
    "made up",
    tuple("0123456789"),
    (Column("made up", "numeric", 0, FEATURES),),
)


def recipe_of(folder: Path, widths: tuple[int, ...] = (16,), epochs: int = 2, chunk: int | None = None) -> Owned:
    model = {"_target_": "telltale.models.mlp.MLP", "widths": list(widths), "shape": RECORDS.shape}
    objective = {"_target_": "telltale.objectives.classification.Classification", "classes": CLASSES, "epochs": epochs}
    objective |= {"batch_size": 32, "learning_rate": 0.05}
    return Owned.of(model, objective, CPU, Store(folder), executor=Local(chunk))


def shadows(recipe: Owned, models: int, **changes: Any) -> list[Release]:
    rows = np.stack([np.random.default_rng(k).permutation(POINTS) < POINTS // 2 for k in range(models)])
    return recipe.replace(**changes).train_many(RECORDS, rows, list(range(models)), [f"m{k}" for k in range(models)])


def answers(releases: list[Release]) -> np.ndarray:
    return np.stack([release.probabilities(RECORDS) for release in releases])


PEAK = """
import resource, sys
from pathlib import Path
from tests.training.test_fleet_cost import answers, recipe_of, shadows

scores = answers(shadows(recipe_of(Path(sys.argv[1]), (256, 256), epochs=1, chunk=16), int(sys.argv[2])))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, scores.nbytes)
"""


def peak(folder: Path, models: int) -> tuple[int, int]:
    """Train and ask so many models in a process of its own: its peak resident memory and the scores, in bytes."""
    command = [sys.executable, "-c", PEAK, str(folder), str(models)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, scores = map(int, ended.stdout.split()[-2:])
    return memory, scores


def test_256_shadow_models_take_the_memory_of_one_chunk_and_their_scores(tmp_path: Path) -> None:
    """Catches models, optimisers or records that outlive their chunk: 240 more of 0.5 MB with momentum would show."""
    few, few_scores = peak(tmp_path / "few", 16)
    many, many_scores = peak(tmp_path / "many", 256)
    assert many <= 1.2 * (few + many_scores - few_scores), f"{few / 2**20:.0f} and {many / 2**20:.0f} MiB"


def test_twice_as_many_victims_train_the_new_ones_and_leave_the_first_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches seeds, rows or keys that depend on how many models there are."""
    recipe = recipe_of(tmp_path)
    first = answers(shadows(recipe, 8))
    written = {entry: entry.stat().st_mtime_ns for entry in (tmp_path / "release").iterdir()}
    caplog.clear()
    with caplog.at_level(logging.INFO, "telltale"):
        both = answers(shadows(recipe, 16))
    assert np.array_equal(both[:8], first)
    assert len(list((tmp_path / "release").iterdir())) == 16
    assert all(entry.stat().st_mtime_ns == when for entry, when in written.items())
    assert "store: 8 of 16 models are there" in caplog.messages
    assert [line.split(":")[0] for line in caplog.messages if line.startswith("trained")] == [
        "trained 8 models, m8 to m15"
    ]


VICTIM = """
import sys
from pathlib import Path
from tests.training.test_fleet_cost import recipe_of, shadows

def wait(values, epoch):
    print(epoch, flush=True)
    sys.stdin.readline()

shadows(recipe_of(Path(sys.argv[1]), epochs=80, chunk=4), 8, on_epoch=wait)
"""


def test_a_fleet_that_is_killed_is_gone_on_with_bit_for_bit(tmp_path: Path) -> None:
    """Catches half a checkpoint, a lock that outlives its holder, and chunks that are cut another way."""
    whole = shadows(recipe_of(tmp_path / "whole", epochs=80, chunk=4), 8)
    command = [sys.executable, "-c", VICTIM, str(tmp_path / "killed")]
    job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdin and job.stdout
    for epoch in (*range(1, 81), *range(1, 46)):  # the first chunk to its end, the second past a checkpoint
        assert job.stdout.readline() == f"{epoch}\n"
        job.stdin.write("\n")
        job.stdin.flush()
    job.stdout.readline()
    os.kill(job.pid, signal.SIGKILL)
    job.communicate(timeout=60)
    assert len(list((tmp_path / "killed" / "release").iterdir())) == 4
    seen: list[int] = []
    again = shadows(recipe_of(tmp_path / "killed", epochs=80, chunk=4), 8, on_epoch=lambda _, epoch: seen.append(epoch))
    assert seen[-1] == 80 and len(seen) < 80
    for mine, theirs in zip(again, whole, strict=True):
        one, other = mine.weights(), theirs.weights()
        assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_from_the_store_a_run_takes_no_training_and_no_query_again(tmp_path: Path) -> None:
    """Catches models or answers computed again. Rivals (one trains a classifier) and the bootstrap are not stored."""
    command = [
        sys.executable,
        "-m",
        "src.run",
        "attack=lira",
        "scale=small",
        "logger=none",
        f"paths.outputs={tmp_path}",
    ]
    for run in ("first", "again"):
        subprocess.run([*command, f"hydra.run.dir={tmp_path / run}"], check=True, capture_output=True)
    taken = json.loads((tmp_path / "again" / "metrics.json").read_text())["seconds"]
    assert sum(taken[stage] for stage in ("data", "preparation", "training", "attack", "controls")) < 10, taken
