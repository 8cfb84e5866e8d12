"""Objectives: the loss is its formula, a short training beats a guess, and bad options are refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem

from telltale.data.molecules import functional_groups
from telltale.data.molecules.batch import MoleculeBatch
from telltale.data.molecules.functional_groups import GROUPS
from telltale.data.molecules.graphs import MASKED_ELEMENT
from telltale.data.molecules.records import MoleculeRecords
from telltale.errors import InputError
from telltale.objectives import context_prediction
from telltale.objectives.corruption import atom_draws
from telltale.objectives.grover import atom_contexts, bond_contexts
from telltale.owner.preparation import initial_objective
from telltale.training.batches import LabelledBatch, evaluation_batches, make_batch
from telltale.training.counter_random import record_keys
from telltale.training.objective import Objective
from telltale.training.trainer import TrainerOptions
from tests.training.small import OBJECTIVES, fitted, model_of, molecules, objective_of

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def batch_of(records: MoleculeRecords) -> MoleculeBatch:
    return make_batch(records.arrays(), np.arange(len(records)), record_keys(records.fingerprints(), 0, 0))


def batch_for(objective: Objective, records: MoleculeRecords) -> Any:
    """What a step of this objective is given."""
    return next(evaluation_batches(records, len(records), targets=objective.targets(records)))


@pytest.fixture(scope="module")
def batch() -> MoleculeBatch:
    return batch_of(molecules(12))


def test_attribute_masking_is_the_mean_cross_entropy_of_masked_atoms(batch: MoleculeBatch) -> None:
    """Catches a loss over all atoms, one that sees the element it is to guess, and a mean of means."""
    objective = initial_objective(model_of(), objective_of("attribute_masking", rate=0.25), 0).eval()
    draws, losses, hidden = atom_draws(batch, "attribute_masking"), [], batch.atoms.clone()
    masked = []
    for molecule in range(len(batch)):
        own = (batch.molecule_of == molecule).nonzero().flatten()
        masked += own[draws[own].argsort()[: int(0.25 * len(own) + 1)]].tolist()
    hidden[masked] = torch.tensor([MASKED_ELEMENT, 0])
    logits = objective.predict_element(objective.model.atom_embeddings(batch.with_atoms(hidden)))
    for atom in masked:
        scores = [float(score) for score in logits.detach()[atom]]
        losses.append(math.log(sum(map(math.exp, scores))) - scores[int(batch.atoms[atom, 0])])
    assert objective.training_step(batch, 0).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_infograph_is_the_jensen_shannon_estimator(batch: MoleculeBatch) -> None:
    """Catches positives among the negatives, and swapped signs; softplus written out in numpy."""
    objective = initial_objective(model_of(), objective_of("infograph"), 0).eval()
    atoms = objective.model.atom_embeddings(batch)
    scores = objective.local_network(atoms) @ objective.global_network(objective.model(batch)).T
    values, own = scores.detach().double().numpy(), batch.molecule_of.numpy()
    positive = [np.log1p(np.exp(-values[atom, own[atom]])) for atom in range(len(own))]
    others = [values[atom, other] for atom in range(len(own)) for other in range(len(batch)) if other != own[atom]]
    negative = [np.log1p(np.exp(-score)) + score for score in others]
    expected = np.mean(positive) + np.mean(negative) - 2 * math.log(2)
    assert objective.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_deep_graph_infomax_holds_an_atom_against_its_own_molecule_and_the_next(batch: MoleculeBatch) -> None:
    """Catches a summary without its sigmoid, a transposed discriminator, and a shift within the atom's molecule."""
    objective = initial_objective(model_of(), objective_of("deep_graph_infomax"), 0).eval()
    atoms = objective.model.atom_embeddings(batch).detach().double().numpy()
    own, weights = batch.molecule_of.numpy(), objective.discriminator.detach().double().numpy()
    summaries = [1 / (1 + np.exp(-atoms[own == molecule].mean(0))) for molecule in range(len(batch))]
    true = [summaries[own[place]] @ weights @ atom for place, atom in enumerate(atoms)]
    false = [summaries[(own[place] + 1) % len(batch)] @ weights @ atom for place, atom in enumerate(atoms)]
    expected = np.mean(np.log1p(np.exp(-np.array(true)))) + np.mean(np.log1p(np.exp(false)))
    assert objective.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-5)


