"""Attacks on encoders that others released, where nobody knows record by record what they were trained on.

What an attack "finds" there is set beside the same attack on encoders of the same kinds that were never trained, and
beside a guess that asks no encoder: what these find too is chemistry.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch

from scripts.released.measure import auc, figures
from telltale.attacks.embedding_membership.signals import FAMILIES, Probes, measure
from telltale.attacks.molextract.attack import Molextract
from telltale.data.molecules import moses
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.data.plain_numbers import morgan_counts
from telltale.evaluation.estimate import Estimate
from telltale.evaluation.extraction import score_extraction
from telltale.evaluation.no_model import looks_like_a_member
from telltale.evaluation.statistics import Resampling
from telltale.evidence import ExtractedMolecules
from telltale.game.world import Knowledge, World
from telltale.models.molecule_encoder import MoleculeEncoder
from telltale.models.released import hu2020
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.store.store import Store
from telltale.targets.weights import fitted, read_weights

FOLDER, OTHERS = Path("../shared/data/hu2020_encoders"), Path("../shared/data/moleculenet/lipo.csv")
MOLECULES, AUXILIARY, REFERENCE = 300, 2000, 2000
VIEWS = 8  # subgraphs and cuts a molecule
TOP = (50, 200)
VOCABULARY: dict[str, Any] = {"rings": 24, "motifs": 80, "largest_motif": 10}


@dataclass(frozen=True)
class Layer:
    """How a layer's inputs to BatchNorm on ZINC-like molecules meet what BatchNorm kept: correlations over features."""

    means: float
    spreads: float
    shuffled: float


@dataclass(frozen=True)
class FoundOfEncoder:
    """What was found of one encoder.

    membership: signal -> AUC between two kinds of molecules; lists: K -> share that is part of a reference molecule
    """

    name: str
    trained: bool
    layers: list[Layer]
    membership: dict[str, Estimate]
    lists: dict[int, Estimate]


@dataclass(frozen=True)
class FoundOfEncoders:
    """All encoders, the detector's AUC between the two groups of molecules, and the lists of who asks no encoder."""

    encoders: list[FoundOfEncoder]
    detector: float
    blind: dict[int, Estimate]
    base_rate: float
    candidates: int


