"""Checkpoints at epoch ends, each with a digest: a fit goes on from what was written, or starts anew."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from telltale.store.digests import digest_of, to_disk

log = logging.getLogger("telltale")


class EpochCheckpoint(Checkpoint):
    """Writes Lightning's full state at the end of epochs, about `times` times a fit: `number` times."""

    FILE, DIGESTS = "last.ckpt", "last.ckpt.digests"

    def __init__(self, folder: Path, epochs: int, times: int = 20) -> None:
        self.folder, self.every = folder, max(1, epochs // times)
        self.number = epochs // self.every

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save to a temporary name, then rename: a kill never leaves half a checkpoint."""
        if (trainer.current_epoch + 1) % self.every:
            return
        written = self.folder / "writing.ckpt"
        trainer.save_checkpoint(written)
        if trainer.is_global_zero:
            to_disk(written)
            self._note(digest_of(written))
            written.replace(self.folder / self.FILE)

    def _note(self, digest: str) -> None:
        """Write a digest down before the one it follows: a kill before the renaming leaves the checkpoint of that."""
        digests = self.folder / self.DIGESTS
        before = digests.read_text(encoding="ascii").split()[:1] if digests.exists() else []
        written = digests.with_name("writing.digests")
        written.write_text("\n".join([digest, *before]), encoding="ascii")
        written.replace(digests)


def kept_checkpoint(folder: Path, name: str) -> Path | None:
    """Return the checkpoint that the fit called `name` goes on from, None where there is none.

    One that is not what was written is deleted, told in one line.
    """
    file, digests = folder / EpochCheckpoint.FILE, folder / EpochCheckpoint.DIGESTS
    if not file.exists():
        digests.unlink(missing_ok=True)
        return None
    if digests.exists() and digest_of(file).encode() in digests.read_bytes().split():
        return file
    log.warning(f"{name}: the checkpoint {file} is not what was written; training starts from epoch 0")
    file.unlink(missing_ok=True)  # each of several processes looks
    digests.unlink(missing_ok=True)
    return None


def epoch_of(checkpoint: Path) -> int:
    """Return the number of epochs that a checkpoint has behind it."""
    return int(torch.load(checkpoint, weights_only=True)["epoch"]) + 1