def test_the_context_of_a_chain_is_what_hu_et_al_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a ring begun one hop early: from the end of a chain, two hops, context three hops deep.

    Atoms 0, 1, 2 are the neighbourhood, 2, 3, 4 the context, 2 alone is in both; each part is a propane by itself.
    """
    monkeypatch.setattr(context_prediction, "choose_atom", lambda batch, role: batch.first_atom)
    objective = initial_objective(model_of(), objective_of("context_prediction", context_size=3), 0).eval()
    chains, propane = (batch_of(MoleculeRecords.of(smiles, "test")) for smiles in (["C" * 8, "C" * 9], ["CCC"]))
    both = context_prediction.neighbourhood_and_context(chains, chains.first_atom, 2, 3)
    assert [part[:8].nonzero().flatten().tolist() for part in both] == [[0, 1, 2], [2, 3, 4]]
    matching, shifted = objective._scores(chains)
    expected = objective.model.atom_embeddings(propane)[0] @ objective.context_model.atom_embeddings(propane)[0]
    assert torch.allclose(torch.cat([matching, shifted.flatten()]), expected, rtol=1e-5)


@pytest.mark.parametrize(("smiles", "contexts"), [("CCCC", 2), ("CCC", 2), ("CC", 0)])
def test_a_molecule_has_a_context_where_an_atom_lies_at_the_radius(
    smiles: str, contexts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches small molecules left out although the authors' ring, here the third atom alone, is not empty."""
    monkeypatch.setattr(context_prediction, "choose_atom", lambda batch, role: batch.first_atom)
    objective = initial_objective(model_of(), objective_of("context_prediction"), 0).eval()
    assert len(objective._scores(batch_of(MoleculeRecords.of([smiles, smiles], "test")))[0]) == contexts


def test_several_shifted_contexts_weigh_as_much_as_that_many(batch: MoleculeBatch) -> None:
    """Catches a mean over negatives: the authors' loss is L_true + negatives * L_shifted."""
    objective = initial_objective(model_of(), objective_of("context_prediction", negatives=3), 0).eval()
    own, shifted = objective._scores(batch)
    expected = torch.nn.functional.softplus(-own).mean() + 3 * torch.nn.functional.softplus(shifted).mean()
    assert objective.training_step(batch, 0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_graphcl_is_nt_xent_without_the_own_view_below_the_line(batch: MoleculeBatch) -> None:
    """Catches the other common form, in which the positive pair is among the negatives."""
    objective = initial_objective(model_of(), objective_of("graphcl", temperature=0.5), 0).eval()
    similarity = objective._similarity(batch)[0].detach().double().numpy() / 0.5
    assert np.abs(similarity).max() <= 2 + 1e-5  # cosines
    losses = [
        np.log(sum(np.exp(row[other]) for other in range(len(row)) if other != place)) - row[place]
        for place, row in enumerate(similarity)
    ]
    assert objective.training_step(batch, 0).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_graphmae_is_the_scaled_cosine_error_of_masked_atoms(batch: MoleculeBatch) -> None:
    """Catches an error over all atoms, a forgotten power, and a target that is not one of the elements."""
    objective = initial_objective(model_of(), objective_of("graphmae", rate=0.3, power=2.0), 0).eval()
    rebuilt, element = (part.detach().double().numpy() for part in objective._masked(batch))
    assert len(rebuilt) == sum(int(0.3 * size + 1) for size in batch.sizes().tolist())
    cosines = [row[int(true)] / math.sqrt(sum(row**2)) for row, true in zip(rebuilt, element, strict=True)]
    expected = np.mean([(1 - cosine) ** 2 for cosine in cosines])
    assert objective.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-4)


