"""The audit of released models: the split is theirs, their figures are met, and a planted leak is found."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scripts import audit_released
from scripts.released import clone, encoder_page, encoders, measure, page, recipe, tables
from telltale.errors import InputError
from telltale.evaluation.estimate import Estimate
from telltale.models.released.chemprop import Chemprop, graphs_of

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "admetica"
without_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no released models in {FOLDER}")


@pytest.fixture(scope="module")
def released() -> list[tables.Table]:
    """Return the tables of all released models."""
    return tables.read_all(FOLDER)


@without_data
def test_roles_are_those_of_seed_0_and_of_no_other(released: list[tables.Table]) -> None:
    """Catches a split that is not chemprop's, on which the null would stand."""
    for table in released:
        assert np.array_equal(table.roles_of(0), table.role), table.name
        assert abs(table.mean_of(0) - table.mean) < 1e-6 * table.scale, table.name
        agreeing = (table.roles_of(1) == table.role).mean()
        assert 0.6 < agreeing < 0.72, table.name  # 0.8² + 2 · 0.1² by chance


@without_data
def test_the_published_aucs_are_met(released: list[tables.Table]) -> None:
    """Catches a score or a table that is not the one that was published."""
    row = r"^\| ([a-z0-9-]+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \(([\d,]+)\)"
    published = {found[0]: found[1:] for found in re.findall(row, (FOLDER / "README.md").read_text("utf-8"), re.M)}
    assert set(published) == {table.name for table in released} and len(published) == 9
    for table in released:
        rows, members, auc, auc_once, once = (float(text.replace(",", "")) for text in published[table.name])
        assert (len(table), table.member.sum(), table.once.sum()) == (rows, members, once)
        assert measure.auc(table.error, table.member) == pytest.approx(auc, abs=1e-3)
        assert measure.auc(table.error[table.once], table.member[table.once]) == pytest.approx(auc_once, abs=1e-3)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two models' folders: one knows its members' values, one does not."""
    folder = tmp_path_factory.mktemp("planted")
    place = files("telltale.data.embedded") / "moses_50k.smi.gz"
    with place.open("rb") as stream, gzip.open(stream, "rt") as lines:
        smiles = [line.split()[0] for line, _ in zip(lines, range(240), strict=False)]
    for name, memory in (("knows", 0.9), ("not", 0.0)):
        rng, role = np.random.default_rng(0), tables.split(len(smiles), 0)
        truth = rng.normal(size=len(smiles))
        said = truth + rng.normal(size=len(smiles)) * (1 - memory * (role == "train"))
        rows = (f"{text},{y},{part},{p}\n" for text, y, part, p in zip(smiles, truth, role, said, strict=True))
        (folder / name).mkdir()
        with gzip.open(folder / name / "table.csv.gz", "wt") as file:
            file.writelines(["smiles,y,role,prediction\n", *rows])
        mean = float(truth[role == "train"].mean())
        facts = {"task": name, "epochs": 9, "target_mean": mean, "target_scale": float(truth.std())}
        (folder / name / "model.json").write_text(json.dumps(facts))
    return folder


def test_a_planted_leak_is_found_and_told(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a page that accuses a model which remembers nothing, or not the one which does, and a bare control."""
    monkeypatch.setattr(measure, "OTHER_SEEDS", range(1, 40))
    place = tmp_path / "page.md"
    words = ["--folder", planted, "--page", place, "--encoders", tmp_path, "--replicates", 100, "--no-shadows"]
    assert audit_released.main([*map(str, words), "--kept", str(tmp_path / "kept")]) == 0
    text = place.read_text(encoding="utf-8")
    assert "1 of 2 released models tell" in text
    verdicts = dict(re.findall(r"^\| (knows|not) \| (leaks|cannot tell|no leak found)", text, re.M))
    assert verdicts["knows"] == "leaks" and verdicts["not"] != "leaks"
    controls = re.findall(r"^\| (knows|not) \| ([\d.]+) .*? \| [\d.]+ … [\d.]+; ([\d.]+) \| ([\d.]+) \|", text, re.M)
    (_, high, most, p), (_, low, _, other) = controls
    assert float(high) > float(most) and float(p) == pytest.approx(1 / 40, abs=1e-3)
    assert float(low) < float(high) and float(other) > 0.02
    assert (tmp_path / page.PICTURE).stat().st_size > 10_000
    assert "{" not in text
    assert "knows" in capsys.readouterr().out


