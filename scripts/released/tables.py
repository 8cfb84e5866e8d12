"""Released property models: their tables, and the split that decided which molecules each was trained on.

The split is chemprop 2.0's default one, 80/10/10 at random: scikit-learn's permutation of a seed, whose first entry
goes last (astartes' random sampler, which chemprop calls, leaves one row to a test set and puts it behind the others).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from telltale.data.given import Given, groups_of
from telltale.data.plain_numbers import morgan_counts
from telltale.errors import InputError

FOLDER = Path("../shared/data/admetica")
ROLES = ("train", "val", "test")
DROPPED = {  # rows that were split with the others, with their values, and are no molecules that RDKit can read
    "solubility": {9144: 0.9621, 9145: -1.2983},
}


@dataclass(frozen=True, eq=False)
class Table:
    """A released model's table, and what its release says of itself.

    name, smiles, truth (n,), role (n,), prediction (n,), epochs; mean and scale of the training targets, as stored
    """

    name: str
    smiles: list[str]
    truth: np.ndarray
    role: np.ndarray
    prediction: np.ndarray
    epochs: int
    mean: float
    scale: float

    def __len__(self) -> int:
        """Count the molecules."""
        return len(self.smiles)

    @property
    def member(self) -> np.ndarray:
        """Who the model was trained on: (n,) bool."""
        return self.role == "train"

    @property
    def error(self) -> np.ndarray:
        """The plain attack's score, minus the absolute error: (n,)."""
        return -np.abs(self.prediction - self.truth)

    @cached_property
    def once(self) -> np.ndarray:
        """Which molecules occur in one row of the table: (n,) bool."""
        times = Counter(self.smiles)
        return np.array([times[text] == 1 for text in self.smiles])

    @cached_property
    def groups(self) -> np.ndarray:
        """Rows of one molecule, which intervals draw as one: (n,) int64."""
        return groups_of(self.smiles)

    @cached_property
    def scaffolds(self) -> np.ndarray:
        """The Bemis-Murcko scaffold of each molecule, (n,) text; empty: it has no ring."""
        from rdkit import Chem
        from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

        return np.array([MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(text)) for text in self.smiles])

    @cached_property
    def given(self) -> Given:
        """The records as whoever holds the table has them."""
        ids = np.array([f"{row}: {text}" for row, text in enumerate(self.smiles)])
        features = morgan_counts(self.smiles)
        return Given(self.smiles, self.name, ids, self.truth, (), self.member, self.groups, features)

    def roles_of(self, seed: int) -> np.ndarray:
        """Return the roles that another seed of the same split would have dealt: (n,) text."""
        dropped = DROPPED.get(self.name, {})
        return np.delete(split(len(self) + len(dropped), seed), list(dropped))

    def mean_of(self, seed: int) -> float:
        """Return the mean of the training targets that another seed of the same split would have had."""
        dropped = DROPPED.get(self.name, {})
        rows = np.arange(len(self) + len(dropped))
        truth = np.zeros(len(rows))
        truth[list(dropped)], truth[~np.isin(rows, list(dropped))] = list(dropped.values()), self.truth
        return float(truth[split(len(rows), seed) == "train"].mean())


def split(rows: int, seed: int) -> np.ndarray:
    """Return the role of each row under a seed, (rows,) text. See the module.

    >>> split(10, 0).tolist()
    ['train', 'train', 'test', 'train', 'train', 'train', 'train', 'train', 'train', 'val']
    """
    order = np.roll(np.random.RandomState(seed).permutation(rows), -1)
    train, val = int(rows * 0.8), int(rows * 0.1)
    role = np.full(rows, "test", dtype="U5")
    role[order[:train]], role[order[train : train + val]] = "train", "val"
    return role


def read(folder: Path) -> Table:
    """Read one model's folder: table.csv.gz and model.json. Raises InputError where they cannot be read."""
    import pandas as pd

    try:
        frame, facts = pd.read_csv(folder / "table.csv.gz"), json.loads((folder / "model.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("--folder", folder, f"expected a table.csv.gz and a model.json: {error}") from None
    smiles, role = frame["smiles"].tolist(), frame["role"].to_numpy(str)
    if unknown := set(role.tolist()) - set(ROLES):
        raise InputError("role", ", ".join(sorted(unknown)), f"one of {', '.join(ROLES)}")
    numbers = (frame[column].to_numpy(float) for column in ("y", "prediction"))
    truth, prediction = numbers
    stored = float(facts["target_mean"]), float(facts["target_scale"])
    return Table(facts["task"], smiles, truth, role, prediction, int(facts["epochs"]), *stored)


def read_all(folder: Path) -> list[Table]:
    """Read every model's folder, by name. Raises InputError where there is none."""
    places = sorted(place.parent for place in folder.glob("*/table.csv.gz"))
    if not places:
        raise InputError("--folder", folder, "expected one folder for each model (table.csv.gz, model.json)")
    return [read(place) for place in places]
