"""Answers of a model that were written down: a file of them by the records' ids, and nothing is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.targets.target import POPULATION, Target, checked

FIELD = "target.answers"
EXPECTED = "a .csv or .parquet file with id and a column for each class (or one of values), or .npz with id and answers"


class RecordedTarget(Target):
    """What a model answered, in a file.

    answers  .csv, .csv.gz or .parquet with a column `id` and one for each class, called as the class is, or one alone
             of values or labels; or .npz with id (n,) and answers (n, classes) or (n,)

    The rest as in `Target`. Raises InputError for records that it has no answer for, counted.
    """

    def __init__(
        self,
        answers: str | None = None,
        gives: str = "probabilities",
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
    ) -> None:
        super().__init__(gives, 4096, population, split, train, shadow_models, processes)
        if answers is None or not Path(str(answers)).expanduser().is_file():
            raise InputError(FIELD, "null" if answers is None else answers, f"no such file; expected {EXPECTED}")
        self._path = Path(str(answers)).expanduser()
        read = _of_arrays if self._path.suffix == ".npz" else _of_table
        ids, self._columns, self._answers = read(self._path)
        self._place = {name: row for row, name in enumerate(ids)}
        if len(self._place) < len(ids):
            raise InputError(FIELD, self._path, f"{len(ids) - len(self._place):,} ids stand there more than once")

    @property
    def name(self) -> str:
        """Name the file."""
        return self._path.name

    def ask(self, inputs: Any, classes: tuple[str, ...] = (), ids: np.ndarray | None = None) -> np.ndarray:
        """Look the answers up by id."""
        names = [str(row) for row in range(len(inputs))] if ids is None else [str(name) for name in ids.tolist()]
        if missing := [name for name in names if name not in self._place]:
            more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            there = next(iter(self._place), "nothing")
            expected = f"no answer for {missing[0]}{more} of {len(names):,} records; ids there are like {there}"
            raise InputError(FIELD, self._path, expected)
        answers = self._answers[[self._place[name] for name in names]][:, self._order(classes)]
        return checked(answers, self.gives, len(names), np.array(names), len(classes))

    def _order(self, classes: tuple[str, ...]) -> list[int]:
        """Return which columns are meant, in the order of the classes."""
        if self.gives != "probabilities" or set(self._columns) != set(classes):
            return list(range(self._answers.shape[1]))
        return [self._columns.index(name) for name in classes]


def _of_arrays(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(FIELD, path, f"cannot be read without pickles ({error})") from None
    ids, answers = arrays.get("id", arrays.get("ids")), arrays.get("answers")
    if ids is None or answers is None or ids.shape != answers.shape[:1]:
        there = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise InputError(FIELD, path, f"holds {there}; expected id (n,) and answers (n, classes) or (n,)")
    return ids.astype(str).tolist(), [], answers.reshape(len(ids), -1)


def _of_table(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    import pandas as pd

    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"id": str})
    except (OSError, ValueError, UnicodeDecodeError, EOFError) as error:
        raise InputError(FIELD, path, f"cannot be read ({error}); expected {EXPECTED}") from None
    columns = [str(name) for name in table.columns if name != "id"]
    if "id" not in table or not columns:
        there = ", ".join(map(str, table.columns)) or "nothing"
        raise InputError(FIELD, path, f"has the columns {there}; expected {EXPECTED}")
    for name in columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(FIELD, path, f"column {name} holds no numbers; expected {EXPECTED}")
    return table["id"].astype(str).tolist(), columns, table[columns].to_numpy()
