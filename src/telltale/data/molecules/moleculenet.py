"""MoleculeNet (Wu et al. 2018): molecules with measured properties, in the folders of Hu et al. 2020."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale.checks import choice
from telltale.data.compressed import LARGEST
from telltale.data.folders import first_found, require_all_inside, require_root
from telltale.data.loaded import Loaded
from telltale.data.molecules.classes import KINDS, check_cut, with_classes, with_values, would_do
from telltale.data.molecules.rows import PropertyError, header, numeric_columns
from telltale.data.molecules.smiles_files import read_molecules
from telltale.data.molecules.views import seen_as
from telltale.errors import InputError


@dataclass(frozen=True)
class Task:
    """A data set of MoleculeNet.

    title     its name
    stem      of its file's name
    measured  its columns of results, () = all but SMILES and ids
    smiles    its column of SMILES
    """

    title: str
    stem: str
    measured: tuple[str, ...] = ()
    smiles: str = "smiles"


TASKS = {
    "bace": Task("BACE", "bace", ("Class",), "mol"),
    "bbbp": Task("BBBP", "BBBP", ("p_np",)),
    "clintox": Task("ClinTox", "clintox", ("FDA_APPROVED", "CT_TOX")),
    "esol": Task("ESOL", "delaney-processed", ("measured log solubility in mols per litre",)),
    "freesolv": Task("FreeSolv", "SAMPL", ("expt",)),
    "hiv": Task("HIV", "HIV", ("HIV_active",)),
    "lipophilicity": Task("Lipophilicity", "Lipophilicity", ("exp",)),
    "muv": Task("MUV", "muv"),
    "sider": Task("SIDER", "sider"),
    "tox21": Task("Tox21", "tox21"),
    "toxcast": Task("ToxCast", "toxcast_data"),
}
IDENTIFIERS = frozenset({"mol_id", "smiles", "name", "num"})


def load(
    root: str | None = None,
    name: str = "bace",
    label: str | None = None,
    cut: float | str | None = None,
    cache: str | None = None,
    max_invalid: float = 0.05,
    largest: float = LARGEST,
    view: str = "graph",
    kind: str = "classes",
) -> Loaded[Any]:
    """Return the molecules of one data set with what was measured of them, NaN where blank, and a class each.

    root: folder with <name>/raw/<file>.csv, or that file; label: the column that is the class, None = the first
    that was measured; molecules without it are dropped; cut: where it is cut in two (see `with_classes`);
    largest: GiB that the file may unpack to; view: graph | morgan, see `seen_as`; kind: classes | values = what was
    measured stays as it is, for objective=regression.
    Raises InputError where there is no such file or column.
    """
    key = str(name).lower()
    if key not in TASKS:
        raise InputError("dataset.name", name, f"expected one of {', '.join(TASKS)}")
    task = TASKS[key]
    file = _file(root, key, task)
    columns = header(file, largest)
    measured = task.measured or tuple(c.strip() for c in columns if c.strip().lower() not in IDENTIFIERS)
    label = label or measured[0]
    check_cut(cut, label)
    values = choice("dataset.kind", kind, KINDS) == "values"
    try:
        properties = tuple(dict.fromkeys((*measured, label)))
        read = read_molecules(
            *([file], task.smiles, max_invalid, cache, task.title, properties),
            label=label,
            binary=cut is None and not values,
            largest=largest,
        )
    except PropertyError as error:
        if label in (possible := numeric_columns(file)):
            raise  # another column is at fault
        raise InputError("dataset.label", label, f"{error.expected}; {would_do(possible, label)}") from None
    return seen_as(with_values(read, label) if values else with_classes(read, label, cut), view)


def _file(root: str | None, name: str, task: Task) -> Path:
    expected = f"a folder with {name}/raw/{task.stem}.csv"
    folder = require_root(root, expected)
    if folder.is_file():
        return folder
    places = [folder / name / "raw", folder / name, folder / "raw", folder]
    stems = dict.fromkeys((task.stem, name, task.stem.lower(), name.upper()))
    files = first_found(places, [f"{stem}.csv{end}" for stem in stems for end in ("", ".gz")])
    files = files or first_found(places[:2], ["*.csv", "*.csv.gz"])
    if len(files) != 1:
        raise InputError("dataset.root", root, f"expected {expected}")
    require_all_inside(files, folder)
    return files[0]