def test_graphmae_rebuilds_an_atom_from_its_neighbours_alone() -> None:
    """Catches a decoder that sees what the encoder made of the masked atom itself."""
    objective = initial_objective(model_of(), objective_of("graphmae", rate=1.0), 0).eval()
    rebuilt, _ = objective._masked(batch_of(molecules(4)))  # all are masked: nothing is left to tell them by
    few = torch.unique((rebuilt * 1e4).round(), dim=0)  # a decoder on zeros: by an atom's bonds alone
    kinds = {tuple(sorted(row)) for row in _bonds_of_each_atom(batch_of(molecules(4)))}
    assert len(few) <= len(kinds)


def _bonds_of_each_atom(batch: MoleculeBatch) -> list[list[tuple[int, ...]]]:
    """List the bonds that end at each atom."""
    ends, bonds = batch.ends[1].tolist(), [tuple(bond) for bond in batch.bonds.tolist()]
    return [[bond for end, bond in zip(ends, bonds, strict=True) if end == atom] for atom in range(len(batch.atoms))]


def test_simgrace_is_nt_xent_against_an_encoder_with_noise_of_its_weights_size(batch: MoleculeBatch) -> None:
    """Catches noise of another size, on the projection, in the gradient, or left behind in the encoder."""
    objective = initial_objective(model_of(width=32), objective_of("simgrace", magnitude=0.5), 0)
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    noisy = objective._with_noise(batch)
    for name, weight in objective.model.named_parameters():
        moved, deviation = (noisy[name] - weight).detach(), float(weight.detach().std(correction=0))
        assert weight.numel() < 500 or 0.9 < float(moved.std()) / (0.5 * deviation) < 1.1, name
        assert deviation > 0 or not moved.any()
    similarity, same = objective.eval()._similarity(batch)
    losses = [
        np.log(sum(np.exp(row[other] / 0.1) for other in range(len(row)) if other != place)) - row[place] / 0.1
        for place, row in enumerate(similarity.detach().double().numpy())
    ]
    assert same.diagonal().all() and objective.training_step(batch, 0).item() == pytest.approx(
        np.mean(losses), rel=1e-4
    )
    after = objective.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    quiet = initial_objective(model_of(), objective_of("simgrace", magnitude=0), 0).train()
    assert torch.allclose(quiet._similarity(batch)[0].diagonal(), torch.ones(len(batch)), atol=1e-5)


def test_mole_bert_adds_up_what_it_learns_in_each_phase(batch: MoleculeBatch) -> None:
    """Catches a word of another element's group, a term left out or weighed wrongly; all written out in numpy."""
    settings = objective_of("mole_bert", epochs=4, tokenizer_epochs=2, tokens=64, commitment=0.5)
    objective = initial_objective(model_of(), settings, 0).eval()
    states = objective.tokenizer.atom_embeddings(batch).detach().double().numpy()
    codes, element = objective.codes.weight.detach().double().numpy(), batch.atoms[:, 0].numpy()
    distances = ((states[:, None] - codes[None]) ** 2).sum(2)
    words = objective.words(batch).numpy()
    for atom, word in enumerate(words):
        begin, end = {5: (0, 47), 6: (47, 54), 7: (54, 61)}.get(int(element[atom]), (61, 64))
        assert begin <= word < end and distances[atom, word] == pytest.approx(
            distances[atom, begin:end].min(), rel=1e-5
        )
    nearest = distances[np.arange(len(words)), words] / states.shape[1]
    first, *rebuilt = objective._of_tokenizer(batch)
    assert first.total.item() == pytest.approx(1.5 * nearest.sum(), rel=1e-4)  # to the word, and half of the way back
    through = torch.from_numpy(codes[words]).float()
    scores = torch.log_softmax(objective.rebuild_element(through, batch), 1).detach()
    expected = -float(scores[torch.arange(len(words)), batch.atoms[:, 0]].sum())
    assert rebuilt[0].total.item() == pytest.approx(expected, rel=1e-3) and len(rebuilt) == 3
    terms = objective.terms(batch)
    sizes = batch.sizes().tolist()
    masked = [sum(min(size, int(rate * size + 1)) for size in sizes) for rate in (0.15, 0.3)]
    assert [int(term.number) for term in terms][::2][:2] == masked and len(terms) == 6
    own = terms[4].total / terms[4].number + terms[5].total / terms[5].number
    mean = [(term.total / term.number).item() for term in terms]
    assert objective.training_step(batch, 0).item() == pytest.approx(sum(mean), rel=1e-5) and own > 0


