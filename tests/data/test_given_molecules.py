"""Molecules of your own whose members are known, and molecules as a table of fingerprints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telltale.data.molecules.smiles import load
from telltale.data.molecules.views import BITS
from telltale.data.tables.records import TableRecords
from telltale.errors import InputError

ASSAY = """smiles,name,potency,series,train
OCC,ethanol,1.5,a,yes
CCO,again,1.7,a,no
nonsense,bad,2.5,b,yes
c1ccccc1C,toluene,,b,no
Cc1ccccc1O,cresol,0.25,b,no
CCN,amine,3,,yes
"""


def written(folder: Path, text: str = ASSAY) -> str:
    """Write the molecules."""
    (folder / "assay.csv").write_text(text)
    return str(folder / "assay.csv")


def test_each_line_is_a_record_as_its_owner_has_it(tmp_path: Path) -> None:
    """Catches molecules merged, rewritten or cut into classes before a model of the owner's sees them."""
    read = load(written(tmp_path), label="potency", members="train", id="name", group="series", max_invalid=0.5)
    given = read.given
    assert given.inputs == ["OCC", "CCO", "Cc1ccccc1O", "CCN"]
    assert given.ids.tolist() == ["ethanol", "again", "cresol", "amine"]
    assert given.labels.tolist() == [1.5, 1.7, 0.25, 3.0] and given.real
    assert given.member.tolist() == [True, False, False, True]
    assert given.groups.tolist() == [0, 0, 1, -1]
    assert given.records.smiles.tolist() == ["CCO", "CCO", "Cc1ccccc1O", "CCN"]
    assert any("potency is a real value, from 0.25 to 3" in line for line in read.account())


def test_members_by_row_number_count_the_lines_that_are_no_molecule(tmp_path: Path) -> None:
    """Catches every member after a bad line moved by one."""
    root = written(tmp_path)
    (tmp_path / "rows.txt").write_text("0\n4\n")
    given = load(root, members=str(tmp_path / "rows.txt"), max_invalid=0.5).given
    assert given.ids[given.member].tolist() == ["assay.csv:2", "assay.csv:6"]
    np.save(tmp_path / "mask.npy", np.array([0, 0, 1, 0, 1, 1], bool))
    given = load(root, members=str(tmp_path / "mask.npy"), max_invalid=0.5).given
    assert given.ids[given.member].tolist() == ["assay.csv:6", "assay.csv:7"]


def test_a_label_is_cut_only_where_that_is_asked(tmp_path: Path) -> None:
    """Catches a cut that is dropped, and whole numbers that cannot be values."""
    root = written(tmp_path)
    cut = load(root, label="potency", cut=1.6, members="train", max_invalid=0.5).given
    assert cut.classes == ("potency <= 1.6", "potency > 1.6") and cut.labels.tolist() == [0, 1, 0, 1]
    binary = written(tmp_path, "smiles,y,m\nC,0,1\nCC,1,1\nCCC,0,0\nCCCC,1,0\n")
    assert load(binary, label="y", members="m").given.classes == ("y = 0", "y = 1")
    assert load(binary, label="y", members="m", kind="values").given.real
    assert load(binary, label="y").given is None


def test_molecules_of_one_scaffold_are_a_group(tmp_path: Path) -> None:
    """Catches molecules without a ring taken for one family."""
    given = load(written(tmp_path), group="scaffold", max_invalid=0.5).given
    assert given.groups.tolist() == [-1, -2, 0, 0, -3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": "trained"}, "dataset.members=trained: no such column or file of ids in .*it has: smiles, name"),
        ({"members": "series"}, "expected 1 and 0"),
        ({"id": "key"}, "dataset.id=key: no such column"),
        ({"group": "family"}, "dataset.group=family: no such column, nor scaffold"),
        ({"view": "maccs"}, "dataset.view=maccs: one of graph, morgan"),
        ({"view": "morgan"}, "has no labels"),
    ],
)
def test_what_is_said_of_molecules_that_are_not_there(tmp_path: Path, options: dict[str, str], said: str) -> None:
    """Catches a mistake told of another option."""
    with pytest.raises(InputError, match=said):
        load(written(tmp_path), max_invalid=0.5, **options)  # type: ignore[arg-type]


def test_fingerprints_are_a_table_of_distinct_rows(tmp_path: Path) -> None:
    """Catches two molecules of one fingerprint dealt to both sides, and bits that are not the molecule's own."""
    text = "smiles,y,m\nCCCCCCCCCC,0,1\nCCCCCCCCCCC,1,1\nc1ccccc1,0,0\nCCO,1,0\n"
    read = load(written(tmp_path, text), label="y", members="m", view="morgan")
    assert isinstance(read.records, TableRecords) and read.records.features.shape == (3, BITS)
    told = "1 molecule has the fingerprint of an earlier one and is left out"
    assert any(told in line for line in read.account())
    assert not any("left out" in line for line in read.account(as_given=True)), "an audit asks about each of them"
    assert read.given.inputs.shape == (4, BITS) and read.given.records.kind == "molecules"
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    bits = np.zeros(BITS)
    DataStructs.ConvertToNumpyArray(generator.GetFingerprint(Chem.MolFromSmiles("CCO")), bits)
    assert np.array_equal(read.given.inputs[3], bits)
