"""Each data set in the layouts users have it in."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import zipfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from rdkit import Chem

from scripts import fetch_data
from telltale.data import clients
from telltale.data import fetch as fetching
from telltale.data.artefacts import MOSES
from telltale.data.molecules import moleculenet, moses, nci, smiles, zinc15
from telltale.data.packages import Member
from telltale.errors import InputError

CONFIGS = Path(__file__).parents[2] / "conf" / "dataset"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_embedded_moses_is_fifty_thousand_distinct_canonical_molecules(tmp_path: Path) -> None:
    read = moses.load(cache=str(tmp_path))
    assert (read.lines, read.duplicates, read.invalid) == (50_000, 0, ())
    lines = gzip.decompress(moses.EMBEDDED.read_bytes()).decode().split()
    assert lines == list(read.records.smiles)
    assert all(Chem.MolToSmiles(Chem.MolFromSmiles(text)) == text for text in lines[::100])
    assert moses.EMBEDDED.stat().st_size < 600_000


def test_nci_comes_with_rdkit() -> None:
    read = nci.load()
    assert read.lines >= 4999  # one line is blank
    assert len(read.records) > 4800


def test_moses_of_the_user(tmp_path: Path) -> None:
    write(tmp_path / "test.csv.gz", "SMILES\nCCO\nCC\n")
    assert list(moses.load(root=str(tmp_path), split="test").records.smiles) == ["CCO", "CC"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"split": "dev"}, "dataset.split=dev: expected one of train, test, test_scaffolds"),
        ({"split": "test"}, "dataset.split=test: the embedded"),
        ({"full": True}, "dataset.downloads=null"),
        (
            {"root": "nowhere"},
            "dataset.root=nowhere: no such file or folder; expected a folder with train.csv.gz",
        ),
    ],
)
def test_moses_tells_what_it_needs(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as error:
        moses.load(**options)  # type: ignore[arg-type]
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("file", "text", "root"),
    [
        ("zinc_standard_agent/raw/a.csv.gz", "smiles,zinc_id\nCCO,ZINC1\nCC,ZINC2\n", "."),
        ("zinc_standard_agent/raw/a.csv.gz", "smiles,zinc_id\nCCO,ZINC1\nCC,ZINC2\n", "zinc_standard_agent"),
        ("dataset/zinc_standard_agent/raw/a.csv", "smiles,zinc_id\nCCO,ZINC1\nCC,ZINC2\n", "."),
        ("zinc_standard_agent/processed/smiles.csv", "CCO\nCC\n", "."),
        ("a.csv.gz", "smiles,zinc_id\nCCO,ZINC1\nCC,ZINC2\n", "."),
        ("a.csv.gz", "smiles,zinc_id\nCCO,ZINC1\nCC,ZINC2\n", "a.csv.gz"),
    ],
)
def test_zinc15_layouts(tmp_path: Path, file: str, text: str, root: str) -> None:
    write(tmp_path / file, text)
    read = zinc15.load(str(tmp_path / root))
    assert (list(read.records.smiles), read.invalid) == (["CCO", "CC"], ())


LAYOUTS: dict[str, tuple[str, str, dict[str, list[float]]]] = {
    "bace": ("bace.csv", "mol,CID,Class,pIC50\nCCO,BACE_1,1,9.1\nCC,BACE_2,0,\n", {"Class": [1, 0]}),
    "bbbp": ("BBBP.csv", "num,name,p_np,smiles\n1,a b,1,CCO\n2,c,0,CC\n", {"p_np": [1, 0]}),
    "clintox": (
        "clintox.csv",
        "smiles,FDA_APPROVED,CT_TOX\nCCO,1,0\nCC,0,1\n",
        {"FDA_APPROVED": [1, 0], "CT_TOX": [0, 1]},
    ),
    "esol": (
        "delaney-processed.csv",
        "Compound ID,Polar Surface Area,measured log solubility in mols per litre,smiles\n"
        '"a, b",1.5,-0.77,CCO\nc,1,-2.5,CC\n',
        {"measured log solubility in mols per litre": [-0.77, -2.5]},
    ),
    "freesolv": ("SAMPL.csv", "iupac,smiles,expt,calc\nx,CCO,-5.0,-4\ny,CC,1.8,2\n", {"expt": [-5.0, 1.8]}),
    "hiv": ("HIV.csv", "smiles,activity,HIV_active\nCCO,CI,0\nCC,CA,1\n", {"HIV_active": [0, 1]}),
    "lipophilicity": ("Lipophilicity.csv", "CHEMBLID,exp,smiles\nC1,3.5,CCO\nC2,-1,CC\n", {"exp": [3.5, -1]}),
    "muv": (
        "muv.csv",
        "MUV-466,MUV-548,mol_id,smiles\n,0,CID1,CCC\n0,1,CID1,CCO\n1,,CID2,CC\n",
        {"MUV-466": [0, 1], "MUV-548": [1, np.nan]},
    ),
    "sider": (
        "sider.csv",
        'smiles,Eye disorders,"Product, issues"\nCCO,1,0\nCC,0,1\n',
        {"Eye disorders": [1, 0], "Product, issues": [0, 1]},
    ),
    "tox21": (
        "tox21.csv",
        "NR-AR,SR-p53,mol_id,smiles\n0,,TOX1,CCO\n,1.0,TOX2,CCC\n1,1,TOX3,CC\n",
        {"NR-AR": [0, 1], "SR-p53": [np.nan, 1]},
    ),
    "toxcast": (
        "toxcast_data.csv",
        "smiles,ACEA_T47D,APR_Hep\nCCO,0.0,\nCCC,,1.0\nCC,1,\n",
        {"ACEA_T47D": [0, 1], "APR_Hep": [np.nan, np.nan]},
    ),
}


@pytest.mark.parametrize("name", moleculenet.TASKS)
@pytest.mark.parametrize("place", ["{name}/raw/{file}", "{name}/{file}", "{file}"])
def test_moleculenet_layouts(tmp_path: Path, name: str, place: str) -> None:
    file, text, labels = LAYOUTS[name]
    write(tmp_path / place.format(name=name, file=file), text)
    records = moleculenet.load(str(tmp_path), name).records
    assert list(records.smiles) == ["CCO", "CC"]
    assert records.properties is not None
    assert list(records.properties) == list(labels)
    for column, values in labels.items():
        np.testing.assert_array_equal(records.properties[column], values)
    first = next(iter(labels.values()))
    assert records.labels is not None
    assert records.labels.tolist() == [int(value > min(first)) for value in first]


def test_any_folder_of_smiles(tmp_path: Path) -> None:
    write(tmp_path / "a.smi", "CCO one\nCC two\n")
    write(tmp_path / "deep" / "b.csv.gz", "smiles\nCCN\nC(C)O\n")
    write(tmp_path / "notes.md", "not molecules")
    read = smiles.load(str(tmp_path))
    assert list(read.records.smiles) == ["CCO", "CC", "CCN"]
    assert (read.duplicates, read.records.source) == (1, tmp_path.name)


@pytest.mark.parametrize("load", [zinc15.load, moleculenet.load, smiles.load])
def test_missing_root_is_told_with_what_is_expected(load, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for root in (None, str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(InputError, match=r"^dataset\.root=.*expected a f[^\n]*$"):
            load(root=root)


def test_unknown_moleculenet_set_is_told() -> None:
    with pytest.raises(InputError, match=r"dataset\.name=qm9: expected one of bace"):
        moleculenet.load("x", "qm9")


@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIGS.glob("*.yaml")))
def test_config_mirrors_the_arguments_of_load(name: str) -> None:
    config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    module, function = config.pop("_target_").rsplit(".", 1)
    parameters = inspect.signature(getattr(import_module(module), function)).parameters
    nested = {word.partition("@")[2] for entry in config.pop("defaults", []) for word in entry}
    assert {*config, *nested} == set(parameters)
    defaults = {key: one.default for key, one in parameters.items() if one.default is not one.empty}
    resolved = {key: value for key, value in config.items() if key in defaults and "${" not in str(value)}
    assert resolved == {key: defaults[key] for key in resolved}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel like that of MOSES, and a pip which copies it."""
    path = tmp_path / "shop" / "molsets.whl"
    path.parent.mkdir()
    contents = {member.path: gzip.compress(b"SMILES\nCCO\n", mtime=0) for member in MOSES.files}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    members = tuple(Member(name, hashlib.sha256(data).hexdigest()) for name, data in contents.items())
    small = replace(MOSES, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), files=members)
    monkeypatch.setitem(fetching.ARTEFACTS, "moses", small)

    def copy(requirement: str, folder: Path) -> Path:
        target = folder / path.name
        target.write_bytes(path.read_bytes())
        return target

    monkeypatch.setitem(fetching.CLIENTS, "pip", copy)
    return path