def test_mole_bert_trains_its_tokeniser_first_and_then_leaves_it(tmp_path: Path) -> None:
    """Catches an encoder that learns words that still change, and momentum that moves a finished tokeniser."""
    objective = initial_objective(model_of(), objective_of("mole_bert"), 0).train()
    objective(batch_of(molecules(8))).backward()  # epoch 0
    assert all(weight.grad is None for weight in objective.model.parameters())
    states = []
    for epochs in (2, 3, 4):
        settings = objective_of("mole_bert", epochs=epochs, tokenizer_epochs=epochs - 1 if epochs < 4 else 2)
        folder = tmp_path / str(epochs)
        states.append(fitted(molecules(40), folder, {**settings, "weight_decay": 0.01}, model_of()).state_dict())
    tokenizer = [name for name in states[0] if name.startswith(("tokenizer", "codes", "rebuild"))]
    assert tokenizer and all(torch.equal(states[1][name], states[2][name]) for name in tokenizer)
    assert any(not torch.equal(states[0][name], states[1][name]) for name in tokenizer)
    assert not torch.equal(states[1]["model.element.weight"], states[2]["model.element.weight"])


def test_mole_bert_stops_at_no_epoch_in_which_its_encoder_has_learned_nothing() -> None:
    """Catches early stopping that holds losses on words that change against losses on those that are learned."""
    objective = initial_objective(model_of(), objective_of("mole_bert", epochs=4, tokenizer_epochs=2), 0).train()
    objective.validation_records = molecules(8)
    objective.held_out = objective.validation_part()
    losses = []
    for epoch in range(4):
        objective.at_epoch(epoch)
        losses.append(objective.validation_losses().item())
    assert np.isinf(losses[:2]).all() and np.isfinite(losses[2:]).all()


def test_grovers_contexts_are_those_of_rdkits_neighbours() -> None:
    """Catches a bond counted as its own context, one end left out, and contexts that differ by direction or company."""
    records = MoleculeRecords.of([*molecules(60).smiles, "C", "CC", "[Na+].[Cl-]"], "test")
    batch = batch_of(records)
    atoms: dict[Any, set[int]] = {}
    bonds: dict[Any, set[int]] = {}
    atom_hash, bond_hash = atom_contexts(batch).tolist(), bond_contexts(batch).tolist()
    ends = {tuple(pair): place for place, pair in enumerate(batch.ends.T.tolist())}
    for place, smiles in enumerate(records.smiles):
        molecule, first = Chem.MolFromSmiles(smiles), int(batch.first_atom[place])
        for atom in molecule.GetAtoms():
            around = sorted(
                (bond.GetOtherAtom(atom).GetAtomicNum(), str(bond.GetBondType())) for bond in atom.GetBonds()
            )
            word = (atom.GetAtomicNum(), *around)
            atoms.setdefault(word, set()).add(atom_hash[first + atom.GetIdx()])
        for bond in molecule.GetBonds():
            two = (bond.GetBeginAtom(), bond.GetEndAtom())
            others = [(end, other) for end in two for other in end.GetBonds() if other.GetIdx() != bond.GetIdx()]
            around = sorted((end.GetAtomicNum(), str(other.GetBondType())) for end, other in others)
            first_way, second_way = ((first + a.GetIdx(), first + b.GetIdx()) for a, b in (two, two[::-1]))
            found = {bond_hash[ends[first_way]], bond_hash[ends[second_way]]}
            bonds.setdefault((str(bond.GetBondType()), *around), set()).update(found)
    for words in (atoms, bonds):
        assert len(words) > 20 and all(len(hashes) == 1 for hashes in words.values())
        assert len({next(iter(hashes)) for hashes in words.values()}) == len(words)


