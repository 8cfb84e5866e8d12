"""Readers of SMILES files: nothing lost, nothing invented, every bad line told by its number."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from telltale.data.molecules import smiles_files
from telltale.data.molecules.rows import Columns, read_rows
from telltale.data.molecules.smiles_files import ReadMolecules, read_molecules
from telltale.errors import InputError

VALID = [
    "CCO",
    "OCC",
    "c1ccccc1",
    "C1=CC=CC=C1",
    "C[C@H](N)O",
    "F/C=C/F",
    "[Na+].[Cl-]",
    "N#Cc1ccncc1",
    "*CC",
]
BROKEN = ["xyz", "C(", "c1ccc", "C1CC", "[Xx]", "N(C)(C)(C)(C)C", "CC\u00e9", "CC|", ")", "1", "C\x01"]

entries = st.one_of(st.sampled_from(VALID), st.sampled_from(BROKEN), st.sampled_from(["", "   ", "# a comment", "\t"]))
names = st.sampled_from(["", " name", "\tZINC0001", "  two words"])
files = st.lists(st.tuples(entries, names), min_size=1, max_size=25)
endings = st.sampled_from(["\n", "\r\n"])


def read(text: str | bytes, name: str = "x.smi", max_invalid: float = 1.0, **options: object) -> ReadMolecules:
    data = text.encode() if isinstance(text, str) else text
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_molecules([Path(name)], max_invalid=max_invalid, **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def canonical(text: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromSmiles(text))


# Many examples share the folder of one test: each overwrites the files of the one before.
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(files, endings, st.booleans())
def test_every_valid_line_is_found_once_and_every_bad_one_listed(
    lines: list[tuple[str, str]], ending: str, mark: bool
) -> None:
    written = [text + (name if text.strip() else "") for text, name in lines]
    data = ("\ufeff" if mark else "") + ending.join(written)
    good = [text for text, _ in lines if text in VALID]
    bad = [(number, text) for number, (text, _) in enumerate(lines, start=1) if text in BROKEN]
    if not good:
        with pytest.raises(InputError, match="no valid SMILES line"):
            read(data)
        return
    found = read(data)
    assert list(found.records.smiles) == list(dict.fromkeys(canonical(text) for text in good))
    assert [(line.line, line.text) for line in found.invalid] == bad
    assert found.lines == len(good) + len(bad)
    assert found.duplicates == len(good) - len(found.records)


@relaxed
@given(files, st.randoms())
def test_shuffled_file_gives_the_same_set(lines: list[tuple[str, str]], random: object) -> None:
    texts = ["CCO", *(text for text, _ in lines)]
    before = read("\n".join(texts))
    random.shuffle(texts)  # type: ignore[attr-defined]
    after = read("\n".join(texts))
    assert set(before.records.smiles) == set(after.records.smiles)
    assert sorted(line.text for line in before.invalid) == sorted(line.text for line in after.invalid)


@relaxed
@given(st.lists(st.sampled_from(VALID + BROKEN + ['"CC', 'a"b', "C,C"]), max_size=20))
def test_all_formats_agree(texts: list[str]) -> None:
    texts = ["CCO", *texts]
    with Path("x.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["id", "SMILES"], *([number, text] for number, text in enumerate(texts))])
    Path("x.csv.gz").write_bytes(gzip.compress(Path("x.csv").read_bytes()))
    pq.write_table(pa.table({"id": range(len(texts)), "Smiles": texts}), "x.parquet")
    results = {name: read("\n".join(texts), name) for name in ("x.smi", "x.smi.gz", "x.txt")}
    for name in ("x.csv", "x.csv.gz", "x.parquet"):
        results[name] = read_molecules([Path(name)], max_invalid=1.0)
    expected = results["x.smi"]
    for name, found in results.items():
        shift = 1 if "csv" in name else 0  # the header
        assert list(found.records.smiles) == list(expected.records.smiles), name
        assert [(bad.line or 0) - shift for bad in found.invalid] == [bad.line for bad in expected.invalid], name


def test_open_quote_does_not_swallow_the_lines_up_to_the_next() -> None:
    found = read('smiles,id\n"CC,1\nCCO,2\nCCN,3\n"CO",4\nDD",5\nCCC,"a\nb"\nCCCC,6\n', "x.csv")
    assert list(found.records.smiles) == ["CCO", "CCN", "CO", "CCC", "CCCC"]
    assert [bad.line for bad in found.invalid] == [2, 6]


def test_two_quotation_marks_are_no_pair_where_molecules_lie_between() -> None:
    """Catches molecules that vanish between 5 inches and 6 inches."""
    found = read('smiles,name,y\nCCO,"5 tape,1\nCCN,plain,0\nCCC,6 tape",1\nCO,"two\nlines",0\n', "x.csv")
    assert list(found.records.smiles) == ["CCO", "CCN", "CCC", "CO"]


def test_a_row_wider_than_the_heading_is_an_invalid_line() -> None:
    """Catches a comma outside of quotation marks that moves the label."""
    text = "smiles,name,y\nCCO,2,3-diol,1\nCCN,plain,0\nCCC,plain,1,\n"
    found = read(text, "x.csv", property_columns=["y"])
    assert list(found.records.smiles) == ["CCN", "CCC"] and found.records.properties["y"].tolist() == [0, 1]
    assert [(bad.line, bad.reason) for bad in found.invalid] == [(2, "4 cells, the heading has 3")]


def test_names_in_windows_1252_stay_apart(tmp_path: Path) -> None:
    """Catches Müller and Möller made one group."""
    file = tmp_path / "x.csv"
    file.write_bytes("smiles,who\nCCO,Müller\nCCN,Möller\n".encode("cp1252"))
    assert read_rows(file, Columns(words=("who",))).words["who"] == ["Müller", "Möller"]
    assert any("Windows-1252" in line for line in read_molecules([file]).account())


def test_empty_cell_and_short_row_are_invalid_lines() -> None:
    found = read("id,smiles\n1,CCO\n2,\n3\n\n4,CC\n", "x.csv")
    assert [bad.line for bad in found.invalid] == [3, 4]
    assert found.lines == 4


def test_csv_column_is_found_in_any_case_or_by_name() -> None:
    assert len(read("ID,Canonical_SMILES\n1,CC\n", "x.csv").records) == 1
    assert len(read("ID,structure\n1,CC\n", "x.csv", column="structure").records) == 1


def account(found: ReadMolecules) -> list[tuple[int | None, str]]:
    return [(bad.line, bad.reason) for bad in (*found.invalid, *found.dropped)]


def test_atom_map_numbers_are_no_part_of_a_molecule() -> None:
    """Catches one molecule that counts as three, and may be a member and the next time a non-member."""
    found = read("CCO\n[CH3:1][CH2:2][OH:3]\n[OH:1][CH2:5][CH3:7]\nCCN\n")
    assert list(found.records.smiles) == ["CCO", "CCN"]
    assert account(found) == [(2, "the same molecule as x.smi:1"), (3, "the same molecule as x.smi:1")]
    assert any("2 of 4 lines had atom-map numbers" in line for line in found.account())


OSCILLATING = [  # RDKit's canonical SMILES of these take turns or move on: rdkit/rdkit#8721, #6420, #8862, #7759
    "O=C(c1ccccc1C(=O)N1C(=O)c2ccccc2C1=O)N1C(=O)c2ccccc2C1=O",
    "O=C(C[C@]1(c2ccc(-c3ccc(F)cc3)cc2)C2CC3CC1CC(C2)[C@@H]3O)N1CC(O)C1",
    "N[C@]1(C(=O)O)[C@@H]2C[C@H]3C[C@@H](C2)C[C@H]1C3",
    "[C@H]12[C@H]3[C@@H]4[C@H]5[C@@H]([C@H]1N24)N53",
]


@pytest.mark.parametrize("smiles", OSCILLATING)
def test_every_spelling_of_a_molecule_whose_canonical_smiles_oscillates_is_one(smiles: str) -> None:
    """Catches a molecule that is two by RDKit's canonical SMILES taken once; the last two have two InChIKeys."""
    molecule = Chem.MolFromSmiles(smiles)
    spellings = Chem.MolToRandomSmilesVect(molecule, 40, randomSeed=1)
    assert len({canonical(text) for text in spellings}) > 1
    found = read("\n".join(spellings))
    assert len(found.records) == 1 and found.duplicates == 39
    assert list(read(found.records.smiles[0]).records.smiles) == list(found.records.smiles)


