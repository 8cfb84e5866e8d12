"""A damaged entry of the store is noticed, set aside and made again; a store that cannot be written serves."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from telltale.errors import InputError
from telltale.store.digests import DIGESTS, fault_of
from telltale.store.store import Store
from telltale.training.fit import LiveCurve
from tests.owned import Owned
from tests.training.small import molecules, recipe_in, rows
from tests.training.test_fleet import RECORDS as PICTURES
from tests.training.test_fleet import fleet

DOCUMENT = {"seed": 0, "model": {"width": 8}}
RECORDS = molecules(10)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "empty": lambda file: file.write_bytes(b""),
    "garbage": lambda file: file.write_bytes(b"\x80\x02garbage"),
    "head": lambda file: file.write_bytes(b"XXXX" + file.read_bytes()[4:]),
    "flip": flip,
    "deleted": lambda file: file.unlink(),
}


def make(entry: Path, _: Path) -> None:
    np.save(entry / "values.npy", np.arange(100))
    (entry / "text.json").write_text('{"a": [1, 2, 3]}')


@pytest.mark.parametrize("name", ["values.npy", "text.json", "entry.json", DIGESTS])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_an_entry_is_made_again(
    damage: str, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a flipped bit that is used, and an empty file that stops every later run."""
    monkeypatch.setattr(logging.getLogger("telltale"), "propagate", True)
    folder, _ = Store(tmp_path).find_or_make("answers", DOCUMENT, make)
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    DAMAGES[damage](folder / name)
    unharmed = damage == "deleted" and name == DIGESTS  # an entry from before there were digests
    assert Store(tmp_path).find_or_make("answers", DOCUMENT, make) == (folder, unharmed)
    assert unharmed or {file.name: file.read_bytes() for file in folder.iterdir()} == whole
    lines = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == (not unharmed) and all("\n" not in line and str(tmp_path) in line for line in lines)
    assert len(list(tmp_path.glob(".damaged/*"))) == len(lines)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_only_explains_never_refuses(content: bytes, tmp_path: Path) -> None:
    """Catches one unreadable document that stops all new training for ever."""
    store = Store(tmp_path)
    folder, _ = store.find_or_make("release", {"seed": 1}, make)
    (folder / "entry.json").write_bytes(content)
    assert store.explain_miss("release", DOCUMENT) == "store: no release yet"
    assert store.find_or_make("release", DOCUMENT, make)[1] is False


def test_entries_from_before_digests_serve_unless_they_cannot_be_read(tmp_path: Path) -> None:
    """Catches a store that is thrown away by an upgrade."""
    store = Store(tmp_path)
    folder, _ = store.find_or_make("answers", DOCUMENT, make)
    (folder / DIGESTS).unlink()
    assert store.find("answers", DOCUMENT) == folder
    DAMAGES["truncated"](folder / "values.npy")
    assert store.find("answers", DOCUMENT) is None


def test_a_file_that_the_digests_do_not_list_is_not_served(tmp_path: Path) -> None:
    """Catches digests cut to some of their lines, and other answers in the place of what they no longer list."""
    store = Store(tmp_path)
    folder, _ = store.find_or_make("answers", DOCUMENT, make)
    lines = (folder / DIGESTS).read_text().splitlines(keepends=True)
    (folder / ".DS_Store").touch()
    assert fault_of(folder) == ""
    (folder / DIGESTS).write_text("".join(line for line in lines if "values.npy" not in line))
    np.save(folder / "values.npy", np.zeros(100))
    assert fault_of(folder) == f"{DIGESTS} does not list values.npy"
    assert store.find_or_make("answers", DOCUMENT, make) == (folder, False)
    assert np.array_equal(np.load(folder / "values.npy"), np.arange(100))


def test_a_link_that_leads_nowhere_and_a_file_in_the_way_heal(tmp_path: Path) -> None:
    """Catches a traceback at every later run: an entry's disk is gone, and `.damaged` is a file."""
    store = Store(tmp_path)
    folder, _ = store.find_or_make("answers", DOCUMENT, make)
    (tmp_path / ".damaged").touch()
    for _ in range(2):
        shutil.rmtree(folder)
        folder.symlink_to(tmp_path / "gone")
        assert store.find("answers", DOCUMENT) is None and not folder.is_symlink()
        folder.symlink_to(tmp_path / "gone")
        assert store.find_or_make("answers", DOCUMENT, make) == (folder, False)
        assert (folder / "values.npy").is_file()
    assert len(list((tmp_path / ".damaged").iterdir())) == 4
    (tmp_path / "release").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"^paths\.store=.*: release in it cannot be written"):
        store.find_or_make("release", DOCUMENT, make)


def answers(root: Path) -> list[np.ndarray]:
    return [release.probabilities(PICTURES) for release in fleet(root, models=3)]


def test_one_damaged_model_of_a_fleet_comes_back_bit_for_bit(tmp_path: Path) -> None:
    """Catches weights with a flipped bit that change metrics, and a model whose bits depend on its company."""
    before = answers(tmp_path)
    folder = sorted((tmp_path / "release").iterdir())[1]
    weights = (folder / "weights.safetensors").read_bytes()
    flip(folder / "weights.safetensors")
    shutil.rmtree(tmp_path / "answers")
    assert all(np.array_equal(one, two) for one, two in zip(before, answers(tmp_path), strict=True))
    assert (folder / "weights.safetensors").read_bytes() == weights and fault_of(folder) == ""


