"""A store of others behind one's own: read, never written; what is damaged there is told and not used."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.store.shared import Shared
from telltale.store.store import Store, write_text
from telltale.verbs.store import list_needs, list_sizes
from tests.experiment.commands import command
from tests.training.small import molecules, recipe_in, rows

RECORDS = molecules(10)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    states = {str(file.relative_to(folder)): file.stat() for file in sorted(folder.rglob("*"))}
    return {name: (state.st_mtime_ns, state.st_size) for name, state in states.items()}


def test_models_of_the_shared_store_are_not_trained_again(tmp_path: Path) -> None:
    """Catches a lock, an answer or a deletion in a folder that others share, and one that is not looked into."""
    there = recipe_in(tmp_path / "theirs")
    first = there.train(RECORDS, rows(RECORDS), 0)
    values = first.embeddings(RECORDS)
    before = tree(tmp_path / "theirs")
    epochs: list[int] = []
    some = RECORDS.take(np.arange(3))
    own = Store(tmp_path / "own", keep_weights=False, shared=Shared(tmp_path / "theirs"))
    here = there.replace(store=own, on_epoch=lambda values, epoch: epochs.append(epoch))
    second = here.train(RECORDS, rows(RECORDS), 0)
    assert second.key == first.key and not epochs
    assert (second.embeddings(RECORDS) == values).all()
    np.testing.assert_allclose(second.embeddings(some), values[:3], rtol=1e-4, atol=1e-6)
    here.train(RECORDS, rows(RECORDS), 1)
    own.end()
    assert epochs == [1, 2] and f"release/{first.entry}" in own.served
    assert tree(tmp_path / "theirs") == before


def test_weights_that_the_shared_store_lacks_are_told_of_it(tmp_path: Path) -> None:
    """Catches advice to delete a folder of others."""
    theirs = Store(tmp_path / "theirs", keep_weights=False)
    there = theirs.add("release", {"seed": 0}, lambda entry: write_text(entry / "weights.safetensors", "x"))
    theirs.weights(there.name)
    theirs.end()
    store = Store(tmp_path / "own", shared=Shared(theirs.root))
    with pytest.raises(InputError, match=f"paths.shared_store={theirs.root}: weights of {there.name} were not kept"):
        store.weights(there.name)
    (there / "entry.json").write_text("damaged")
    with pytest.raises(InputError, match=f"paths.shared_store={there}: entry.json is not what was written"):
        store._require_sound(there)


def test_a_damaged_entry_there_is_told_once_and_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches somebody else's entry moved to `.damaged`, and its bits used."""
    theirs, own = Store(tmp_path / "theirs"), tmp_path / "own"
    document = {"seed": 0}
    folder = theirs.add("success", document, lambda entry: write_text(entry / "success.json", "1"))
    assert Store(own, shared=Shared(theirs.root)).find("success", document) == folder
    (folder / "success.json").write_text("2")
    before = tree(theirs.root)
    store = Store(own, shared=Shared(theirs.root))
    caplog.set_level(logging.WARNING, "telltale")
    assert store.find("success", document) is None and store.find("success", document) is None
    assert [record.message for record in caplog.records] == [
        f"shared store: success/{folder.name}: success.json is not what was written; not used"
    ]
    made, found = store.find_or_make("success", document, lambda entry, _: write_text(entry / "success.json", "1"))
    assert not found and made == own / "success" / folder.name
    assert tree(theirs.root) == before


def test_what_lies_in_both_is_read_here(tmp_path: Path) -> None:
    """Catches an own entry that a shared one hides, and one kind of it listed twice."""
    theirs, own = Store(tmp_path / "theirs"), Store(tmp_path / "own")
    for store in (theirs, own):
        store.add("company", {"models": ["a"]}, lambda entry: None)
    theirs.add("company", {"models": ["b"]}, lambda entry: None)
    both = Store(own.root, shared=Shared(theirs.root))
    assert both.find("company", {"models": ["a"]}) == own.folder("company", {"models": ["a"]})
    assert sorted(document["models"] for _, document in both.entries("company")) == [["a"], ["b"]]
    detached = both.detached()
    assert detached.shared and detached.find("company", {"models": ["b"]})


@pytest.mark.parametrize(
    ("place", "told"), [("nowhere", "no such folder"), ("store", "another folder than paths.store")]
)
def test_a_folder_that_will_not_do_is_refused(place: str, told: str, tmp_path: Path) -> None:
    """Catches a name mistyped, by which everything is trained again, and a store that reads itself."""
    ended = command(
        *("attack=threshold", "dataset=digits", "model=linear", "scale=smoke", "logger=none"),
        *(f"paths.outputs={tmp_path}", f"paths.shared_store={tmp_path / place}"),
    )
    assert ended.code == 2 and ended.err.startswith(f"error: paths.shared_store={tmp_path / place}: {told}")


def test_the_verb_counts_the_shared_store_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches entries of others among those that prune could delete."""
    theirs, own = Store(tmp_path / "theirs"), Store(tmp_path / "own")
    for number in range(3):
        theirs.add("answers", {"seed": number}, lambda entry: write_text(entry / "values", "x" * 2000))
    own.add("answers", {"seed": 0}, lambda entry: write_text(entry / "values", "x" * 2000))
    list_sizes(own.root, theirs.root)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines if line and line[0] in ("all", "shared")] == [["all", "1"], ["shared", "3"]]
    assert [line[-3] for line in lines if line[:3] == ["of", "them", "here,"]] == ["1"]
    list_needs(own.root, tmp_path, theirs.root)
    assert "of the shared store" in capsys.readouterr().out