def test_full_moses_is_fetched_once(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(moses.load(full=True, downloads=str(tmp_path / "d")).records) == 1
    monkeypatch.setitem(fetching.CLIENTS, "pip", None)  # a call would fail
    assert len(moses.load(full=True, split="test", downloads=str(tmp_path / "d")).records) == 1
    (tmp_path / "d" / "moses" / "train.csv.gz").write_bytes(b"damaged")
    with pytest.raises(TypeError):
        moses.load(full=True, downloads=str(tmp_path / "d"))


def test_altered_artefact_is_refused(tmp_path: Path, wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"^dataset\.full=True: could not fetch molsets==0\.3\.1: .* SHA-256"):
        moses.load(full=True, downloads=str(tmp_path / "d"))
    assert not list((tmp_path / "d").rglob("*.csv.gz"))


def test_failing_download_tells_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clients.sys, "executable", "/nonexistent/python")
    with pytest.raises(InputError, match=r"could not fetch .*; give dataset\.root=… or use the embedded 50,000"):
        fetching.fetch("moses", tmp_path)
    assert fetch_data.main(["moses", "--folder", str(tmp_path)]) == 2
    assert "name=moses: could not fetch" in capsys.readouterr().err


def test_fetch_script_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_data.main(["--list"]) == 0
    assert "moses: 52 MB, pip molsets==0.3.1" in capsys.readouterr().out
    assert fetch_data.main(["nothing"]) == 2
