"""Trained once, found again: entries keyed by everything that changes the weights, and by nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from telltale.errors import InputError
from telltale.store.digests import ENTRY, digest_of, document_in, drop, fault_of, seal, to_disk
from telltale.store.locks import LOCK, Lock
from telltale.store.misses import miss_of
from telltale.store.others import exists, folders_in
from telltale.store.shared import Shared
from telltale.store.sweeping import CHECKPOINTS, sweep, write_makes

if TYPE_CHECKING:
    import numpy as np
    import torch

log = logging.getLogger("telltale")

WEIGHTS, DIGEST = "weights.safetensors", "weights.digest"  # files of an entry of kind "release"


@dataclass(frozen=True)
class Store:
    """Folders `<root>/<kind>/<key>/`, complete or absent; unfinished work lies in `<root>/.partial/`.

    Each entry has a digest of each of its files. One that is damaged is moved to `<root>/.damaged/` when it is looked
    for, and counts as absent. A store that cannot be written serves what it has.

    keep_weights: False = a run deletes the weights it used at its end; what the models answered stays.
    shared: a store of others, where what is not here is looked for; nothing is written there.
    served: the entries that were asked for and are there, as kind/key: what a run needs.
    """

    root: Path
    keep_weights: bool = True
    shared: Shared | None = None
    served: set[str] = field(default_factory=set, repr=False, compare=False)
    _used: set[Path] = field(default_factory=set, repr=False, compare=False)
    _explained: set[str] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK) and not any(self.root.iterdir()):
                raise PermissionError(0, "not writable, and empty")
        except OSError as error:
            raise self._cannot_be_written(error) from error

    def folder(self, kind: str, document: Mapping[str, Any]) -> Path:
        """Return where the entry for `document` lies, here or in the shared store, or would lie."""
        return self._place(kind, key_of(document))

    def entry(self, kind: str, key: str) -> Path:
        """Return the folder of an entry that is there, or should be: one that this run needs."""
        return self._served(self._place(kind, key))

    def _place(self, kind: str, key: str) -> Path:
        own = self.root / kind / key
        shared = self.shared.find(kind, key) if self.shared and not os.path.lexists(own) else None
        return shared or own

    def find(self, kind: str, document: Mapping[str, Any]) -> Path | None:
        """Return the entry's folder, None where there is none; a damaged one is set aside, and is none."""
        return self.sound(self.folder(kind, document)) or self._found_shared(kind, key_of(document))

    def _found_shared(self, kind: str, key: str) -> Path | None:
        folder = self.shared.find(kind, key) if self.shared else None
        return self._served(folder) if folder else None

    def sound(self, folder: Path) -> Path | None:
        """Return an entry's folder if all of it is as it was written; else set it aside, told in one line."""
        if self.shared and self.shared.has(folder):
            return self.shared.sound(folder)
        if not os.path.lexists(folder):
            return None
        if fault := fault_of(folder):
            with self._locked(f"{folder.parent.name}-{folder.name}", f"{folder} is damaged ({fault})"):
                whole = self._sound(folder)
            return self._served(whole) if whole else None
        return self._served(folder)

    def _served(self, folder: Path) -> Path:
        self.served.add(f"{folder.parent.name}/{folder.name}")
        return folder

    def _sound(self, folder: Path) -> Path | None:
        """Do as `sound` under the entry's lock: whoever else found the damage may have made the entry again."""
        if not os.path.lexists(folder):
            return None
        if fault := fault_of(folder):
            damaged = self.root / ".damaged"
            if os.path.lexists(damaged) and not damaged.is_dir():
                damaged.rename(self.root / f".damaged-{uuid.uuid4().hex[:8]}")
            damaged.mkdir(exist_ok=True)
            place = damaged / f"{folder.parent.name}-{folder.name}-{uuid.uuid4().hex[:8]}"
            folder.rename(place)
            log.warning(f"store: {folder.parent.name}/{folder.name}: {fault}; set aside as {place}, and made again")
            return None
        return folder

    def entries(self, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield the folder and document of each entry of a kind; one whose document cannot be read is set aside."""
        for folder in folders_in(self.root / kind):
            document = document_in(folder)
            if document is not None:
                yield folder, document
            else:
                self.sound(folder)
        for entry in self.shared.entries(kind) if self.shared else ():
            if not os.path.lexists(self.root / kind / entry[0].name):
                yield entry

    def weights(self, entry: str, again: bool = False) -> Path:
        """Return the file of a model's weights; InputError where they were not kept, or are damaged.

        again: models that are not trained yet will need them, so `end` leaves them.
        """
        file = self._place("release", entry) / WEIGHTS
        self._require_sound(file.parent)
        if not exists(file):
            why = f"weights of {entry} were not kept and are asked something new; "
            if self.shared and self.shared.has(file):
                raise InputError("paths.shared_store", self.shared.root, f"{why}give null, or a store that has them")
            raise InputError("paths.keep_weights", self.keep_weights, f"{why}delete {file.parent} to train again")
        if not again and file.is_relative_to(self.root):
            self._used.add(file)
        return file

    def digest_of_weights(self, entry: str) -> str:
        """Return the digest of a model's weights, which outlives them; InputError as in `weights`."""
        folder = self._place("release", entry)
        self._require_sound(folder)
        return (folder / DIGEST).read_text(encoding="utf-8")

    def _require_sound(self, folder: Path) -> None:
        """Refuse what was lost or damaged after this run had found it."""
        fault = fault_of(folder) if exists(folder) else "it is gone"
        if fault:
            name = "paths.shared_store" if self.shared and self.shared.has(folder) else "paths.store"
            raise InputError(name, folder, f"{fault}, since this run began; the same command makes it again")

    def detached(self) -> Store:
        """Return the store for another process, which may have another working folder."""
        return Store(self.root.resolve(), shared=self.shared and Shared(self.shared.root.resolve()))

    def end(self) -> None:
        """Delete the weights that were used, unless they are to be kept, and what killed runs left behind."""
        sweep(self.root)
        if not self.keep_weights:
            try:
                for file in self._used:
                    drop(file)
            except OSError as error:
                log.warning(f"store: paths.keep_weights=false, but {error.filename} stays ({error.strerror})")

    def find_or_make(
        self, kind: str, document: Mapping[str, Any], make: Callable[[Path, Path], None]
    ) -> tuple[Path, bool]:
        """Return the entry's folder and whether it was there; make it if not, or if it is damaged.

        make(entry, partial) writes the entry's files into `entry` and may keep checkpoints in `partial`, which
        outlives an interruption. A lock keeps two jobs from making the same entry; the entry appears at once or
        not at all.
        """
        key = key_of(document)
        final = self._served(self.root / kind / key)
        if exists(final) and not fault_of(final):
            return final, True
        if (shared := self._found_shared(kind, key)) is not None:
            return shared, True
        with self.workshop(f"{kind}-{final.name}", [final]) as partial:
            found = self._sound(final) is not None
            if not found:
                if kind not in self._explained:  # many models of one recipe miss for one reason
                    self.tell_miss(kind, document)
                    self._explained.add(kind)
                self.add(kind, document, lambda entry: make(entry, partial))
        return final, found

    def add(self, kind: str, document: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
        """Have write(entry) fill a new entry's folder; it appears at once, and one that is there already stays."""
        final, name = self.root / kind / key_of(document), f"{kind}-{uuid.uuid4().hex[:12]}"
        self._served(final)
        with self._locked(name, f"there is no {kind}/{final.name}"):
            work = self.root / ".partial" / name
            try:
                entry = work / "entry"
                entry.mkdir(parents=True)
                write(entry)
                write_text(entry / ENTRY, json.dumps(document, indent=1, sort_keys=True, default=str))
                seal(entry)
                try:
                    final.parent.mkdir(exist_ok=True)
                    entry.replace(final)
                except OSError as error:
                    if not exists(final):  # else another job was faster
                        if not final.parent.is_dir():  # a file, or a link that leads nowhere
                            raise self._cannot_be_written(error, f"{final.parent.name} in it ") from error
                        raise
                to_disk(final.parent)
            finally:
                shutil.rmtree(work, ignore_errors=True)
                with suppress(OSError):  # Windows keeps files that are open
                    work.with_name(f"{name}{LOCK}").unlink()
        return final

    @contextmanager
    def workshop(self, name: str, makes: Iterable[Path] = ()) -> Iterator[Path]:
        """Lock a piece of work and give it a folder for checkpoints, which outlives an interruption.

        makes: the entries that come of it; once they are there, nobody goes on from its checkpoints.
        """
        work = self.root / ".partial" / name
        with self._locked(name, f"there is no {name}"):
            partial = work / CHECKPOINTS
            partial.mkdir(parents=True, exist_ok=True)
            write_makes(work, makes)
            yield partial
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _locked(self, name: str, why: str) -> Iterator[None]:
        """Hold the lock of a piece of work; once the entry is there, whoever gets it finds that, and its file can go.

        why: something is to be written, told where nothing can be.
        """
        lock = Lock(self.root / ".partial" / f"{name}{LOCK}")
        try:
            (self.root / ".partial").mkdir(exist_ok=True)
            lock.acquire(wait=False)
        except Timeout:
            log.info(f"store: waiting for another job, which is making {name}")
            lock.acquire()
        except OSError as error:
            raise self._cannot_be_written(error, f"{why}, and it ") from error
        try:
            yield
            lock.forget()
        finally:
            lock.release()

    def _cannot_be_written(self, error: OSError, why: str = "") -> InputError:
        reason = error.strerror or type(error).__name__
        return InputError("paths.store", self.root, f"{why}cannot be written ({reason}); give a folder that can")

    def tell_miss(self, kind: str, document: Mapping[str, Any]) -> None:
        """Log why no entry serves, for maintainers: the entries are read only where somebody listens (`-v`)."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug(self.explain_miss(kind, document))

    def explain_miss(self, kind: str, document: Mapping[str, Any]) -> str:
        """Say in one line why no entry serves: the nearest one, and the first field that differs."""
        folders = sorted(file.parent for file in (self.root / kind).glob(f"*/{ENTRY}"))
        return miss_of(folders[:500], kind, document)


def key_of(document: Mapping[str, Any]) -> str:
    """Hash a document of plain values, independent of the order of its keys."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def write_weights(entry: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write a model's weights into an entry, and their digest."""
    from safetensors.torch import save  # slow, and who only looks for an entry does not need it

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    (entry / WEIGHTS).write_bytes(save(tensors))  # its own writer calls a full disk a SafetensorError
    (entry / DIGEST).write_text(digest_of(entry / WEIGHTS), encoding="utf-8")


def write_text(file: Path, text: str) -> None:
    """Write a text file of an entry."""
    file.write_text(text, encoding="utf-8")


def write_array(file: Path, array: np.ndarray) -> None:
    """Write an array of an entry as .npy. By way of memory: numpy's own writer loses its last bytes on a full disk."""
    import numpy as np

    whole = io.BytesIO()
    np.save(whole, array, allow_pickle=False)
    file.write_bytes(whole.getbuffer())
