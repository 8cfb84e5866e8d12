"""The matrix of attacks and defences: what a cell says, what stands where nothing was played, what is in it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from scripts.matrix.__main__ import ADAPTED, GAMES, jobs_of, main, reason_against, refusals
from scripts.matrix.cells import read
from scripts.matrix.page import Block, Refused, write
from tests.rules.house import CONF

ON_WHAT_EXISTS = {"audit", "scores"}  # no model of ours: no defence


def run_of(folder: Path, auc: tuple[float, float, float], leak: tuple[float, float, float]) -> Path:
    """Write what a run of LiRA with one rival leaves behind."""

    def entry(values: tuple[float, float, float], **more: str) -> dict[str, object]:
        return {**dict(zip(("value", "low", "high"), values, strict=True)), **more}

    document = {
        "answer": {"kind": "leaks"},
        "metrics": {"auc": entry(auc), "balanced_accuracy": entry((0.5, 0.4, 0.6))},
        "rivals": {"rmia": {"auc": entry((0.4, 0.35, 0.45))}, "gap": {"auc": entry((0.5, 0.3, 0.7))}},
        "leakage": {"auc": entry(leak, control="untrained")},
        "guarantee": {"epsilon": 8.0},
        "target": {"accuracy": 0.75},
        "seconds": {"training": 2.0, "attack": 0.5},
        "costs": {"target": {"seconds": 0.5}, "rmia": {"seconds": 0.25}},
    }
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(document))
    return folder


def test_a_cell_is_judged_by_its_control_and_a_rival_by_guessing(tmp_path: Path) -> None:
    """Catches a leak that its control shows as well, and a wide interval that is shown as safe."""
    played = read(run_of(tmp_path / "run", (0.7, 0.6, 0.8), (0.02, -0.05, 0.09)), "lira")
    lira, rmia, gap = (played.attacks[name] for name in ("lira", "rmia", "gap"))
    assert (lira.found.value, lira.control, lira.verdict, lira.seconds) == (0.7, "untrained", "not above", 0.5)
    assert rmia.leak is not None and (rmia.control, rmia.verdict, rmia.seconds) == ("guessing", "not above", 0.25)
    assert rmia.leak.value == pytest.approx(-0.1) and gap.verdict == "unclear"
    assert read(run_of(tmp_path / "leaky", (0.7, 0.6, 0.8), (0.2, 0.1, 0.3)), "lira").attacks["lira"].verdict == "leaks"
    assert (played.utility, played.guarantee, played.seconds) == ({"accuracy": 0.75}, "ε = 8", 2.5)


def test_a_rival_of_an_extraction_is_not_judged_by_guessing(tmp_path: Path) -> None:
    """Catches drug-likeness, which never asks the model, shown as a leak."""
    folder = run_of(tmp_path / "run", (0.7, 0.6, 0.8), (0.2, 0.1, 0.3))
    text = (folder / "metrics.json").read_text().replace('"auc"', '"novel_auc"')
    (folder / "metrics.json").write_text(text)
    attacks = read(folder, "molextract").attacks
    assert attacks["molextract"].verdict == "leaks" and attacks["rmia"].verdict == "not judged"


def test_an_interval_that_is_missing_is_not_shown_as_safe(tmp_path: Path) -> None:
    """Catches one seed or a handful of records taken for "no leak"."""
    nan = float("nan")
    assert read(run_of(tmp_path / "a", (0.7, 0.6, 0.8), (0.0, nan, nan)), "lira").attacks["lira"].verdict == "unclear"
    folder = run_of(tmp_path / "b", (0.7, 0.6, 0.8), (0.2, 0.1, 0.3))
    text = (folder / "metrics.json").read_text().replace('"high": 0.8', '"high": 0.8, "note": "cannot tell: 3 models"')
    (folder / "metrics.json").write_text(text)
    assert read(folder, "lira").attacks["lira"].verdict == "unclear"


def test_the_page_leads_to_each_run_and_says_what_was_not_played(tmp_path: Path) -> None:
    """Catches a pair that is left out in silence, and a reason that writes into the page."""
    run = run_of(tmp_path / "smoke" / "pictures" / "game" / "none", (0.7, 0.6, 0.8), (0.2, 0.1, 0.3))
    outcomes = {"none": read(run, "lira"), "dp_sgd": Refused("needs <b>a loss</b>")}
    page, table = write([Block("pictures", "game", "lira", outcomes, {"none": run})], "smoke", tmp_path / "smoke")
    text = page.read_text()
    assert 'href="pictures/game/none/report.html"' in text and "0.70 [0.60, 0.80]" in text
    assert "+0.20 [+0.10, +0.30] over untrained" in text and "needs &lt;b&gt;a loss" in text and "<b>a loss" not in text
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["attack"], row["defense"], row["verdict"]) for row in rows] == [
        ("lira", "none", "leaks"),
        ("rmia", "none", "not above"),
        ("gap", "none", "unclear"),
        ("lira", "dp_sgd", "needs <b>a loss</b>"),
    ]


def test_every_attack_and_every_defence_is_in_the_matrix() -> None:
    """Catches a new word that no page shows."""
    jobs = jobs_of("smoke", [], Path("outputs"))
    assert {job.defense for job in jobs} == {file.stem for file in (CONF / "defense").glob("*.yaml")}
    assert {job.kind for job in jobs} == {"molecules", "pictures", "tables", "captions", "texts"}
    words = {file.stem for file in (CONF / "attack").glob("[!_]*.yaml")} - ON_WHAT_EXISTS - {"base"}
    rivals = {yaml.safe_load(file.read_text()).get("_target_") for file in (CONF / "rivals").glob("*.yaml")}
    rivals |= {
        options["_target_"]
        for file in (CONF / "rivals").glob("*.yaml")
        for options in yaml.safe_load(file.read_text()).values()
        if isinstance(options, dict) and "_target_" in options
    }
    beside = {
        word
        for word in words
        if yaml.safe_load((CONF / "attack" / f"{word}.yaml").read_text())["attack"]["_target_"] in rivals
    }
    assert words - beside <= {job.attack for job in jobs}
    games = {name for kind in GAMES.values() for name in kind} | set(GAMES)
    assert {place for places in ADAPTED.values() for place in places} <= games


def test_what_does_not_go_together_is_refused_as_its_command_would(tmp_path: Path) -> None:
    """Catches a pair that is trained before it fails."""
    words = ("attack=label_only", "dataset=digits", "scale=smoke", "rivals=none")
    assert reason_against((*words, "defense=none"), tmp_path) == ""
    assert reason_against((*words, "defense=rounding"), tmp_path).startswith("defense=rounding: changes embeddings")


def test_what_was_refused_is_asked_again_and_what_goes_together_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a pair that stays unplayed after its extra was installed."""
    jobs, asked = jobs_of("smoke", ["captions"], tmp_path)[:2], list[tuple[str, ...]]()

    def reason(words: tuple[str, ...], folder: Path) -> str:
        asked.append(words)
        return "not installed" if words == jobs[1].words and len(asked) == 2 else ""

    monkeypatch.setattr("scripts.matrix.__main__.reason_against", reason)
    assert refusals(jobs, tmp_path / "kept.json", "code") == {jobs[1]: "not installed"}
    assert refusals(jobs, tmp_path / "kept.json", "code") == {}
    assert asked == [jobs[0].words, jobs[1].words, jobs[1].words]
    refusals(jobs, tmp_path / "kept.json", "other code")
    assert len(asked) == 5


def test_bad_words_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback, or an empty page for a kind of data that there is not."""
    assert main(["--scale", "tiny"]) == 2 and main(["--only", "films"]) == 2
    told = capsys.readouterr().err
    assert "SCALE=tiny: one of smoke, small, paper" in told and "--only=films: one of molecules" in told