def test_shadow_models_learn_and_are_their_seed(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches graphs of a batch that are put together wrongly, a rate that never falls, and a fit by the clock."""
    monkeypatch.setattr(recipe, "EPOCHS", 80)
    monkeypatch.setattr(recipe, "HIDDEN", 16)
    smiles = tables.read(planted / "knows").smiles[:64]
    aromatic = np.array([sum(map(str.islower, text)) / len(text) for text in smiles])
    predict = recipe.fit((smiles, aromatic), 3)
    assert np.corrcoef(predict(smiles), aromatic)[0, 1] > 0.8
    assert np.array_equal(predict(smiles[:5]), recipe.fit((smiles, aromatic), 3)(smiles[:5]))
    assert np.allclose(predict(smiles)[5:9], predict(smiles[5:9]), atol=1e-3)
    rates = [recipe.rate(step, 10) for step in (0, 20, 800)]
    assert rates == pytest.approx([recipe.LOWEST, recipe.HIGHEST, recipe.LOWEST])


def test_sections_name_encoders_and_what_is_not_met() -> None:
    """Catches a control that is told as a trained encoder, and an exception that is passed over."""
    one = Estimate.exact(0.4, 10)
    layers = [encoders.Layer(0.99, 0.98, 0.1), encoders.Layer(0.9, -0.3, 0.0)]
    found = [
        encoders.FoundOfEncoder(name, trained, layers if trained else [], dict.fromkeys(encoders.FAMILIES, one), lists)
        for name, trained, lists in (
            ("gcn_contextpred", True, dict.fromkeys(encoders.TOP, Estimate.exact(0.5, 10))),
            ("gcn, untrained", False, dict.fromkeys(encoders.TOP, Estimate.exact(0.125, 10))),
        )
    ]
    blind = dict.fromkeys(encoders.TOP, Estimate.exact(0.9, 10))
    text = encoder_page.section(encoders.FoundOfEncoders(found, 0.8, blind, 0.2, 3000))
    assert "variances that the last layer of gcn contextpred kept" in text
    assert "0.50 are parts" in text and "untrained ones 0.12" in text
    assert "{" not in text


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[str, str, str]]:
        return tempfile.mkdtemp, ("", "", str(self.place))


def test_a_clone_is_read_and_nothing_of_its_checkpoints_is_run(tmp_path: Path) -> None:
    """Catches code of a checkpoint that is run, the wrong one of two tables, a lost row's place, and a wrong answer."""
    place, ran = tmp_path / "clone" / "ADMET" / "toxicity" / "knows", tmp_path / "ran"
    place.mkdir(parents=True)
    ran.mkdir()
    smiles, network = ["C" * n for n in range(1, 11)], Chemprop(hidden=8).eval()
    smiles[3], truth = "not a molecule", np.arange(10.0) ** 2
    train = truth[tables.split(10, 0) == "train"]
    state = network.state_dict()
    state[clone.MEAN][:], state[clone.SCALE][:] = float(train.mean()), float(train.std())
    network.load_state_dict(state)
    torch.save({"epoch": 4, "state_dict": state, "hyper_parameters": Payload(ran)}, place / "knows.ckpt")
    torch.save({"epoch": 4, "state_dict": {"weight": torch.ones(2)}}, place / "knows_nx.ckpt")
    for name, values in (("knows.csv", truth[::-1] + 1), ("knows_curated.csv", truth)):
        rows = "".join(f"{text},{y}\n" for text, y in zip(smiles, values, strict=True))
        (place / name).write_text("Drug,Y\n" + rows)
    assert clone.is_clone(tmp_path / "clone") and not clone.is_clone(tmp_path)
    (table,) = tables.read_all(clone.laid_out(tmp_path / "clone", tmp_path / "made"))
    assert not list(ran.iterdir()), "a pickle was run"
    assert table.epochs == 5 and table.smiles == [text for text in smiles if text[0] == "C"]
    assert table.role.tolist() == np.delete(tables.split(10, 0), 3).tolist()
    with torch.inference_mode():
        assert np.allclose(table.prediction, network(graphs_of(table.smiles)).flatten().numpy(), rtol=1e-5)


def test_a_clone_whose_checkpoints_are_pointers_is_told(tmp_path: Path) -> None:
    """Catches a traceback where large files were not fetched."""
    (tmp_path / "ADMET" / "a" / "b").mkdir(parents=True)
    (tmp_path / "ADMET" / "a" / "b" / "b.ckpt").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"b\.ckpt.*is the clone whole"):
        audit_released.main(["--folder", str(tmp_path), "--kept", str(tmp_path / "kept")])


def test_what_takes_minutes_is_kept(tmp_path: Path) -> None:
    """Catches sections that are measured again each time, or never."""
    file, texts = tmp_path / "kept" / "one.md", iter(["first", "second"])
    read = [audit_released.kept(file, lambda: next(texts), fresh) for fresh in (False, False, True, False)]
    assert read == ["first", "first", "second", "second"]


def test_a_folder_without_models_is_told(tmp_path: Path) -> None:
    """Catches a traceback where nothing is."""
    with pytest.raises(InputError, match="one folder for each model"):
        audit_released.main(["--folder", str(tmp_path)])
