"""Several run loggers at once: `logger=[csv,wandb]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from telltale.errors import InputError
from telltale.reporting.loggers import NoLogger, RunLogger


class SeveralLoggers(NoLogger):
    """Tells each of the named loggers the same; one that fails does not keep the others from what they are told.

    names    which ones
    options  of each logger there is, named or not; only the named are made

    Raises InputError for a name that there is not, or one given twice.
    """

    def __init__(
        self,
        folder: Path | str,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        names: Sequence[str],
        **options: Mapping[str, Any],
    ) -> None:
        for one in names:
            if one not in options or list(names).count(one) > 1:
                raise InputError("logger", f"[{','.join(names)}]", f"each once, of {', '.join(sorted(options))}")
        if not names:
            raise InputError("logger", "[]", f"at least one of {', '.join(sorted(options))}, or logger=none")
        beside: dict[str, Any] = {"folder": str(folder), "name": name, "settings": settings}
        self.loggers: list[RunLogger] = []
        try:
            for one in names:
                self.loggers.append(instantiate(options[one], **beside, _convert_="all", _recursive_=False))
        except BaseException:
            self.finish(failed=True)
            raise

    def log_scalars(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record named numbers with each."""
        self._each(lambda one: one.log_scalars(values, step))

    def log_figure(self, name: str, path: Path | str) -> None:
        """Record a PNG file with each."""
        self._each(lambda one: one.log_figure(name, path))

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Record a table with each."""
        self._each(lambda one: one.log_table(name, columns, rows))

    def log_files(self, files: Sequence[Path]) -> None:
        """Hand the files to each."""
        self._each(lambda one: one.log_files(files))

    def finish(self, failed: bool = False) -> None:
        """Close each."""
        self._each(lambda one: one.finish(failed))

    def _each(self, tell: Callable[[RunLogger], None]) -> None:
        """Tell all, then raise what the first that failed raised."""
        failures: list[Exception] = []
        for one in self.loggers:
            try:
                tell(one)
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]
