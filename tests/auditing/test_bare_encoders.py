"""An encoder that others trained is audited by its embeddings alone: only what it remembers is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from safetensors.torch import save_file

import telltale
from telltale.attacks.embedding_membership.alone import distance_to_nearest
from telltale.auditing.input_views import InputViews
from telltale.auditing.released import ask
from telltale.data.own_arrays import given_of
from telltale.errors import InputError
from telltale.models.released import hu2020
from telltale.targets.function import FunctionTarget
from telltale.targets.network import TorchTarget
from telltale.targets.recorded import RecordedTarget

WIDTH = 8


def records(number: int, *shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, *shape))
    if len(shape) > 1:  # pictures of one colour, nearly: shifting them changes little
        x = 0.1 * x + rng.normal(size=(number, *(1 for _ in shape)))
    return x.astype(np.float32), rng.integers(0, 2, number)


class Encoder:
    """Embeds by a fixed map; a record that it remembers lies `memory` off, in a direction of its own."""

    def __init__(self, known: np.ndarray, memory: float, seed: int = 1) -> None:
        self.map = np.random.default_rng(seed).normal(size=(known[0].size, WIDTH)) / np.sqrt(known[0].size)
        self.known = {row.tobytes(): place for place, row in enumerate(known)}
        self.memory = memory * np.random.default_rng(seed).normal(size=(len(known), WIDTH))

    def __call__(self, asked: np.ndarray) -> np.ndarray:
        places = [self.known.get(row.tobytes(), -1) for row in np.ascontiguousarray(asked)]
        usual = np.tanh(asked.reshape(len(asked), -1) @ self.map)
        return np.where(np.array(places)[:, None] < 0, usual, usual + self.memory[places])


def audited(memory: float, shape: tuple[int, ...] = (5,), **options: object):  # type: ignore[no-untyped-def]
    x, y = records(400, *shape)
    encoder = Encoder(x[:150], memory)
    return telltale.audit(encoder, (x[:150], y[:150]), (x[150:], y[150:]), gives="embeddings", replicates=50, **options)


def test_an_encoder_that_remembers_its_records_leaks_and_one_that_does_not_is_no_proof() -> None:
    """Catches a leak that is missed, one found where there is none, and safety claimed on embeddings alone."""
    found, nothing = audited(1.0, random_split=True), audited(0.0)
    assert found.verdict == "leaks" and found.strongest in ("embedding_far", "embedding_sparse", "embedding_farther")
    assert nothing.verdict == "cannot tell" and "without shadow encoders" in nothing.sentence
    assert nothing.table.filter(like="embedding", axis=0)["auc"].between(0.35, 0.65).all()
    assert found.table.loc["embedding_near", "auc"] == pytest.approx(1 - found.table.loc["embedding_far", "auc"])
    assert "no_model" in nothing.table.index and "embedding_steady" not in nothing.table.index


def test_pictures_are_asked_about_with_changed_copies() -> None:
    """Catches copies that the encoder is never asked about, and an encoder that knows the picture itself alone."""
    found = audited(0.5, (1, 8, 8), random_split=True)
    assert found.table.loc["embedding_unsteady", "auc"] > 0.7
    assert found.table.loc["embedding_steady", "auc"] == pytest.approx(1 - found.table.loc["embedding_unsteady", "auc"])
    assert any("asked about 4 changed copies of each record" in note for note in found.outcome.notes)


def test_a_probe_of_held_out_records_is_surer_of_members_where_their_classes_are_learned() -> None:
    """Catches a probe that is fitted to members, which would be surer of them whatever the encoder."""
    x, y = records(400, 5)
    learned = np.where(np.arange(400) < 150, y, 0.5)[:, None] * np.ones((1, WIDTH))
    place = {row.tobytes(): at for at, row in enumerate(x)}

    def encoder(asked: np.ndarray, memory: float) -> np.ndarray:
        at = [place[row.tobytes()] for row in np.ascontiguousarray(asked)]
        return np.tanh(asked @ np.ones((5, WIDTH))) + 0.3 * y[at, None] + memory * (learned[at] - 0.5)

    for memory, low, high in ((2.0, 0.7, 1.0), (0.0, 0.4, 0.6)):
        options = {"gives": "embeddings", "replicates": 50, "random_split": True, "population": 0.15}
        found = telltale.audit(lambda of, m=memory: encoder(of, m), (x[:150], y[:150]), (x[150:], y[150:]), **options)
        assert low < found.table.loc["embedding_probe", "auc"] < high


def test_shadow_encoders_say_on_which_side_members_lie() -> None:
    """Catches shadow encoders that no attack compares with, and distances that are not calibrated by them."""
    x, _ = records(300, 5)
    x *= np.exp(np.random.default_rng(2).normal(size=(300, 1)))  # most of a norm is the record's own

    def fit(given: tuple[np.ndarray, np.ndarray], seed: int) -> Encoder:
        encoder = Encoder(given[0], 0.4, seed % 1000)
        encoder.map = encoder.map * 0 + Encoder(x, 0).map
        return encoder

    y = np.zeros(300, int) + (np.arange(300) % 2)
    found = telltale.audit(
        fit((x[:150], y[:150]), 7),
        (x[:150], y[:150]),
        (x[150:], y[150:]),
        gives="embeddings",
        train=fit,
        shadows=6,
        replicates=50,
    )
    table = found.table["auc"]
    assert table["embedding_shadows"] > max(table["embedding_far"], table["embedding_near"]) + 0.02
    assert found.verdict == "leaks"


def test_copies_depend_on_the_record_alone() -> None:
    """Catches copies that differ between an encoder and its shadows, channels taken for rows, and broken molecules."""
    views = InputViews(0, 3)
    x = np.random.default_rng(0).integers(0, 255, (6, 12, 12, 3)).astype(np.uint8)
    first, again = views(x), views(x[::-1])
    assert all(np.array_equal(one, other[::-1]) for one, other in zip(first, again, strict=True))
    assert first[0].shape == x.shape and first[0].dtype == x.dtype and not np.array_equal(first[0], first[1])
    channels_first = views(np.ascontiguousarray(np.moveaxis(x, 3, 1)))
    assert channels_first[0].shape == (6, 3, 12, 12)
    molecules = ["CCc1ccccc1", "c1ccccc1", "OC(=O)CCN"]
    for copy in views(molecules):
        assert copy[1] == molecules[1] and copy[0] != molecules[0]
        assert all(Chem.MolFromSmiles(text) is not None for text in copy)
    assert views(np.zeros((4, 5))) == []


def test_distances_are_those_to_held_out_embeddings() -> None:
    """Catches distances between the points themselves, or in units that an encoder may choose."""
    held = np.array([[0.0, 0.0], [0.0, 2.0], [100.0, 0.0], [100.0, 2.0]])
    found = distance_to_nearest(np.array([[50.0, 0.0], [0.0, 1.0]]), held, neighbours=2)
    assert found == pytest.approx([np.log(1.0), np.log(1.0)])
    scaled = distance_to_nearest(np.array([[50.0, 0.0], [0.0, 1.0]]) * [3, 0.1], held * [3, 0.1], neighbours=2)
    assert scaled == pytest.approx(found)


def test_encoders_of_others_are_asked_alone_or_out_of_a_fine_tuned_network(tmp_path: Path) -> None:
    """Catches an encoder without a head that is refused, and a head that is asked where embeddings are wanted."""
    tuned = hu2020.predictor("gin", 2, 8).eval()
    save_file(tuned.gnn.state_dict(), tmp_path / "encoder.safetensors")
    save_file(tuned.state_dict(), tmp_path / "tuned.safetensors")
    smiles = ["CCO", "c1ccccc1"]
    with torch.no_grad():
        right = tuned.gnn(hu2020.graphs_of(smiles)).numpy()
    for name, options in (("encoder", {}), ("encoder", {"gives": "embeddings"}), ("tuned", {"gives": "embeddings"})):
        weights = str(tmp_path / f"{name}.safetensors")
        there = TorchTarget(architecture="hu2020_gin", weights=weights, device="cpu", **options)
        assert there.gives == "embeddings" and np.allclose(there.ask(smiles), right, atol=1e-6)
    with pytest.raises(InputError, match=r"target.gives=embeddings: this architecture gives values"):
        TorchTarget(architecture="chemprop", weights=weights, gives="embeddings")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x[:, 0], r"an array \(4,\): expected embeddings \(4, width\)"),
        (lambda x: np.full((len(x), 2), np.nan), "expected a finite number"),
        (lambda x: np.zeros((len(x), 2 + (x[0, 0] > 3))), "target=embeddings: of 2 and 3 a record"),
    ],
)
def test_embeddings_that_will_not_do_are_told_in_one_line(answer, said: str) -> None:  # type: ignore[no-untyped-def]
    """Catches a traceback where embeddings have no width, or another in each answer."""
    target = FunctionTarget(answer, gives="embeddings", batch_size=4)
    with pytest.raises(InputError, match=said):
        target.ask(np.arange(8.0)[:, None] * np.ones((1, 2)))


def test_recorded_embeddings_are_audited_without_copies(tmp_path: Path) -> None:
    """Catches a file that is asked about copies of which it holds nothing."""
    x, y = records(40, 1, 8, 8)
    np.savez(tmp_path / "said.npz", id=np.arange(40).astype(str), answers=x.reshape(40, -1)[:, :6])
    given = given_of(x, y).with_members(np.arange(40) < 20)
    asked = ask(RecordedTarget(str(tmp_path / "said.npz"), gives="embeddings"), given, seed=0)
    assert asked.answers.answers.shape == (1, 34, 6) and asked.answers.population.shape == (1, 6, 6)
