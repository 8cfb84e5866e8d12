"""Trained once, found again: entries keyed by everything that changes the weights, and by nothing else."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from telltale.errors import InputError

if TYPE_CHECKING:
    import torch

log = logging.getLogger("telltale")

WEIGHTS, DIGEST = "weights.safetensors", "weights.digest"  # files of an entry of kind "release"


@dataclass(frozen=True)
class Store:
    """Folders `<root>/<kind>/<key>/`, complete or absent; unfinished work lies in `<root>/.partial/`.

    keep_weights: False = a run deletes the weights it used at its end; what the models answered stays.
    """

    root: Path
    keep_weights: bool = True
    _used: set[Path] = field(default_factory=set, repr=False, compare=False)
    _explained: set[str] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            (self.root / ".partial").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "paths.store", self.root, f"cannot be written ({error.strerror}); give a folder that can"
            ) from error
        if not os.access(self.root, os.W_OK):
            raise InputError("paths.store", self.root, "cannot be written; give a folder that can")

    def folder(self, kind: str, document: Mapping[str, Any]) -> Path:
        """Return where the entry for `document` lies or would lie."""
        return self.root / kind / key_of(document)

    def weights(self, entry: str, again: bool = False) -> Path:
        """Return the file of a model's weights; InputError where they were not kept.

        again: models that are not trained yet will need them, so `end` leaves them.
        """
        file = self.root / "release" / entry / WEIGHTS
        if not file.exists():
            why = f"weights of {entry} were not kept and are asked something new; delete {file.parent} to train again"
            raise InputError("paths.keep_weights", self.keep_weights, why)
        if not again:
            self._used.add(file)
        return file

    def digest_of_weights(self, entry: str) -> str:
        """Return the digest of a model's weights, which outlives them."""
        return (self.root / "release" / entry / DIGEST).read_text()

    def detached(self) -> Store:
        """Return the store for another process, which may have another working folder."""
        return Store(self.root.resolve())

    def end(self) -> None:
        """Delete the weights that were used, unless they are to be kept."""
        if not self.keep_weights:
            for file in self._used:
                file.unlink(missing_ok=True)

    def find_or_make(
        self, kind: str, document: Mapping[str, Any], make: Callable[[Path, Path], None]
    ) -> tuple[Path, bool]:
        """Return the entry's folder and whether it was there; make it if not.

        make(entry, partial) writes the entry's files into `entry` and may keep checkpoints in `partial`, which
        outlives an interruption. A lock keeps two jobs from making the same entry; the entry appears at once or
        not at all.
        """
        final = self.folder(kind, document)
        if final.exists():
            return final, True
        with self.workshop(f"{kind}-{final.name}") as partial:
            found = final.exists()
            if not found:
                if kind not in self._explained:  # many models of one recipe miss for one reason
                    self.tell_miss(kind, document)
                    self._explained.add(kind)
                self.add(kind, document, lambda entry: make(entry, partial))
        return final, found

    def add(self, kind: str, document: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
        """Have write(entry) fill a new entry's folder; it appears at once, and one that is there already stays."""
        final = self.folder(kind, document)
        with tempfile.TemporaryDirectory(dir=self.root / ".partial", prefix=f"{kind}-") as temporary:
            entry = Path(temporary) / "entry"
            entry.mkdir()
            write(entry)
            (entry / "entry.json").write_text(json.dumps(document, indent=1, sort_keys=True, default=str))
            final.parent.mkdir(parents=True, exist_ok=True)
            try:
                entry.replace(final)
            except OSError:
                if not final.exists():  # else another job was faster
                    raise
        return final

    @contextmanager
    def workshop(self, name: str) -> Iterator[Path]:
        """Lock a piece of work and give it a folder for checkpoints, which outlives an interruption."""
        work = self.root / ".partial" / name
        with self._locked(work):
            partial = work / "checkpoints"
            partial.mkdir(parents=True, exist_ok=True)
            yield partial
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _locked(self, work: Path) -> Iterator[None]:
        """Hold the entry's lock; once the entry is there, whoever gets the lock finds it, and its file can go."""
        lock = FileLock(work.parent / f"{work.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info(f"store: waiting for another job, which is making {work.name}")
            lock.acquire()
        try:
            yield
            with suppress(OSError):  # Windows keeps files that are open
                Path(lock.lock_file).unlink()
        finally:
            lock.release()

    def tell_miss(self, kind: str, document: Mapping[str, Any]) -> None:
        """Log why no entry serves, for maintainers: the entries are read only where somebody listens (`-v`)."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug(self.explain_miss(kind, document))

    def explain_miss(self, kind: str, document: Mapping[str, Any]) -> str:
        """Say in one line why no entry serves: the nearest one, and the first field that differs."""
        wanted = dict(_flatten(document))
        nearest: tuple[int, str, str] | None = None
        for file in sorted((self.root / kind).glob("*/entry.json"))[:500]:
            there = dict(_flatten(json.loads(file.read_text())))
            different = sorted(key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key))
            if different and (nearest is None or len(different) < nearest[0]):
                first = different[0]
                nearest = (
                    len(different),
                    file.parent.name,
                    f"{first}: {there.get(first)} there, {wanted.get(first)} here",
                )
        if nearest is None:
            return f"store: no {kind} yet"
        return f"store: no such {kind}; the nearest, {nearest[1]}, differs in {nearest[0]} fields, first {nearest[2]}"


def key_of(document: Mapping[str, Any]) -> str:
    """Hash a document of plain values, independent of the order of its keys."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def write_weights(entry: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write a model's weights into an entry, and their digest."""
    from safetensors.torch import save_file  # slow, and who only looks for an entry does not need it

    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, entry / WEIGHTS)
    (entry / DIGEST).write_text(hashlib.blake2b((entry / WEIGHTS).read_bytes(), digest_size=16).hexdigest())


def write_text(file: Path, text: str) -> None:
    """Write a text file of an entry."""
    file.write_text(text)


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flatten(part, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, json.dumps(value, sort_keys=True, default=str)
