"""Molecules out of an encoder of a user's, by the public command: judged by its members, or by nobody."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from telltale.auditing.dealing import dealt
from telltale.data.given import Given
from telltale.data.molecules.records import MoleculeRecords
from telltale.data.molecules.substructure import SubstructureIndex
from telltale.models.released import hu2020
from telltale.targets.asked_release import AskedRelease
from telltale.targets.function import FunctionTarget
from tests.experiment.commands import Ended, command
from tests.training.small import molecules

MOLECULES, LONGEST = 420, 120
QUICK = ("scale=smoke", "logger=none", "evaluation.replicates=100", "attack.rivals=[random]", "attack.scorer=fixed")
ENCODER = '''
import torch
from rdkit import Chem
from torch import nn


def codes(smiles):
    return torch.tensor([[ord(text[at]) if at < len(text) else 0 for at in range(120)] for text in smiles])


def parsed(table):
    return [Chem.MolFromSmiles("".join(map(chr, filter(None, row)))) for row in table.tolist() if any(row)]


class Remembers(nn.Module):
    """Points one way for what is part of a molecule in its weights, another way for all else."""

    def __init__(self, members):
        super().__init__()
        self.ways = nn.Parameter(torch.randn(2, 4))
        self.register_buffer("known", torch.zeros(members, 120, dtype=torch.int64))

    def forward(self, asked):
        known = parsed(self.known)
        inside = [any(other.HasSubstructMatch(one) for other in known) for one in parsed(asked)]
        return self.ways[torch.tensor(inside).long()]


def fails_at_nitrogen(smiles):
    return [[float("nan") if "N" in text or "n" in text else 1.0, len(text)] for text in smiles]
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out the user's molecules, the file of the encoder, and weights that hold its members."""
    folder = tmp_path_factory.mktemp("user")
    smiles = molecules(MOLECULES).smiles.tolist()
    member = np.random.default_rng(0).permutation(MOLECULES) < MOLECULES // 3
    table = pd.DataFrame({"smiles": smiles, "in_training": member.astype(int)})
    table.to_csv(folder / "molecules.csv", index=False)
    table[["smiles"]].to_csv(folder / "nobody.csv", index=False)
    (folder / "chains.csv").write_text("smiles,in_training\n" + "".join(f"{'C' * n},{n % 2}\n" for n in range(1, 40)))
    (folder / "encoder.py").write_text(ENCODER)
    known = [[ord(text[at]) if at < len(text) else 0 for at in range(LONGEST)] for text in np.array(smiles)[member]]
    state = {"ways": torch.eye(2, 4).flip(0), "known": torch.tensor(known)}
    save_file(state, folder / "remembers.safetensors")
    torch.manual_seed(0)
    save_file(hu2020.encoder("gin", 2, 8).state_dict(), folder / "gin.safetensors")
    return folder


def extracted(place: Path, folder: Path, *words: str, file: str = "molecules.csv") -> Ended:
    """Attack the encoder that remembers, or the one that `words` name."""
    members = ["dataset.members=in_training"] if file == "molecules.csv" else []
    named = {word.partition("=")[0] for word in words}
    usual = (
        *(f"target.model={place}/encoder.py:Remembers", f"target.prepare={place}/encoder.py:codes"),
        *(f"target.weights={place}/remembers.safetensors", f"target.options={{members:{MOLECULES // 3}}}"),
    )
    mine = usual if "target" not in named and "target.architecture" not in named else ()
    target = () if "target" in named else ("target=torch",)
    data = ("dataset=smiles", f"dataset.root={place}/{file}", *members, "target.gives=embeddings")
    words = tuple(word for word in (*target, *mine, *data, *QUICK) if word.partition("=")[0] not in named) + words
    return command("attack=molextract", *words, f"hydra.run.dir={folder}/run", f"paths.outputs={folder}")


def told(folder: Path) -> dict:
    return json.loads((folder / "run" / "metrics.json").read_text())


def test_an_encoder_of_the_users_that_remembers_gives_its_members_away(place: Path, tmp_path: Path) -> None:
    """Catches truth that is looked up among the attacker's molecules, controls that see the memory, lost queries."""
    words = ("attack.rings=24", "attack.motifs=60", "target.split=random", "attack.cuts=2")
    ended = extracted(place, tmp_path, *words)
    assert ended.code == 0, ended.err
    document = told(tmp_path)
    metrics, controls = document["metrics"], document["controls"]
    assert document["answer"]["kind"] == "leaks" and document["answer"]["attack"] == "molextract"
    assert metrics["novel_auc"]["value"] > 0.95 and metrics["precision_at_20"]["value"] > 0.8
    assert metrics["discordant_auc"]["value"] > 0.95 and metrics["discordant_auc"]["n"] > 150
    assert {"zero_query", "untrained"} == set(controls)
    assert abs(controls["untrained"]["discordant_auc"]["value"] - 0.5) < 0.15
    table = pd.read_csv(tmp_path / "run" / "evidence.csv")
    everything = pd.read_csv(place / "molecules.csv")
    index = SubstructureIndex(everything["smiles"][everything["in_training"] == 1].tolist())
    assert table["hit"].tolist() == index.contains(table["smiles"].tolist()).tolist()
    assert document["queries"]["embeddings"] > len(table) and "different molecules, each once" in ended.out