def encoders(folder: Path) -> dict[str, MoleculeEncoder]:
    """Return released encoders by name, then an untrained one of each of their kinds."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        network = hu2020.encoder(file.stem.split("_")[0])
        found[file.stem] = fitted(network, hu2020.renamed(read_weights(file)), file).eval()
    for kind in sorted({name.split("_")[0] for name in found}):
        torch.manual_seed(0)
        found[f"{kind}, untrained"] = _normalised(hu2020.encoder(kind))
    return cast(dict[str, MoleculeEncoder], found)


def _normalised(network: MoleculeEncoder) -> MoleculeEncoder:
    """Give an untrained encoder the statistics of molecules, as any training would."""
    with torch.no_grad():
        for norm in network.norms:
            cast(Any, norm).momentum = None  # a plain mean over batches
        network.train()(hu2020.graphs_of(zinc_like(0, MOLECULES)))
    return network.eval()


@cache
def _moses() -> list[str]:
    """Return the embedded molecules in an order drawn once; they are canonical already."""
    with gzip.open(moses.EMBEDDED, "rt") as lines:
        texts = [line.split()[0] for line in lines]
    return [texts[row] for row in np.random.default_rng(0).permutation(len(texts))]


def zinc_like(first: int, last: int) -> list[str]:
    """Return molecules of MOSES, which are from ZINC, in an order drawn once."""
    return _moses()[first:last]


def _others() -> list[str]:
    import pandas as pd

    texts = pd.read_csv(OTHERS)["smiles"].tolist()
    return [texts[row] for row in np.random.default_rng(0).permutation(len(texts))[:MOLECULES]]


def measure_encoders(folder: Path = FOLDER, replicates: int = 1000) -> FoundOfEncoders:
    """Attack every encoder, trained or not, in one world."""
    known, end = encoders(folder), MOLECULES + AUXILIARY
    inside, outside = zinc_like(0, MOLECULES), _others()
    challenge = MoleculeRecords.of([*inside, *outside], "MOSES and lipophilicity")
    auxiliary = MoleculeRecords.of(zinc_like(MOLECULES, end), "MOSES")
    reference = SubstructureIndex(zinc_like(end, end + REFERENCE))
    truth = np.arange(len(challenge)) < len(inside)
    releases = {name: Release(partial(itself, network), name) for name, network in known.items()}
    world = world_of(list(releases.values()), auxiliary, challenge)
    probes = Probes(challenge, auxiliary, VIEWS, 0.8, VIEWS, 0)
    attack = Molextract(scorer="fixed", k=list(TOP), cuts=0, **VOCABULARY)
    listed = attack.run(world)
    hits = np.asarray(reference.contains(listed.smiles.tolist()))
    found = []
    for row, (name, network) in enumerate(known.items()):
        membership = {
            signal: figures(measure(releases[name], probes, signal)[:, 0], truth, None, 0, replicates).auc
            for signal in FAMILIES
        }
        trained = "untrained" not in name
        layers = layers_of(network, inside) if trained else []
        own = replace(listed, scores=listed.scores[row : row + 1])
        found.append(FoundOfEncoder(name, trained, layers, membership, _precision(own, hits, replicates)))
    detector = looks_like_a_member(morgan_counts(challenge.smiles.tolist()), truth, None, 0)
    assert detector is not None  # halves of thousands
    blind = attack.blind(world.knowledge)
    return FoundOfEncoders(
        found, auc(detector.scores[0], truth), _precision(blind, hits, replicates), float(hits.mean()), len(hits)
    )


def itself(network: MoleculeEncoder) -> MoleculeEncoder:
    """Return the network: what a release takes it from."""
    return network


def world_of(
    releases: Sequence[Release], auxiliary: MoleculeRecords, challenge: MoleculeRecords, store: Store | None = None
) -> World:
    """Return a world of releases without shadows, since nobody repeats how they came about; store: of results."""
    none = auxiliary.take(np.arange(0))
    keeps: Any = SimpleNamespace(store=store)
    nobody = cast(Recipe, None), cast(Owner, keeps)  # nobody repeats what took days on two million molecules
    knowledge = Knowledge(auxiliary, none, none, challenge, *nobody, seed=0, victims=len(releases))
    alone: Any = tuple(((), np.zeros((0, len(challenge)), bool)) for _ in releases)
    return World(tuple(releases), knowledge, alone)


def _precision(evidence: ExtractedMolecules, hits: np.ndarray, replicates: int) -> dict[int, Estimate]:
    plan = Resampling.over(len(np.unique(evidence.templates)), replicates, seed=0)
    metrics: Mapping[str, Estimate] = score_extraction(evidence, hits[None], np.zeros_like(hits)[None], plan)
    return {k: metrics[f"precision_at_{k}"] for k in TOP}


def layers_of(network: MoleculeEncoder, smiles: list[str]) -> list[Layer]:
    """Compare what each BatchNorm is given with what it kept, and with what the next layer's kept."""
    given: list[torch.Tensor] = []
    hooks = [norm.register_forward_hook(lambda _, inputs, __: given.append(inputs[0])) for norm in network.norms]
    with torch.no_grad():
        network(hu2020.graphs_of(smiles))
    for hook in hooks:
        hook.remove()
    norms = cast(Any, network.norms)
    kept = [(norm.running_mean, norm.running_var.log()) for norm in norms]
    return [
        Layer(
            _alike(states.mean(0), kept[layer][0]),
            _alike(states.var(0).log(), kept[layer][1]),
            _alike(states.mean(0), kept[(layer + 1) % len(kept)][0]),
        )
        for layer, states in enumerate(given)
    ]


def _alike(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(np.corrcoef(first.numpy(), second.numpy())[0, 1])
