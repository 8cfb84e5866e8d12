"""What a rehearsal keeps, what it finds of it, and what other processes take."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from telltale.data.ahead import ahead, told_instead
from telltale.data.images.records import ImageRecords
from telltale.data.kept import Kept
from telltale.owner.release import Release
from telltale.planning.ledger import Ledger
from telltale.planning.owner import RehearsedRelease
from telltale.planning.store import RehearsalStore
from telltale.store.store import Store
from telltale.training.rehearsal import now


def burn() -> None:
    began = now()
    while now().less(began).cpu < 0.2:
        pass


def store_in(folder: Path) -> RehearsalStore:
    return RehearsalStore(folder / "own", below=Store(folder / "below"), ledger=Ledger())


def test_what_a_rehearsal_kept_is_found_again_unless_it_is_forgetting(tmp_path: Path) -> None:
    """Catches results that a run makes once and a plan counts for every control; it was 2.3 times too dear."""
    store, made = store_in(tmp_path), []

    def make() -> Mapping[str, np.ndarray]:
        made.append(1)
        return {"numbers": np.ones(3)}

    for _ in range(2):
        Kept(store).arrays("numbers", {"of": "a"}, make, __name__)
    assert len(made) == 1
    with store.forgetting():
        Kept(store).arrays("numbers", {"of": "a"}, make, __name__)
    assert len(made) == 2
    Kept(store).arrays("numbers", {"of": "a"}, make, __name__)
    assert len(made) == 2


def test_threads_that_ask_for_one_entry_all_find_it(tmp_path: Path) -> None:
    """Catches a link that two threads make, which ended a plan in "File exists", and one found before it is there."""
    store, sound, both = store_in(tmp_path), Store.sound, threading.Barrier(2)
    Kept(store.below).arrays("numbers", {"of": "a"}, lambda: {"numbers": np.ones(3)}, __name__)

    def slow(self: Store, folder: Path) -> Path | None:
        if self is store.below:
            threading.Event().wait(0.2)
        return sound(self, folder)

    def ask() -> list[str]:
        both.wait()
        return list(Kept(store).arrays("numbers", {"of": "a"}, dict, __name__))

    with mock.patch.object(Store, "sound", slow), ThreadPoolExecutor(2) as threads:
        assert [asked.result() for asked in [threads.submit(ask) for _ in range(2)]] == [["numbers"]] * 2


def test_copies_of_a_model_answer_differently_in_a_rehearsal() -> None:
    """Catches results kept of one model's answers that are found for another, as no run would find them."""
    pixels = np.random.default_rng(0).random((20, 1, 2, 2)).astype(np.float32)
    records = ImageRecords(pixels, np.arange(20) % 2, "made up", ("a", "b"))
    answers = [
        RehearsedRelease.of(Release(lambda: torch.nn.Flatten(), key)).embeddings(records) for key in ("one", "other")
    ]
    assert not np.array_equal(*answers)
    assert np.array_equal(*(np.sort(rows, axis=0) for rows in answers))


def test_a_process_that_would_be_given_work_is_told_and_not_begun(tmp_path: Path) -> None:
    """Catches a plan that lets another process work, whose time it does not see."""
    told: list[str] = []
    before = multiprocessing.active_children()
    with ahead(), told_instead(lambda: told.append("told")):
        Kept(store_in(tmp_path)).begin("numbers", {"of": "a"}, dict, __name__)
    assert told == ["told"] and multiprocessing.active_children() == before


def test_processor_time_counts_processes_that_ended() -> None:
    """Catches workers that read molecules: they took two fifths of a run, and no plan saw it."""
    began = now()
    child = multiprocessing.get_context("fork").Process(target=burn)
    child.start()
    child.join()
    assert now().less(began).cpu >= 0.2


def test_what_code_has_finished_answers_as_fast_as_what_it_began_with(tmp_path: Path) -> None:
    """Catches a plan that asks each of forty compressions of one network, and one that takes networks for alike."""
    store = store_in(tmp_path)
    begun, larger = (store.folder("release", {"width": width}).name for width in (8, 16))
    codes = [{"finishes": begun, "code": {"bits": 4}}, {"finishes": begun, "code": {"bits": 2}}]
    finished = [store.folder("release", document).name for document in codes]
    assert store.known[finished[0]] != store.known[finished[1]]  # they take another time to make
    asked = [store.folder("answers", {"release": key}).name for key in (begun, *finished, larger)]
    assert len({store.known[key] for key in asked[:3]}) == 1 and store.known[asked[3]] != store.known[asked[0]]