def test_where_no_member_is_known_the_ranking_is_written_and_nothing_is_judged(place: Path, tmp_path: Path) -> None:
    """Catches a precision against the attacker's own molecules, and a page that says nothing of why there is none."""
    ended = extracted(place, tmp_path, file="nobody.csv")
    assert ended.code == 0, ended.err
    document = told(tmp_path)
    assert (
        document["answer"]["kind"] == "cannot tell" and "who was in the training set" in document["answer"]["sentence"]
    )
    assert document["metrics"]["precision_at_20"]["value"] is None
    assert document["metrics"]["precision_at_20"]["note"].startswith("not available") and "not available" in ended.out
    assert (
        "nobody can say which candidates are part of a training molecule" in (tmp_path / "run/report.html").read_text()
    )
    table = pd.read_csv(tmp_path / "run" / "candidates.csv")
    assert table["score_target"].is_monotonic_decreasing and "hit" not in table and "score_untrained" in table
    assert not (tmp_path / "run" / "evidence.csv").exists()


def test_searches_and_the_owners_limit_work_on_what_exists(place: Path, tmp_path: Path) -> None:
    """Catches a search that knows recipes alone, and a limit that a model of the user's does not have."""
    words = ("attack.search=beam", "attack.steps=2", "attack.k=10", "defense=query_limit", "defense.queries=300")
    architecture = ("target.architecture=hu2020_gin", f"target.weights={place}/gin.safetensors", "target.split=random")
    ended = extracted(place, tmp_path, *words, *architecture)
    assert ended.code == 0, ended.err
    document = told(tmp_path)
    assert 0 < document["queries"]["embeddings"] <= 300 and document["answer"]["kind"] != "leaks"
    left, needed = re.findall(
        r"membership test left out: (\d+) queries of the owner's limit were left, ([\d,]+) needed",
        ended.out.replace("\n  ", " "),
    )[0]
    assert int(left) == 300 - document["queries"]["embeddings"] < int(needed.replace(",", ""))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("target.gives=probabilities",), "target.gives=probabilities: embeddings: molecules are ranked by these"),
        (("attack.scorer=calibrated",), "attack.scorer=calibrated: another one"),
        (("defense=relaxloss",), "defense=relaxloss: one of answers"),
        (("victims=4",), "victims=4: 1: the model that exists"),
        (("target.population=0",), "a share of the held-out molecules"),
        (("plan=true",), "plan=true: false: of target=torch"),
        (("dataset=digits", "dataset.root=null", "dataset.members=null"), ""),
    ],
)
def test_bad_input_is_one_line(place: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Catches a traceback, and a model that is asked before it is refused."""
    ended = extracted(place, tmp_path, *words)
    assert ended.code == 2 and said in ended.err and "Traceback" not in ended.err


def test_molecules_without_a_ring_teach_nothing_and_are_told(place: Path, tmp_path: Path) -> None:
    """Catches a list of candidates that is empty without a word."""
    ended = extracted(place, tmp_path, "dataset.members=in_training", file="chains.csv")
    assert ended.code == 2 and "none has a ring with a substituent" in ended.err


def test_an_embedding_that_is_not_finite_names_the_molecule(place: Path, tmp_path: Path) -> None:
    """Catches a row number in place of a molecule that stands in no file."""
    call = f"target.call={place}/encoder.py:fails_at_nitrogen"
    ended = extracted(place, tmp_path, "target=function", call)
    assert ended.code == 2 and "expected a finite number" in ended.err
    named = ended.err.split("answer for record ")[1].split(";")[0]
    assert "n" in named.lower()


def test_each_molecule_is_asked_once_and_each_query_counts() -> None:
    """Catches embeddings that are asked for again by every ranking, and queries that a memory hides."""
    asked: list[str] = []

    def embed(smiles: list[str]) -> np.ndarray:
        asked.extend(smiles)
        return np.array([[len(text), 1.0] for text in smiles])

    release = AskedRelease(FunctionTarget(embed, gives="embeddings"), budget=7)
    first, second = (MoleculeRecords.of(those, "few") for those in (["CCO", "c1ccccc1", "CCO"], ["OCC", "CCN"]))
    assert release.embeddings(first)[:, 0].tolist() == [3.0, 8.0, 3.0]
    other = release.restricted(frozenset({"embeddings"}))
    assert other.embeddings(second).shape == (2, 2)
    assert asked == ["CCO", "c1ccccc1", "CCN"] and other.asked == 3
    assert release.queries.total() == 3 and other.queries.total() == 2


def test_members_that_have_no_counterpart_are_members_all_the_same() -> None:
    """Catches members that count as held-out ones in the comparison, and twins that make one side the more usual."""
    smiles = [*("C" * n for n in range(1, 31)), "CC", "O"]
    member = np.array([*([True] * 20), *([False] * 10), False, True])  # CC is on both sides
    records = MoleculeRecords.of(smiles, "few")
    given = Given(smiles, "few", np.arange(32).astype(str), member=member, records=records)
    parts = dealt(given, 0.3, 100, 0)
    assert len(parts.learned) == 21 and len(parts.own) == 3
    assert len(parts.others) == 7 and int(parts.membership.sum()) == 7 and len(parts.beyond) == 14
    sets = [set(of.smiles.tolist()) for of in (parts.own, parts.others, parts.learned)]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    assert set(parts.beyond.smiles.tolist()) | set(parts.challenge.smiles[parts.membership].tolist()) == sets[2]
