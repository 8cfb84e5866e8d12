"""The proof that a change changed no number finds the number that did change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from scripts import same_numbers
from scripts.same_numbers import Job, all_jobs, compare, differences
from telltale.errors import InputError
from tests.experiment.commands import ROOT

JOBS = [Job("attacks", "lira", ("attack=lira",)), Job("attacks", "rmia", ("attack=rmia",))]
KEPT = {"ended": "finished", "weights": ["ab", "cd"], "metrics": {"target": {"auc": 0.75}, "note": "what: so"}}


def recorded(folder: Path, changed: dict[str, Any] | None = None) -> Path:
    for job in JOBS:
        file = folder / job.group / f"{job.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(KEPT | (changed or {}) if job.name == "rmia" else KEPT))
    return folder


def test_equal_recordings_are_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches an alarm where nothing changed."""
    assert compare(JOBS, recorded(tmp_path / "one"), recorded(tmp_path / "other")) == 0
    assert capsys.readouterr().out == "2 runs compared: 2 equal bit for bit, 0 differ\n"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (
            {"metrics": {"target": {"auc": 0.75 + 2**-50}, "note": "what: so"}},
            "metrics.target.auc: 0.75 -> 0.7500000000",
        ),
        ({"weights": ["ab", "ce"]}, 'weights: ["ab", "cd"] -> ["ab", "ce"]'),
        ({"evidence": {"scores": "ab"}}, 'evidence: null -> {"scores": "ab"}'),
        ({"ended": "exit code 1: error"}, 'ended: "finished" -> "exit code 1: error"'),
    ],
)
def test_a_changed_number_is_found_and_named(
    changed: dict[str, Any], place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a last bit that changed, weights that did, evidence that is new, a run that fails now."""
    assert compare(JOBS, recorded(tmp_path / "one"), recorded(tmp_path / "other", changed)) == 1
    said = capsys.readouterr().out
    assert f"    {place}" in said and "attacks/lira" not in said
    assert said.endswith("2 runs compared: 1 equal bit for bit, 1 differ\n")


def test_how_far_numbers_moved_is_told_before_what_only_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a page of digests in which nobody sees whether a result moved or its last digit."""
    changed = {"evidence": {"scores": "ab"}, "metrics": {"target": {"auc": 0.5}, "note": "what: so"}}
    assert compare(JOBS, recorded(tmp_path / "one"), recorded(tmp_path / "other", changed)) == 1
    first, second, third, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("differs in 2 places: 1 of 1 numbers moved, by at most 0.25 (metrics.target.auc)")
    assert second.startswith("    metrics.target.auc") and third.startswith("    evidence")


def test_a_run_that_was_not_recorded_differs(tmp_path: Path) -> None:
    """Catches a proof that compares nothing."""
    assert compare(JOBS, tmp_path / "nothing", recorded(tmp_path / "other")) == 1


def test_compare_plays_what_was_recorded_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches hours of runs nobody recorded, a run that is gone and counts as equal, and a comparison of nothing."""
    played: list[str] = []

    def play(jobs: Any, folder: Path, _: int) -> None:
        played.extend(job.title for job in jobs)
        for job in jobs:
            (folder / job.group).mkdir(exist_ok=True)
            (folder / job.group / f"{job.name}.json").write_text(json.dumps(KEPT))

    monkeypatch.setattr(same_numbers, "play", play)
    folder = str(tmp_path / "before")
    assert same_numbers.main(["record", folder, "--only", "attacks/lira", "defenses/rounding"]) == 0
    assert same_numbers.main(["compare", folder]) == 0
    assert played == ["attacks/lira", "defenses/rounding"] * 2
    (tmp_path / "before" / "recorded.json").write_text(json.dumps(["attacks/lira", "attacks/gone"]))
    (tmp_path / "before" / "attacks" / "gone.json").write_text(json.dumps(KEPT))
    assert same_numbers.main(["compare", folder]) == 1 and played[4:] == ["attacks/lira"]
    for words, told in (
        (["compare", str(tmp_path / "nowhere")], "`record` has written"),
        (["record", folder, "--only", "atacks"], "--only"),
        (["compare", folder, "--only", "attacks"], "plays what was recorded"),
    ):
        with pytest.raises(InputError, match=told):
            same_numbers.main(words)


def test_arrays_are_compared_by_content(tmp_path: Path) -> None:
    """Catches an alarm about compression, and an array that changed inside a file."""
    scores = np.arange(4.0)
    np.savez(tmp_path / "plain.npz", scores=scores)
    np.savez_compressed(tmp_path / "compressed.npz", scores=scores)
    np.savez(tmp_path / "other.npz", scores=np.nextafter(scores, 9))
    plain, compressed, other = (
        same_numbers.content(tmp_path / f"{name}.npz") for name in ("plain", "compressed", "other")
    )
    assert not list(differences(plain, compressed))
    assert [place.partition(":")[0] for place in differences(plain, other)] == ["scores"]


def test_every_attack_defence_and_paper_is_recorded() -> None:
    """Catches a new word that no proof covers."""
    names = {(job.group, job.name) for job in all_jobs()}
    for group in ("attack", "defense"):
        words = {file.stem for file in (ROOT / "conf" / group).glob("[!_]*.yaml")} - set(same_numbers.LEFT_OUT)
        words -= set(same_numbers.ON_WHAT_EXISTS)
        assert {name for room, name in names if room == f"{group}s"} == words
    papers = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in (ROOT / "conf" / "paper").glob("*.yaml")}
    here = {name for name, paper in papers.items() if not (paper.get("needs") or paper.get("fetches"))}
    assert here <= {group for group, _ in names}
