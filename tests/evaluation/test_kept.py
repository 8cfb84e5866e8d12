"""Results that are kept: made once, of the same things only, and again where they were damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from telltale.data.kept import NOWHERE, Kept, as_bytes, as_texts, content_digest
from telltale.errors import InputError
from telltale.evaluation.chemnet import activations_of
from telltale.evaluation.frechet import Gaussian, frechet_chemnet_distances
from telltale.evaluation.matching import matches
from telltale.store import sources
from telltale.store.store import Store
from telltale.truth import Truth
from tests.training.small import molecules


def numbers(store: Store | None, of: str = "a") -> list[float]:
    made = Kept(store).arrays("numbers", {"of": of}, lambda: {"numbers": np.random.default_rng().random(3)}, __name__)
    return made["numbers"].tolist()


def test_a_result_is_made_once_and_another_for_another_document(tmp_path: Path) -> None:
    """Catches results that are made each time, and one served for another."""
    store = Store(tmp_path)
    first = numbers(store)
    assert numbers(Store(tmp_path)) == first
    assert numbers(store, of="b") != first
    assert numbers(None) != numbers(None)
    assert len(store.served) == 2, "`telltale store` counts what a run asked for"


def test_a_damaged_result_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches half-written numbers in a report."""
    first = numbers(Store(tmp_path))
    (file,) = tmp_path.glob("numbers/*/numbers.npy")
    file.write_bytes(file.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, "telltale"):
        again = numbers(Store(tmp_path))
    assert again != first
    assert numbers(Store(tmp_path)) == again
    assert "made again" in caplog.text


def test_a_store_that_cannot_be_written_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a run that dies of a result it has."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("telltale.data.kept.write_array", full)
    assert len(numbers(Store(tmp_path))) == 3
    assert not list(tmp_path.glob("numbers/*"))


def test_a_damaged_result_that_cannot_be_set_aside_costs_time_alone(tmp_path: Path) -> None:
    """Catches a run that has trained and attacked, and ends for what it could make again."""

    class Full(Store):
        def find(self, *_: object) -> None:
            raise InputError("paths.store", self.root, "a folder that can be written")

    assert len(numbers(Full(tmp_path))) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["CO", "C"]], [["C", "OC"]]),
        ([["CO", "C"]], [["CO"], ["C"]]),
        ([np.zeros(2, np.float32)], [np.zeros(1, np.float64)]),
        ([np.zeros((2, 3))], [np.zeros((3, 2))]),
        ([np.zeros(2), np.ones(2)], [np.ones(2), np.zeros(2)]),
    ],
)
def test_what_differs_has_another_digest(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    """Catches two inputs that share a result."""
    assert content_digest(*one) != content_digest(*other)
    assert content_digest(*one) == content_digest(*one)


def test_texts_come_back() -> None:
    """Catches a text that is cut or joined with the next."""
    assert as_texts(as_bytes(["c1ccccc1", "C", "[nH]"])) == ["c1ccccc1", "C", "[nH]"]


def test_matches_are_kept_of_the_same_molecules_only(tmp_path: Path) -> None:
    """Catches truth of other training molecules, and a match that a run from the store lacks."""
    store, learned = Store(tmp_path), molecules(40)
    candidates = np.array(["c1ccccc1", "CCCCCCCCCCCCCCC", learned.smiles[3]], object)
    truth = Truth(np.ones((2, 1), bool), (learned, molecules(1, 100)), learned)
    asked = [matches(candidates, truth, True, kept) for kept in (NOWHERE, Kept(store), Kept(store))]
    for found in asked:
        assert found.parts[0].tolist() == [True, False, True]
        assert found.exact.tolist() == [[False, False, True], [False, False, False]]
        np.testing.assert_array_equal(found.disjoint, [found.parts[0]] * 2)
    assert matches(candidates, truth, False, Kept(store)).disjoint is None


def test_the_distance_of_gaussians_is_the_closed_form_and_that_of_the_package() -> None:
    """Catches a root of a product that is none, and a covariance that divides by n."""
    fcd = pytest.importorskip("fcd_torch.utils")
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(300, 6)), rng.normal(1, 2, size=(200, 6)) @ rng.normal(size=(6, 6))
    expected = fcd.calculate_frechet_distance(first.mean(0), np.cov(first.T), second.mean(0), np.cov(second.T))
    assert Gaussian.of(first).distance(Gaussian.of(second)) == pytest.approx(expected, rel=1e-9)
    few = Gaussian.of(second[:3])  # of rank 2
    assert few.factor.shape == (3, 6)
    assert few.distance(few) == pytest.approx(0, abs=1e-9)


def test_frechet_distances_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a network that a run from the store loads, and a distance of another list."""
    pytest.importorskip("fcd_torch")
    kept, smiles = Kept(Store(tmp_path)), molecules(8).smiles.tolist()
    lists = [smiles[:4], smiles[:1], smiles[4:]]
    first = frechet_chemnet_distances(lists, smiles, kept)
    assert first[1] is None
    monkeypatch.setattr("telltale.evaluation.chemnet._network", lambda: pytest.fail("nothing is to be computed"))
    assert frechet_chemnet_distances(lists, smiles, kept) == first


def test_activations_are_those_of_the_package() -> None:
    """Catches a gate in another's place, a symbol misread, padding that is not zero, a text that is cut elsewhere."""
    fcd = pytest.importorskip("fcd_torch")
    odd = ["C", "C" * 400, "[Na+].CC(=O)[O-]", "[Li]CCBr", "F[Si](C)C", "OC(=O)C[N+](=O)[O-]"]
    smiles = [*molecules(6).smiles.tolist(), *odd]
    for some in (smiles[:6], smiles):
        np.testing.assert_allclose(activations_of(some), fcd.FCD("cpu").get_predictions(some), atol=2e-5)
    assert activations_of([]).shape == (0, 512)


def test_the_code_behind_kept_distances_includes_the_network_that_reads_molecules() -> None:
    """Catches distances that outlive a mended ChemNet."""
    seen: dict[str, str] = {}
    sources._collect("telltale.evaluation.frechet", seen)
    assert "telltale.evaluation.chemnet" in seen
