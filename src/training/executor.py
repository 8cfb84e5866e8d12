"""Where several fits run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Local:
    """Runs fits in this process, one after the other; each already uses all cores."""

    def run(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Run all jobs and return their results in order."""
        return [job() for job in jobs]