def test_a_chain_that_would_end_the_process_is_an_invalid_line() -> None:
    """Catches RDKit's recursion: writing a chain of 20,000 atoms ends Python without a word."""
    found = read(f"CC\n{'C' * 20_000}\n")
    assert list(found.records.smiles) == ["CC"]
    assert [(bad.line, len(bad.text)) for bad in found.invalid] == [(2, 1000)]


def test_several_files_are_one_set() -> None:
    Path("a.smi").write_text("CCO\nxyz\n")
    Path("b.csv").write_text("smiles\nOCC\nCC\n???\n")
    found = read_molecules([Path("a.smi"), Path("b.csv")], max_invalid=0.5)
    assert list(found.records.smiles) == ["CCO", "CC"]
    assert [(bad.file.name, bad.line) for bad in found.invalid] == [("a.smi", 2), ("b.csv", 4)]


def test_second_reading_comes_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read("smiles,y\nCCO,1\nxyz,\nCC,\n", "x.csv", cache="kept", property_columns=["y"])
    monkeypatch.setattr(smiles_files, "canonicalise", None)  # a call would fail
    Path("x.csv").rename("moved.csv")
    second = read_molecules([Path("moved.csv")], max_invalid=1.0, cache="kept", property_columns=["y"])
    assert list(second.records.smiles) == list(first.records.smiles)
    assert str(second.records.properties) == str(first.records.properties)
    assert [(bad.file.name, bad.line) for bad in second.invalid] == [("moved.csv", 3)]


