"""The audit of released models: the split is theirs, their figures are met, and a planted leak is found."""

from __future__ import annotations

import gzip
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from scripts import audit_released
from scripts.released import measure, page, tables
from telltale.errors import InputError

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
    assert audit_released.main(["--folder", str(planted), "--page", str(place), "--replicates", "100"]) == 0
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


def test_a_folder_without_models_is_told(tmp_path: Path) -> None:
    """Catches a traceback where nothing is."""
    with pytest.raises(InputError, match="one folder for each model"):
        audit_released.main(["--folder", str(tmp_path)])
