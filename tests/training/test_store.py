"""The store: entries whole or absent, made once, and keyed by what changes the weights and nothing else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.errors import InputError
from telltale.owner.identity import document_of
from telltale.owner.recipe import Recipe
from telltale.store import sources
from telltale.store.sources import source_digest
from telltale.store.store import Store, key_of
from telltale.training.trainer import TrainerOptions
from tests.owned import Owned
from tests.training.small import DDP, fitted, model_of, molecules, objective_of, recipe_in, rows

RECORDS = molecules(10)


def key(recipe: Owned, records: Any = RECORDS, seed: int = 0) -> str:
    return key_of(document_of(recipe.recipe, records.fingerprints(), seed, None))


@pytest.mark.parametrize(
    "change",
    [
        lambda recipe: recipe.replace(model=model_of("gcn")),
        lambda recipe: recipe.replace(model=model_of(width=16)),
        lambda recipe: recipe.replace(model=model_of(layers=3)),
        lambda recipe: recipe.replace(model=model_of(jumping_knowledge="sum")),
        lambda recipe: recipe.replace(model=model_of(pooling="sum")),
        lambda recipe: recipe.replace(model=model_of(dropout=0.1)),
        lambda recipe: recipe.replace(objective=objective_of("infograph")),
        lambda recipe: recipe.replace(objective=objective_of(epochs=3)),
        lambda recipe: recipe.replace(objective=objective_of(batch_size=9)),
        lambda recipe: recipe.replace(objective=objective_of(learning_rate=0.02)),
        lambda recipe: recipe.replace(objective=objective_of(weight_decay=0.1)),
        lambda recipe: recipe.replace(objective=objective_of(rate=0.2)),
        lambda recipe: recipe.replace(trainer=TrainerOptions("cpu", precision="bf16-mixed")),
    ],
)
def test_the_key_changes_with_whatever_changes_the_weights(change: Callable[[Owned], Owned], tmp_path: Path) -> None:
    """Catches a field left out: the store would serve another model's weights."""
    recipe = recipe_in(tmp_path)
    assert key(change(recipe)) != key(recipe)


def test_the_key_changes_with_seed_and_records(tmp_path: Path) -> None:
    """Catches a target and a shadow that become one model."""
    recipe = recipe_in(tmp_path)
    others = (RECORDS.take(np.arange(9)), molecules(10, start=10), RECORDS.take(np.array([*range(9), 0])))
    assert len({key(recipe), key(recipe, seed=1), *(key(recipe, other) for other in others)}) == 5


def test_the_key_changes_with_nothing_else(tmp_path: Path) -> None:
    """Catches needless training: another logger, store, order of settings, profiler, number of processes."""
    recipe = recipe_in(tmp_path)
    reordered = dict(reversed(model_of().items()))
    alike = [
        recipe.replace(model=reordered),
        recipe.replace(store=Store(tmp_path / "elsewhere")),
        recipe.replace(on_epoch=lambda values, epoch: None),
        recipe.replace(trainer=DDP),
        recipe.replace(trainer=TrainerOptions("cpu", profiler="simple")),
    ]
    assert {key(one) for one in alike} == {key(recipe)}


def test_weights_that_are_not_kept_leave_answers_and_say_what_is_missing(tmp_path: Path) -> None:
    """Catches answers that need the weights again, and a missing file told by a traceback."""
    recipe = recipe_in(tmp_path).replace(store=Store(tmp_path, keep_weights=False))
    release = recipe.train(RECORDS, rows(RECORDS), 0)
    before = release.embeddings(RECORDS)
    recipe.store.end()
    again = recipe.train(RECORDS, rows(RECORDS), 0)
    assert np.array_equal(again.embeddings(RECORDS), before)
    with pytest.raises(InputError, match=f"weights of {again.entry} were not kept"):
        again.embeddings(molecules(3, start=50))


