"""The folder of a run that is rehearsed: its stages are parts of what the run would take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from telltale.planning.ledger import Ledger
from telltale.reporting.run_folder import RunFolder


class RehearsedFolder(RunFolder):
    """A run's folder, whose stages are parts of a ledger."""

    ledger: Ledger

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what stands inside."""
        with super().stage(name), self.ledger.part(name):
            yield
