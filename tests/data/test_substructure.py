"""The substructure index answers exactly what a scan of all molecules answers."""

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, RDConfig, RDLogger

import telltale
from scripts.bench.substructure import measure, mixed_candidates
from telltale.data.molecules import substructure
from telltale.data.molecules.substructure import SubstructureIndex

MOSES = Path(telltale.__file__).parent / "data" / "embedded" / "moses_50k.smi.gz"
NCI = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
ODD = ["*C", "C~C~C", "O->[Fe]", "[1*]CC", "C$C", "CC |u:0|"]
HAND_MADE = [
    "C",
    "[NH4+]",
    "N",
    "[H][H]",
    "[2H]C",
    "[13CH3]C",
    "C[C@H](F)O",
    "C/C=C/C",
    "[Na+].[Cl-]",
    "C.C.C",
    "",
]


def scan(queries: list[str], molecules: list[str]) -> list[bool]:
    parsed = [Chem.MolFromSmiles(smiles) for smiles in molecules]
    read = [Chem.MolFromSmiles(smiles) for smiles in queries]
    return [any(molecule.HasSubstructMatch(query) for molecule in parsed) for query in read]


def fragment(smiles: str, generator: random.Random) -> str | None:
    """Return a random connected piece as SMILES; None where the piece alone is no valid molecule."""
    molecule = Chem.MolFromSmiles(smiles)
    if not molecule.GetNumBonds():
        return smiles
    bonds = {generator.randrange(molecule.GetNumBonds())}
    for _ in range(generator.randrange(15)):
        bond = molecule.GetBondWithIdx(generator.choice(sorted(bonds)))
        atom = generator.choice([bond.GetBeginAtom(), bond.GetEndAtom()])
        bonds.add(generator.choice(atom.GetBonds()).GetIdx())
    piece = Chem.MolToSmiles(Chem.PathToSubmol(molecule, sorted(bonds)))
    return piece if Chem.MolFromSmiles(piece) is not None else None


@pytest.fixture(scope="module", autouse=True)
def quiet_rdkit():
    RDLogger.DisableLog("rdApp.*")
    yield
    RDLogger.EnableLog("rdApp.*")


@pytest.fixture(scope="module")
def moses() -> list[str]:
    with gzip.open(MOSES, "rt") as lines:
        return [line.split()[0] for line, _ in zip(lines, range(4000), strict=False)]


@pytest.fixture(scope="module")
def nci() -> list[str]:
    smiles = [line.split()[0] for line in NCI.read_text().splitlines() if line.strip()]
    return [text for text in smiles if Chem.MolFromSmiles(text) is not None][:2000]


@pytest.fixture(scope="module")
def nci_index(nci) -> SubstructureIndex:
    return SubstructureIndex(nci)


def test_moses_candidates_are_answered_as_by_a_scan(moses):
    queries = mixed_candidates(moses[:1500], moses[1500:], 120)
    expected = scan(queries, moses[:1500])
    assert 0 < sum(expected) <= 60
    assert SubstructureIndex(moses[:1500]).contains(queries).tolist() == expected


def test_charges_metals_and_odd_elements_are_answered_as_by_a_scan(nci, nci_index):
    generator = random.Random(0)
    held_out = [line.split()[0] for line in NCI.read_text().splitlines()[-400:]]
    pieces = [fragment(text, generator) for text in held_out if Chem.MolFromSmiles(text) is not None]
    queries = [piece for piece in pieces if piece] + HAND_MADE + ODD
    expected = scan(queries, nci)
    assert 20 < sum(expected) < len(queries) - 20
    assert nci_index.contains(queries).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(row=st.integers(0, 1999), seed=st.integers(0, 2**32))
def test_no_fragment_of_a_molecule_is_ever_screened_out(nci, nci_index, row, seed):
    piece = fragment(nci[row], random.Random(seed))
    if piece is None or not scan([piece], [nci[row]])[0]:
        return  # cutting a ring can change what is aromatic
    assert row in nci_index.survivors(Chem.MolFromSmiles(piece))
    assert nci_index.contains([piece]).all()