def test_a_few_batches_are_not_mistaken_for_a_training(tmp_path: Path) -> None:
    """Catches debug.fast_dev_run leaving behind an entry that a real run would find."""
    quick = recipe_in(tmp_path, trainer=TrainerOptions("cpu", fast_dev_run=1))
    real = recipe_in(tmp_path)
    assert quick.train(RECORDS, rows(RECORDS), 0).key != real.train(RECORDS, rows(RECORDS), 0).key


def digest_of(folder: Path, text: str) -> str:
    (folder / "src_of_a_test.py").write_text(text)
    sys.modules.pop("src_of_a_test", None)
    for kept in (sources._read, sources._digest, sources._file_of):
        kept.cache_clear()
    return source_digest(["src_of_a_test.Thing"])


def test_the_source_digest_sees_code_and_no_prose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches weights of an older version of the code, and a training thrown away for a comment."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = digest_of(tmp_path, "class Thing:\n    def f(self):\n        return 1 + 2\n")
    described = '"""Module."""\n# why\nclass Thing:\n    """Class."""\n\n'
    prose = described + '    def f(self):\n        """Do."""\n        return (1 + 2)\n'
    assert digest_of(tmp_path, prose) == before
    assert digest_of(tmp_path, "class Thing:\n    def f(self):\n        return 1 + 3\n") != before


@pytest.mark.parametrize(
    "module",
    [
        "telltale.training.batches",  # the order of records
        "telltale.training.counter_random",
        "telltale.objectives.corruption",
        "telltale.training.objective",
        "telltale.training.processes",
        "telltale.owner.preparation",  # initial weights
        "telltale.training.fit",
        "telltale.models.molecule_encoder",
        "telltale.models.batch_norm",
        "telltale.data.molecules.graphs",
        "telltale.data.molecules.batch",
        "telltale.data.seeds",
    ],
)
def test_the_source_digest_covers_all_that_makes_the_weights(module: str) -> None:
    """Catches a change of the loop, the order or the seeds that leaves old entries valid."""
    seen: dict[str, str] = {}
    for root in (*sources.ALWAYS, "telltale.models.gin", "telltale.objectives.attribute_masking"):
        sources._collect(root, seen)
    assert module in seen
    assert not {"telltale.store.store", "telltale.owner.release", "telltale.owner.recipe"} & set(seen)