def test_an_account_of_a_fault_is_given_where_it_happens_within_a_run(tmp_path: Path) -> None:
    """Catches a damage between looking for weights and reading them."""
    recipe: Owned = recipe_in(tmp_path)
    release = recipe.train(RECORDS, rows(RECORDS), 0)
    flip(tmp_path / "release" / release.entry / "weights.safetensors")
    with pytest.raises(InputError, match=r"weights\.safetensors is not what was written, since this run began"):
        recipe.store.weights(release.entry)
    shutil.rmtree(tmp_path / "release")
    with pytest.raises(InputError, match="it is gone, since this run began"):
        recipe.store.digest_of_weights(release.entry)


def test_a_store_that_cannot_be_written_serves_what_it_has(tmp_path: Path) -> None:
    """Catches a complete store that is refused because it is read-only, and a traceback where it is not complete."""
    folder, _ = Store(tmp_path).find_or_make("answers", DOCUMENT, make)
    (tmp_path / ".partial").rmdir()
    (tmp_path / ".partial").touch()  # root may write anywhere, but not below a file
    store = Store(tmp_path, keep_weights=False)
    assert store.find_or_make("answers", DOCUMENT, make) == (folder, True)
    store.end()
    for write in (store.find_or_make, lambda *rest: store.add(*rest[:2], lambda entry: None)):
        with pytest.raises(InputError, match=r"there is no answers.* and it cannot be written"):
            write("answers", {"seed": 5}, make)
    flip(folder / "values.npy")
    with pytest.raises(InputError, match=r"is damaged \(values.npy is not what was written\), and it cannot be"):
        store.find("answers", DOCUMENT)


def test_what_killed_runs_left_is_swept_and_what_is_wanted_stays(tmp_path: Path) -> None:
    """Catches `.partial` that grows with every kill, and a checkpoint or another job's work that is deleted."""
    store, partial = Store(tmp_path), tmp_path / ".partial"
    done, _ = store.find_or_make("release", DOCUMENT, make)
    for name, makes in (("done", [done]), ("wanted", [tmp_path / "release" / "not yet"]), ("held", [done])):
        with pytest.raises(KeyboardInterrupt), store.workshop(name, makes) as checkpoints:
            (checkpoints / "last.ckpt").touch()
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), store.workshop("without a checkpoint"):
        raise KeyboardInterrupt
    (partial / "release-0123" / "entry").mkdir(parents=True)  # as a kill leaves it while an entry is written
    (partial / "release-0123.lock").touch()
    (partial / "of an older version").mkdir()
    with FileLock(partial / "held.lock"):
        store.end()
    left = {path.name for path in partial.iterdir() if path.is_dir()}
    assert left == {"wanted", "held", "of an older version"}
    assert {path.stem for path in partial.glob("*.lock")} <= left


def test_weights_that_were_not_to_be_kept_are_no_damage(tmp_path: Path) -> None:
    """Catches a model trained again at every run because its weights were deleted on purpose."""
    recipe: Owned = recipe_in(tmp_path).replace(store=Store(tmp_path, keep_weights=False))
    release = recipe.train(RECORDS, rows(RECORDS), 0)
    release.embeddings(RECORDS)
    recipe.store.end()
    folder = tmp_path / "release" / release.entry
    assert not (folder / "weights.safetensors").exists() and fault_of(folder) == ""


@pytest.mark.parametrize("name", ["last.ckpt", "last.ckpt.digests"])
@pytest.mark.parametrize("damage", ["flip", "truncated", "deleted"])
def test_a_damaged_checkpoint_starts_the_fit_anew(
    damage: str, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a flipped bit that is trained on, and a truncated file that ends every later run."""
    monkeypatch.setattr(logging.getLogger("telltale"), "propagate", True)
    whole = recipe_in(tmp_path / "whole").train(RECORDS, rows(RECORDS), 0)

    def stop(values: dict[str, float], epoch: int) -> None:
        raise KeyboardInterrupt if epoch == 2 else ValueError

    monkeypatch.setattr(LiveCurve, "record", lambda curve, epoch, loss: epoch == 2 and stop({}, epoch))
    with pytest.raises(KeyboardInterrupt, match="epoch 1 of 2 is kept"):
        recipe_in(tmp_path, on_epoch=stop).train(RECORDS, rows(RECORDS), 0)
    DAMAGES[damage](next(tmp_path.glob(f".partial/*/checkpoints/{name}")))
    seen: list[int] = []
    monkeypatch.setattr(LiveCurve, "record", lambda curve, epoch, loss: seen.append(epoch))
    again = recipe_in(tmp_path, on_epoch=stop).train(RECORDS, rows(RECORDS), 0)
    assert seen == [1, 2]
    files = [folder / "release" / whole.entry for folder in (tmp_path / "whole", tmp_path)]
    assert again.entry == whole.entry
    assert all((files[0] / name).read_bytes() == (files[1] / name).read_bytes() for name in (DIGESTS, "curve.csv"))
    told = [record.message for record in caplog.records if "training starts from epoch 0" in record.message]
    assert len(told) == (damage != "deleted" or name != "last.ckpt")