def test_every_pair_that_matches_survives_the_screen(moses, nci):
    molecules = moses[:150] + nci[:150] + HAND_MADE + ODD
    index = SubstructureIndex(molecules)
    generator = random.Random(1)
    queries = [piece for text in molecules if (piece := fragment(text, generator))]
    parsed = [Chem.MolFromSmiles(smiles) for smiles in molecules]
    for query in map(Chem.MolFromSmiles, queries):
        matching = {row for row, molecule in enumerate(parsed) if molecule.HasSubstructMatch(query)}
        assert matching <= set(index.survivors(query).tolist())


def test_the_screen_leaves_few_molecules_to_match(moses):
    queries = mixed_candidates(moses[:1500], moses[1500:], 60)
    index = SubstructureIndex(moses[:1500])
    misses = [q for q, hit in zip(queries, index.contains(queries), strict=True) if not hit]
    assert np.mean([len(index.survivors(substructure.parse(query))) for query in misses]) < 5


@pytest.mark.parametrize(
    ("query", "molecule", "expected"),
    [
        ("C[NH3+]", "CN", False),
        ("CN", "C[NH3+]", True),
        ("C", "c1ccccc1", True),
        ("CC", "Cc1ccccc1", True),
        ("C1=CCCCC1", "c1ccccc1", False),
        ("C[C@H](F)O", "C[C@@H](F)O", True),
        ("C/C=C/C", "C/C=C\\C", True),
        ("CCCCCCCC", "CC", False),
        ("CO.CN", "OCN", False),
        ("CO.CN", "COCCCN", True),
        ("C.C.C", "CC", False),
        ("CC", "C~C", True),
        ("C~C", "C#C", True),
        ("*C", "CC", False),
        ("[13CH3]C", "CC", False),
        ("c1ccc2ccccc2c1", "F[P-](F)(F)(F)(F)F." * 12 + "c1ccc2ccccc2c1", True),
        ("C" * 300, "C" * 299, False),
        ("C" * 300, "C" * 300, True),
    ],
)
def test_edge_cases_follow_rdkit(query, molecule, expected):
    assert scan([query], [molecule]) == [expected]
    assert SubstructureIndex([molecule]).contains([query]).tolist() == [expected]


def test_repeated_queries_keep_their_places():
    assert SubstructureIndex(["CCO"]).contains(["N", "CO", "N", "CO"]).tolist() == [False, True, False, True]


def test_empty_inputs_give_empty_or_false_answers():
    assert SubstructureIndex(["CC"]).contains([]).shape == (0,)
    assert SubstructureIndex([]).contains(["C", "*", ""]).tolist() == [False, False, False]


def test_unreadable_smiles_are_named():
    with pytest.raises(ValueError, match="not-a-molecule"):
        SubstructureIndex(["CC"]).contains(["C", "not-a-molecule"])
    with pytest.raises(ValueError, match="c1ccc"):
        SubstructureIndex(["CC", "c1ccc"])


def test_a_cached_index_is_read_and_never_used_for_other_molecules(tmp_path, monkeypatch):
    cache = tmp_path / "index" / "molecules.npz"
    SubstructureIndex(["CCO", "c1ccccc1"], cache=cache)
    assert SubstructureIndex(["CCN"], cache=cache).contains(["CO", "CN"]).tolist() == [False, True]
    with monkeypatch.context() as patch:
        patch.setattr(substructure, "_build", None)  # building again would fail
        assert SubstructureIndex(["CCN"], cache=cache).contains(["CO", "CN"]).tolist() == [False, True]
    cache.write_bytes(cache.read_bytes()[:100])
    assert SubstructureIndex(["CCN"], cache=cache).contains(["CN"]).all()
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


@pytest.mark.slow
def test_the_index_is_several_times_faster_than_scans():
    methods = measure(molecules=10_000, candidates=200)["methods"]
    assert all(row["identical"] for row in methods.values())
    assert methods["full scan"]["ratio"] >= 10
    assert methods["first-hit loop"]["ratio"] >= 4