@pytest.mark.parametrize(
    "statement",
    ["from telltale.models import gcn", "import telltale.models.gcn", "from telltale.models.gcn import GCN"],
)
def test_every_form_of_import_is_followed(statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches code that hides behind `from package import module`."""
    monkeypatch.syspath_prepend(tmp_path)
    digest_of(tmp_path, f"{statement}\nclass Thing: pass\n")
    seen: dict[str, str] = {}
    sources._collect("src_of_a_test", seen)
    assert "telltale.models.gcn" in seen


def test_a_miss_names_the_nearest_entry_and_its_first_difference(tmp_path: Path) -> None:
    """Catches an explanation by the newest or the alphabetically first entry."""
    store = Store(tmp_path)
    near, far = {"model": {"width": 8, "layers": 2}, "seed": 0}, {"model": {"width": 4, "layers": 1}, "seed": 1}
    assert store.explain_miss("release", near) == "store: no release yet"
    for document in (far, near):
        store.find_or_make("release", document, lambda entry, partial: None)
    said = store.explain_miss("release", {"model": {"width": 16, "layers": 2}, "seed": 0})
    assert key_of(near) in said and "1 fields, first model.width: 8 there, 16 here" in said


@pytest.mark.parametrize(("level", "told"), [("INFO", False), ("DEBUG", True)])
def test_only_maintainers_are_told_of_a_miss(
    level: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches "differs in 23 fields" as the first line that a newcomer reads."""
    monkeypatch.setattr(logging.getLogger("telltale"), "propagate", True)
    with caplog.at_level(level, logger="telltale"):
        Store(tmp_path).find_or_make("release", {"seed": 0}, lambda entry, partial: None)
    assert ("no release yet" in caplog.text) == told


def test_an_entry_is_made_once_and_the_partial_folder_is_cleaned(tmp_path: Path) -> None:
    """Catches checkpoints that pile up, and a hit that trains again."""
    recipe = recipe_in(tmp_path)
    first = recipe.train(RECORDS, rows(RECORDS), 0)
    written = (tmp_path / "release" / first.key / "weights.safetensors").stat().st_mtime_ns
    again = recipe.train(RECORDS, rows(RECORDS), 0)
    assert first.key == again.key
    assert (tmp_path / "release" / first.key / "weights.safetensors").stat().st_mtime_ns == written
    assert list((tmp_path / ".partial").iterdir()) == []
    files = sorted(file.name for file in (tmp_path / "release" / first.key).iterdir())
    assert files == ["curve.csv", "digests", "entry.json", "weights.digest", "weights.safetensors"]


def test_a_failure_leaves_no_entry_and_the_next_attempt_starts_clean(tmp_path: Path) -> None:
    """Catches an entry half-written, then taken for whole; what lies in `partial` stays."""
    store = Store(tmp_path)

    def fails(entry: Path, partial: Path) -> None:
        (entry / "half").touch()
        (partial / "checkpoint").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.find_or_make("release", {"seed": 0}, fails)
    assert not store.folder("release", {"seed": 0}).exists()
    seen: list[bool] = []
    folder, found = store.find_or_make(
        "release", {"seed": 0}, lambda entry, partial: seen.append(any(partial.iterdir()))
    )
    assert not found and seen == [True] and {file.name for file in folder.iterdir()} == {"entry.json", "digests"}


MAKE_ONE = """
import sys, time
from pathlib import Path
from telltale.store.store import Store

def make(entry, partial):
    with open(sys.argv[2], "a") as made:
        made.write("made\\n")
    time.sleep(0.5)
    (entry / "weights").write_text("whole")

folder, found = Store(Path(sys.argv[1])).find_or_make("release", {"seed": 0}, make)
print((folder / "weights").read_text())
"""


def test_several_processes_that_want_the_same_entry_make_it_once(tmp_path: Path) -> None:
    """Catches two jobs of a sweep that train the same model, or one that reads it before it is whole."""
    command = [sys.executable, "-c", MAKE_ONE, str(tmp_path / "store"), str(tmp_path / "log")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [job.communicate(timeout=60)[0] for job in jobs] == ["whole\n"] * 4
    assert (tmp_path / "log").read_text() == "made\n"
    assert list((tmp_path / "store" / ".partial").iterdir()) == []


def test_nothing_kept_needs_unpickling(tmp_path: Path) -> None:
    """Catches an object in a checkpoint, which would run code when a stranger's store is read."""
    recipe = recipe_in(tmp_path / "store")
    folder = tmp_path / "store" / "release" / recipe.train(RECORDS, rows(RECORDS), 0).key
    assert json.loads((folder / "entry.json").read_text())["number_of_records"] == 10
    assert not any(zipfile.is_zipfile(file) or file.suffix in (".pt", ".pkl", ".ckpt") for file in folder.iterdir())
    fitted(RECORDS, tmp_path / "partial", objective_of())
    assert torch.load(tmp_path / "partial" / "last.ckpt", weights_only=True)["epoch"] == 1


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Catches a traceback after hours of training."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as error:
        Store(tmp_path / "file")
    assert error.value.field == "paths.store"


def test_recipes_compare_by_what_they_do(tmp_path: Path) -> None:
    """Catches a logger or a store in the comparison of two recipes."""
    recipe = recipe_in(tmp_path)
    assert recipe.recipe == recipe.replace(store=Store(tmp_path / "b"), on_epoch=print).recipe
    assert recipe.recipe != recipe.replace(model=model_of(width=9)).recipe
    assert {name for name, field in Recipe.__dataclass_fields__.items() if not field.compare} == {"finetune", "public"}
