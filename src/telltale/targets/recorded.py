"""Answers of a model that were written down: a file of them by the records' ids, and nothing is asked."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.targets.said_labels import number_in
from telltale.targets.target import POPULATION, Target
from telltale.writing import counted

FIELD, SHOWN = "target.answers", 10
EXPECTED = "a .csv or .parquet file with id and a column for each class (or one of values), or .npz with id and answers"


class RecordedTarget(Target):
    """What a model answered, in a file.

    answers  .csv, .csv.gz or .parquet with a column `id` and one for each class, called as the class is, or one alone
             of values or labels; or .npz with id (n,), answers (n, classes) or (n,), and perhaps the classes' names
             (classes,), whose order is that of the answers

    The rest as in `Target`. Raises InputError for records that it has no answer for, counted, and for columns of which
    it is not known which class each is of.
    """

    asks_copies = False  # what was written down is all there is

    def __init__(
        self,
        answers: str | None = None,
        gives: str = "probabilities",
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
        stand_in: bool = False,
    ) -> None:
        super().__init__(gives, 4096, population, split, train, shadow_models, processes, stand_in)
        if answers is None or not Path(str(answers)).expanduser().is_file():
            raise InputError(FIELD, "null" if answers is None else answers, f"no such file; expected {EXPECTED}")
        self._path = Path(str(answers)).expanduser()
        read = _of_arrays if self._path.suffix == ".npz" else _of_table
        ids, self._columns = read(self._path)
        self._place = {name: row for row, name in enumerate(ids)}
        if len(self._place) < len(ids):
            twice = counted(len(ids) - len(self._place), "id stands", "ids stand")
            raise InputError(FIELD, self._path, f"{twice} there more than once")

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
        rows = [self._place[name] for name in names]
        return self.checked(self._chosen(classes)[rows], len(names), np.array(names), classes)

    def _chosen(self, classes: tuple[str, ...]) -> np.ndarray:
        """Return the columns that are meant, in the order of the classes: (rows, columns), or (rows,) of one alone."""
        if isinstance(self._columns, np.ndarray):
            return self._columns
        there = list(self._columns)
        if self.gives in ("values", "labels") and len(there) > 1:
            raise InputError(
                FIELD, self._path, f"has the columns {_listed(there)}; expected id and one of {self.gives}"
            )
        if self.gives != "probabilities" or not classes:
            return self._numbers(there)
        alone = there if len(there) == 1 and len(classes) == 2 else []
        if alone and alone != [classes[0]]:
            if alone != [classes[1]]:
                self.tell(f"{alone[0]} of {self._path.name} is read as the probability of {classes[1]}")
            return self._numbers(alone)
        if alone:
            return 1 - self._numbers(alone)
        meant = columns_of(classes, there)
        if meant is None:
            expected = (
                f"has the columns {_listed(there)}; expected one for each class, called as it is: {_listed(classes)}"
            )
            raise InputError(FIELD, self._path, expected)
        if meant != list(classes):
            pairs = _listed([f"{column} as {name}" for column, name in zip(meant, classes, strict=True)])
            self.tell(f"columns of {self._path.name} are read as probabilities of classes: {pairs}")
        if others := [name for name in there if name not in meant]:
            self.tell(f"columns of {self._path.name} that are no class are left out: {_listed(others)}")
        return self._numbers(meant)

    def _numbers(self, names: list[str]) -> np.ndarray:
        columns = [self._columns[name] for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.dtype.kind not in "fiub" and self.gives != "labels":
                raise InputError(FIELD, self._path, f"column {name} holds no numbers; expected {EXPECTED}")
        return np.stack(columns, 1)[:, 0] if len(names) == 1 and self.gives != "embeddings" else np.stack(columns, 1)


def columns_of(classes: Sequence[str], columns: Sequence[str]) -> list[str] | None:
    """Return which column each class's probability lies in; None where that is not clear.

    A column is called as the class, as the number that the class is called by (1.0 for 1), or as all classes with the
    same before and after it, where there are no other columns.

    >>> columns_of(["cat", "dog"], ["p_dog", "p_cat"]), columns_of(["1", "2"], ["0", "1"])
    (['p_cat', 'p_dog'], None)
    """
    if set(classes) <= set(columns):
        return list(classes)
    numbers = {number_in(name): name for name in columns}
    wanted = [number_in(name) for name in classes]
    if len(numbers) == len(columns) == len(set(wanted)) and None not in wanted and set(wanted) == set(numbers):
        return [numbers[number] for number in wanted]
    for column in columns:
        before, found, after = column.partition(classes[0])
        named = [f"{before}{name}{after}" for name in classes]
        if found and len(named) == len(columns) and set(named) == set(columns):
            return named
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names[:SHOWN])) + (", …" if len(names) > SHOWN else "")


def _of_arrays(path: Path) -> tuple[list[str], np.ndarray | dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(FIELD, path, f"cannot be read without pickles ({error})") from None
    ids, answers = arrays.get("id", arrays.get("ids")), arrays.get("answers")
    if ids is None or answers is None or ids.shape != answers.shape[:1]:
        there = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise InputError(FIELD, path, f"holds {there}; expected id (n,) and answers (n, classes) or (n,)")
    names = arrays.get("classes")
    if names is None:
        return ids.astype(str).tolist(), answers
    if names.shape != answers.shape[1:2] or answers.ndim != 2:
        raise InputError(FIELD, path, f"holds answers {answers.shape} and classes {names.shape}; expected one a column")
    return ids.astype(str).tolist(), dict(zip(names.astype(str).tolist(), answers.T, strict=True))


def _of_table(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    import pandas as pd

    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"id": str})
    except (OSError, ValueError, UnicodeDecodeError, EOFError) as error:
        raise InputError(FIELD, path, f"cannot be read ({error}); expected {EXPECTED}") from None
    if "id" not in table or len(table.columns) < 2:
        there = ", ".join(map(str, table.columns)) or "nothing"
        raise InputError(FIELD, path, f"has the columns {there}; expected {EXPECTED}")
    columns = {str(name): table[name].to_numpy() for name in table.columns if name != "id"}
    return table["id"].astype(str).tolist(), columns