def test_damaged_cache_is_made_again() -> None:
    read("CCO\n", cache="kept")
    (kept,) = Path("kept").glob("*.parquet")
    kept.write_bytes(kept.read_bytes()[:50])
    assert list(read("CCO\n", cache="kept").records.smiles) == ["CCO"]


def test_changed_file_is_read_anew() -> None:
    read("CCO\n", cache="kept")
    assert list(read("CCN\n", cache="kept").records.smiles) == ["CCN"]


def test_invalid_lines_can_be_written_for_the_user() -> None:
    read('CCO\nx,"yz\n').write_invalid(Path("invalid.csv"))
    with Path("invalid.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["file", "line", "reason", "text"],
            ["x.smi", "2", "no valid SMILES", 'x,"yz'],
        ]


@pytest.mark.parametrize(
    ("text", "name", "options", "told"),
    [
        ("CCO\nxyz\n", "x.smi", {"max_invalid": 0.1}, "dataset.max_invalid=0.1: 50.0% of lines (1 of 2)"),
        ("CCO\n", "x.smi", {"max_invalid": 2}, "dataset.max_invalid=2: expected a share"),
        ("CCO\n", "x.smi", {"max_invalid": "much"}, "dataset.max_invalid=much: expected a share"),
        ("xyz\n", "x.smi", {}, "no valid SMILES line among 1"),
        ("", "x.smi", {}, "no valid SMILES line among 0"),
        ("", "x.csv", {}, "dataset.column=null: no such column in x.csv"),
        ("a,b\nCC,1\n", "x.csv", {}, "it has: a, b"),
        ("a,b\nCC,1\n", "x.csv", {"column": "c"}, "dataset.column=c: no such column in x.csv; it has: a, b"),
        ("CC\n", "x.smi", {"column": "c"}, "dataset.column=c: x.smi has no columns"),
        ("smiles,y\nCC,hot\n", "x.csv", {"property_columns": ["y"]}, "x.csv:2, column y, holds 'hot'"),
        ("smiles\nCC\n", "x.csv", {"property_columns": ["y"]}, "dataset.column=y: no such column"),
        ("CC", "x.sdf", {}, "dataset.root=x.sdf: expected a file that ends in .smi"),
        ("CC", "x.parquet", {}, "dataset.root=x.parquet: cannot be read"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(
    text: str, name: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError) as error:
        read(text, name, **options)  # type: ignore[arg-type]
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["x.smi.gz", "x.csv.gz"])
def test_truncated_gzip_is_an_input_error(name: str) -> None:
    Path(name).write_bytes(gzip.compress(b"smiles\nCCO\n" * 50)[:30])
    with pytest.raises(InputError, match="cannot be read"):
        read_molecules([Path(name)])


def test_missing_file_is_an_input_error() -> None:
    for cache in (None, "kept"):
        with pytest.raises(InputError, match=r"dataset\.root=gone\.smi"):
            read_molecules([Path("gone.smi")], cache=cache)


def test_cache_that_cannot_be_written_is_an_input_error() -> None:
    Path("taken").write_text("a file")
    with pytest.raises(InputError, match=r"dataset\.cache=taken"):
        read("CCO\n", cache="taken")