def test_groups_are_searched_once_a_molecule_whatever_the_records_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a search anew for each of many models, and groups that are told of another molecule."""
    searched: list[str] = []

    search = functional_groups.functional_groups

    def recorded(smiles: Any) -> np.ndarray:
        searched.extend(smiles)
        return search(smiles)

    monkeypatch.setattr(functional_groups, "_KNOWN", {})
    monkeypatch.setattr(functional_groups, "functional_groups", recorded)
    records = MoleculeRecords.of(["CCO", "CC(=O)O", "CCN", "CCO"], "given")
    alone = functional_groups._groups_of(records.smiles.tolist())
    for rows in (np.array([2, 0]), np.array([0, 1, 2, 3]), np.array([3, 1]), np.array([], int)):
        found = functional_groups.groups_of_records(records.take(rows))
        assert np.array_equal(found, alone[rows])
    assert sorted(searched) == sorted(set(records.smiles))


def test_grover_adds_up_what_it_asks(batch: MoleculeBatch) -> None:
    """Catches a loss over all atoms, groups asked of the wrong molecule, and a padding taken for a group."""
    records = molecules(12)
    objective = initial_objective(model_of(), objective_of("grover", rate=0.3, words=64), 0).eval()
    targets = objective.targets(records)
    known = {GROUPS[place] for place in (objective.targets(MoleculeRecords.of(["CCO"], "test"))[0] == 2).nonzero()[0]}
    assert known == {"fr_Al_OH", "fr_Al_OH_noTert"} and targets.shape == (12, 85) and set(targets.ravel()) == {1, 2}
    atoms, _, groups = objective.terms(LabelledBatch(batch, torch.from_numpy(targets), batch.keys))
    assert int(atoms.number) == sum(int(0.3 * size + 1) for size in batch.sizes().tolist())
    logits = objective.predict_group(objective.model(batch)).detach().double().numpy()
    each = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * (targets == 2)
    assert float(groups.total.detach()) == pytest.approx(each.sum(), rel=1e-4) and int(groups.number) == 12 * 85


@every_objective
def test_the_loss_does_not_depend_on_the_order_of_the_batch(name: str) -> None:
    """Catches pairs lined up by place; two objectives shift by place, so only their own pairs are compared."""
    records = molecules(12)
    objective = initial_objective(model_of(), objective_of(name), 0).eval()
    one, other = (objective.terms(batch_for(objective, part)) for part in (records, records.take(np.arange(12)[::-1])))
    compared = slice(0, 1) if name in ("context_prediction", "deep_graph_infomax") else slice(None)
    for mine, theirs in zip(one[compared], other[compared], strict=True):
        assert torch.allclose(mine.total, theirs.total, rtol=1e-4) and mine.number == theirs.number


@every_objective
def test_a_short_training_beats_the_trivial_rate(name: str, tmp_path: Path) -> None:
    """Catches an objective that cannot be learned: a detached gradient, labels that do not fit, a wrong sign."""
    records, held_out = molecules(500), molecules(150, start=500)
    rate = {"deep_graph_infomax": 0.01, "graphmae": 0.01}.get(name, 0.003)  # one negative an atom teaches slowly
    # most atoms are carbon: the trivial rate is high; long enough for three seeds, as the last digits differ by machine
    longer = {"attribute_masking": 40, "deep_graph_infomax": 40, "graphmae": 40, "mole_bert": 40}
    epochs = {**longer, "edge_prediction": 30, "simgrace": 30}.get(name, 20)
    noise = {"magnitude": 0.3} if name == "simgrace" else {}  # of 1, an epoch teaches little
    settings = objective_of(name, epochs=epochs, batch_size=64, learning_rate=rate, **noise)
    trained = fitted(records, tmp_path, settings, model_of(width=32)).eval()
    success, trivial = trained.success(evaluation_batches(held_out, 64, targets=trained.targets(held_out))).values()
    assert success > trivial + {"attribute_masking": 0.04, "graphmae": 0.04}.get(name, 0.1)


@every_objective
def test_success_survives_batches_in_which_there_is_nothing_to_measure(name: str) -> None:
    """Catches the NaN of a last batch that holds one methane, which has no bond, no context and no negative."""
    objective = initial_objective(model_of(), objective_of(name), 0).eval()
    records = MoleculeRecords.of([*molecules(8).smiles, "C"], "test")
    batches = evaluation_batches(records, 8, targets=objective.targets(records))
    assert all(math.isfinite(value) for value in objective.success(batches).values())


@every_objective
@pytest.mark.parametrize("smiles", [["C"], ["C", "N"], ["CC"], ["CCO"], ["C", "CCO", "CC"]])
def test_tiny_molecules_and_batches_of_one_give_a_finite_loss(name: str, smiles: list[str]) -> None:
    """Catches division by no pairs, log of no negatives, BatchNorm over one atom, a molecule as its own negative."""
    objective = initial_objective(model_of(layers=3), objective_of(name), 0).train()
    loss = objective.training_step(batch_for(objective, MoleculeRecords.of(smiles, "test")), 0)
    loss.backward()
    assert loss.isfinite()
    assert all(part.grad is None or part.grad.isfinite().all() for part in objective.parameters())
    assert all(value.isfinite().all() for value in objective.state_dict().values())


@pytest.mark.parametrize("negatives", [1, 2, 5, 50])
def test_no_context_is_its_own_negative(negatives: int) -> None:
    """Catches a shift by a whole turn: more negatives than molecules would push true pairs apart."""
    objective = initial_objective(model_of(), objective_of("context_prediction", negatives=negatives), 0).eval()
    own, shifted = objective._scores(batch_of(molecules(5)))
    assert len(own) == 5 and shifted.shape == (5, min(negatives, 4))
    assert not (shifted == own[:, None]).any()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("infograph", "epochs", 0),
        ("infograph", "epochs", 1.5),
        ("infograph", "batch_size", 0),
        ("infograph", "learning_rate", 0),
        ("infograph", "weight_decay", -1),
        ("attribute_masking", "rate", 0),
        ("attribute_masking", "rate", 1.1),
        ("graphcl", "rate", -0.1),
        ("graphcl", "temperature", 0),
        ("graphcl", "augmentations", ["drop_atoms"]),
        ("graphcl", "augmentations", ["drop_atoms", "drop_atom"]),
        ("graphmae", "rate", 0),
        ("graphmae", "power", 0.5),
        ("grover", "rate", 0),
        ("grover", "words", 1),
        ("mole_bert", "tokenizer_epochs", 2),
        ("mole_bert", "tokenizer_epochs", 0),
        ("mole_bert", "tokens", 8),
        ("mole_bert", "rates", [0.15]),
        ("mole_bert", "rates", [0.15, 1.5]),
        ("simgrace", "magnitude", -1),
        ("simgrace", "temperature", 0),
        ("context_prediction", "context_size", 0),
        ("context_prediction", "negatives", 0),
    ],
)
def test_a_bad_option_is_refused_by_its_name(name: str, field: str, value: Any) -> None:
    """Catches a training that runs and means nothing."""
    from hydra.utils import get_class, instantiate

    settings = objective_of(name, **{field: value})
    with pytest.raises(InputError) as error:
        get_class(settings.pop("_target_"))(instantiate(model_of()), **settings)
    assert error.value.field == f"objective.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accelerator", "tpu"),
        ("strategy", "fsdp"),
        ("devices", 2),
        ("devices", 0),
        ("devices", "auto"),
        ("precision", "64-true"),
        ("precision", "half"),
    ],
)
def test_a_bad_trainer_option_is_refused_by_its_name(field: str, value: Any) -> None:
    """Catches a traceback of Lightning's; 64-true cannot move our frozen batches."""
    with pytest.raises(InputError) as error:
        TrainerOptions(**{"accelerator": "cpu", field: value})
    assert error.value.field == f"trainer.{field}"
