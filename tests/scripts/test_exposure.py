"""The exposure map: its design, what is measured again and what is not, and a page that says what was planted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from scripts.exposure import __main__ as exposure
from scripts.exposure import laws
from scripts.exposure.cells import PARTS, Design, plan
from scripts.exposure.laws import Exposure, cells_of
from scripts.exposure.playing import Part, measured
from scripts.exposure.sentences import continued, real
from telltale.configuration.parsed import composed
from telltale.evaluation.leakage_law import as_auc, expected_error
from telltale.reporting.metrics_file import write_json

SLOPES = {"epochs": 0.5, "members": -0.4, "width": 0.2}


def planted(design: Design, levels: dict[str, float], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Measure what a law says, with the noise of as many molecules."""
    rng, documents = np.random.default_rng(seed), {}

    def number(value: float, error: float) -> dict[str, Any]:
        ends = {"value": value, "low": value - 4 * error, "high": value + 4 * error}
        return ends | {"n": 1200, "standard_error": error * float(np.sqrt(rng.chisquare(2) / 2)), "degrees": 2.0}

    for cell in design.cells:
        logs = np.log([cell.epochs / 100, cell.members / 1000, cell.width / design.usual_width(cell.objective)])
        area = float(as_auc(levels.get(cell.objective, 0.0) * np.exp(logs @ np.array(list(SLOPES.values())))))
        error = float(expected_error(np.array(area), np.array(design.victims * cell.members)))
        area = float(np.clip(area + error * rng.standard_normal(), 0.01, 0.999))
        found = {"auc": number(area, error), "tpr_at_fpr_0.01": number(0.02, 0.01)}
        chance = {"auc": number(0.5, error), "novel_precision_at_100": number(0.1, 0.02)}
        stronger = {"logistic_calibrated target": {"auc": number(area, error)}} if cell.members <= 1000 else {}
        come_out = {"novel_discordant_auc": number(0.5, 0.02), "novel_precision_at_100": number(0.1, 0.02)}
        evidence = {
            "membership": {"target": found, "disjoint": chance, **stronger},
            "extraction": {"target": come_out, "disjoint": chance, "fixed target": come_out},
        }
        for part in PARTS:
            if made_by := design.made_by(cell, part):
                document = {"cell": cell.name, "part": part, "made_by": made_by, "evidence": evidence[part]}
                of_machine = {"device": "CPU, x86_64", "owner": {"accuracy": 0.8, "chance": 0.5}, "seconds": 1.0}
                documents[f"{cell.name} {part}"] = document | of_machine
    return documents


@pytest.fixture(scope="module")
def everything() -> dict[str, dict[str, Any]]:
    return planted(Design("paper"), {"infograph": 0.9, "graphcl": 0.4, "supervised": 0.6})


@pytest.mark.parametrize("scale", ["smoke", "small", "paper"])
def test_the_cells_that_are_fitted_tell_every_term_of_the_law_apart(scale: str) -> None:
    """Catches a design in which epochs and sizes go together, and an objective of which only kept-back cells are."""
    design = Design(scale)
    fitted = [cell for cell in design.cells if not cell.kept_back]
    objectives = sorted({cell.objective for cell in fitted})
    logs = [[cell.epochs, cell.members, cell.width / design.usual_width(cell.objective)] for cell in fitted]
    levels = np.array([[cell.objective == name for name in objectives] for cell in fitted], float)
    terms = np.concatenate([levels, np.log(logs)], 1)
    assert np.linalg.matrix_rank(terms) == terms.shape[1] < len(fitted)
    apart = np.corrcoef(np.log(logs).T)
    assert np.abs(apart[np.triu_indices(3, 1)]).max() < 0.75
    kept_back = [cell for cell in design.cells if cell.kept_back]
    assert kept_back and {cell.objective for cell in kept_back} <= set(objectives)
    assert {cell.seed for cell in kept_back}.isdisjoint({0, *(cell.seed for cell in fitted)})


def test_the_small_map_is_made_in_three_hours_on_two_cores_and_the_plan_says_so() -> None:
    """Catches a design that grows beyond an evening, and a plan that leaves an objective out."""
    design = Design("small")
    assert sum(map(design.seconds, design.cells)) / 2 < 3 * 3600
    told = plan(design, 2)
    assert all(re.search(rf"^{name} ", told, re.MULTILINE) for name in design.objectives)
    assert f"{2 * 6 * len(design.cells):,} encoders" in told and len(design.objectives) == 11
    assert sum(map(design.passes, design.cells)) < sum(map(Design("paper").passes, Design("paper").cells))


@pytest.mark.parametrize("objective", ["grover", "supervised"])
def test_words_of_both_parts_name_the_same_encoders(objective: str) -> None:
    """Catches an extraction that trains encoders of its own: other pools, other epochs, another network."""
    design = Design("small")
    cell = next(cell for cell in design.cells if cell.objective == objective and cell.members == 300)
    drawn = []
    for part in PARTS:
        words = design.words(cell, part)
        assert words is not None
        with composed(words) as (cfg, _):
            drawn.append((cfg.model, cfg.objective, cfg.pools, cfg.victims, cfg.seed, cfg.dataset._target_))
    assert drawn[0] == drawn[1] and drawn[0][1].epochs == cell.epochs


def test_the_law_that_was_planted_is_told(everything: dict[str, Any], tmp_path: Path) -> None:
    """Catches a page whose slopes, levels or kept-back cells are not those of the measurements."""
    write_json(tmp_path / "cells.json", everything)
    assert command(tmp_path, "--scale=paper", "--page-only")[0] == 0
    page = (tmp_path / "page.md").read_text("utf-8")
    slopes = {
        name: (float(a), float(b)) for name, a, b in re.findall(r"^\| (\S+) \| \S+ \| \[(\S+), (\S+)\]", page, re.M)
    }
    for name, slope in zip(("epochs", "\\|G\\|", "width"), SLOPES.values(), strict=True):
        assert slopes[name][0] - 0.06 <= slope <= slopes[name][1] + 0.06
    kept = sum(cell.kept_back for cell in Design("paper").cells)
    inside = int(re.findall(rf"(\d+) of {kept} in the interval", page)[0])
    assert inside >= kept - 2 and "membership shows (AUC) under infograph (0.7" in page
    assert "is not told from nothing under" in page and "in none of" in page
    last = page[page.index("| 2,000,000 |") :].splitlines()[0]
    assert last.count("\\*") == 4 and "Of the design nothing is missing" in page
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_few_cells_make_no_law_and_all_that_is_lacking_is_named(everything: dict[str, Any], tmp_path: Path) -> None:
    """Catches a law of three cells, a page that has to wait for the last one, a cell that is dropped silently."""
    few = {name: everything[name] for name in everything if name.startswith("infograph-100x")}
    few["grover-100x30-w64-s1 membership"] = {"failed": "NumericalError: NaN", "made_by": {}}
    write_json(tmp_path / "cells.json", few)
    command(tmp_path, "--scale=paper", "--page-only")
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "Too few cells are measured for a law" in page and "| infograph, 100 × 100 |" in page
    last = page.split("## Not run")[1]
    assert "◆ infograph, 10,000 × 100 (membership)" in last and "Failed: grover-100x30-w64-s1 membership" in last


def command(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Run the command with planted measurements in place of runs; one cell of them fails."""
    asked: list[str] = []
    there = planted(Design("smoke"), {"infograph": 0.9})

    def result(part: Part) -> dict[str, Any]:
        bad = {"cell": part.cell, "part": part.part, "made_by": part.made_by, "failed": "InputError: no"}
        return bad if part.cell.startswith("edge") else there[f"{part.cell} {part.part}"]

    def results(jobs: Sequence[Sequence[Part]], at_once: int, stop_after: float) -> Iterator[list[dict[str, Any]]]:
        for job in jobs:
            asked.extend(f"{part.cell} {part.part}" for part in job)
            yield [result(part) for part in job]

    written = exposure.write if "--page-only" in words else mock.DEFAULT
    with mock.patch.multiple(exposure, results=results, write=written), mock.patch.object(laws, "REPLICATES", 100):
        code = exposure.main([f"--measured={folder}/cells.json", f"--page={folder}/page.md", *words])
    return code, asked


def test_what_is_measured_is_not_measured_again_and_a_failure_is_told(tmp_path: Path) -> None:
    """Catches a map that starts anew after an interruption, a failure that counts as measured, a wrong order."""
    code, asked = command(tmp_path, "--scale=smoke", "--jobs=1")
    cells = list(dict.fromkeys(name.split()[0] for name in asked))
    assert code == 1 and cells == [cell.name for cell in Design("smoke").cells]
    again = command(tmp_path, "--scale=smoke", "--jobs=1")[1]
    assert again and all(name.startswith("edge") for name in again)
    only = command(tmp_path, "--scale=smoke", "--objectives", "infograph")
    assert only == (0, [])


def test_measurements_of_another_machine_count_by_their_words(tmp_path: Path) -> None:
    """Catches cells of a GPU that are measured again here, and such of another design that are not."""
    documents = planted(Design("smoke"), {"infograph": 0.9})
    for document in documents.values():
        document["made_by"] = {"words": document["made_by"]["words"], "code": "by another Python"}
    first = next(iter(documents))
    documents[first]["made_by"]["words"] = ["seed=9"]
    write_json(tmp_path / "taken.json", documents)
    asked = command(tmp_path, "--scale=smoke", "--take", str(tmp_path / "taken.json"))[1]
    assert asked == [first]


def test_changed_code_of_the_attack_is_measured_again(tmp_path: Path) -> None:
    """Catches figures of an older attack in a new map."""
    documents = planted(Design("smoke"), {})
    documents[name := next(iter(documents))]["made_by"] |= {"code": "older"}
    write_json(tmp_path / "cells.json", documents)
    assert command(tmp_path, "--scale=smoke")[1] == [name]


def test_bad_input_is_told_in_a_line(tmp_path: Path) -> None:
    """Catches a misspelt cell that measures nothing, and a file to be taken that is not there."""
    from telltale.errors import InputError

    for words, told in (
        (["--cells", "infograph"], "--cells"),
        (["--objectives", "info"], "deep_graph_infomax"),
        (["--jobs", "0"], "--jobs"),
        (["--take", "nowhere.json"], "nowhere.json"),
    ):
        with pytest.raises(InputError, match=told):
            exposure.main([f"--measured={tmp_path}/cells.json", f"--page={tmp_path}/page.md", *words])


def test_other_words_of_the_design_are_other_measurements(everything: dict[str, Any]) -> None:
    """Catches a cell that is shown under words it was not measured with."""
    design = Design("paper")
    assert len(cells_of(design, everything, "membership")) == len(design.cells)
    with mock.patch.dict(design.options, {"words": ["scale=small"]}):
        assert not cells_of(design, everything, "membership")


def test_where_forms_as_good_disagree_no_number_is_told_of_sizes_in_use() -> None:
    """Catches a law that is continued as if its form were known, and a number withheld where all agree."""
    told = continued((0.7, 0.5, 1.0), [0.5, 0.7], ("9", "10"), 1000)
    assert "do not tell" in told and "from 0.500 to 0.700" in told and "[" not in told
    told = continued((0.51, 0.5, 0.52), [0.5, 0.51], ("40,000", "60,000"), 30_000)
    assert "0.510 [0.500, 0.520], continued from at most 30,000" in told and "below 0.55 from 40,000" in told


def test_a_score_less_the_controls_does_not_stand_for_the_calibrated_score(
    everything: dict[str, Any], tmp_path: Path
) -> None:
    """Catches "none comes out" by a difference from which what shadows say cancels, and without what it takes."""
    design, words = Design("paper"), "takes an AUC of"
    whole = real(cells_of(design, everything, "extraction"))
    assert whole[:2] == (0, len(cells_of(design, everything, "extraction"))) and whole[2] > 0.55
    older = json.loads(json.dumps(everything))
    for name, document in older.items():
        if name.endswith("extraction"):
            target = document["evidence"]["target"]
            target["novel_difference_auc"] = target.pop("novel_discordant_auc")
    assert real(cells_of(design, older, "extraction"))[:2] == (0, 0)
    write_json(tmp_path / "cells.json", older)
    assert command(tmp_path, "--scale=paper", "--page-only")[0] == 0
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "Whether molecules come out was not asked." in page and words not in page
    cell = next(cell for cell in design.cells if design.words(cell, "extraction"))
    options = exposure._options(["--scale=paper"])
    left = [part.part for job in exposure.lacking(design, [cell], older, options) for part in job]
    assert left == ["extraction"]


def test_extraction_that_is_there_is_seen_though_each_cell_has_three_pairs(everything: dict[str, Any]) -> None:
    """Catches a correction for many cells after which nothing short of an AUC near 1 would count."""
    design, planted_in = Design("paper"), 0
    there = json.loads(json.dumps(everything))
    for name, document in there.items():
        if name.startswith("infograph") and name.endswith("extraction"):
            document["evidence"]["target"]["novel_discordant_auc"]["value"] = 0.65
            planted_in += 1
    number, asked, least = real(cells_of(design, there, "extraction"))
    assert planted_in >= number >= planted_in - 1 and number > 3 and asked > 20 and 0.55 < least < 0.65


def test_progress_is_half_after_a_thousand_steps_and_the_reference_is_no_change(everything: dict[str, Any]) -> None:
    """Catches a factor that is not 0 at the reference, and one that leaves the batch out of the steps."""
    design = Design("paper")
    exposed = Exposure(design, cells_of(design, everything, "membership"))
    np.testing.assert_allclose(exposed.factors_at([1000], 100, 1.0), np.zeros((1, 4)), atol=1e-12)
    many, half = (row[3] for row in exposed.factors_at([1e12, 1280], 100, 1.0))
    assert np.exp(many - half) == pytest.approx(2)


def test_a_form_is_chosen_by_cells_left_out_and_not_by_those_kept_back(everything: dict[str, Any]) -> None:
    """Catches a test set that has a say in what it tests."""
    design = Design("paper")
    whole = Exposure(design, cells_of(design, everything, "membership"))
    fewer = Exposure(design, [entry for entry in whole.measured if not entry.cell.kept_back])
    assert len(whole.kept_back) and not len(fewer.kept_back) and len(whole.cells) == len(fewer.cells)
    forms = [exposed.law(exposed.compared()) for exposed in (whole, fewer)]
    assert forms[0] is not None and forms[1] is not None and forms[0].form == forms[1].form
    np.testing.assert_allclose(forms[0].best.slopes, forms[1].best.slopes, rtol=0.2)


@pytest.mark.slow
def test_a_cell_is_measured_whole(tmp_path: Path) -> None:
    """Catches words that no run accepts, encoders trained twice, and evidence without its control."""
    design = Design("smoke")
    cell = next(cell for cell in design.cells if design.words(cell, "extraction") and not cell.kept_back)
    folders = [f"paths.outputs={tmp_path}", "trainer=cpu", "evaluation.replicates=20"]
    found = []
    for part in PARTS:
        made_by = design.made_by(cell, part)
        assert made_by is not None
        found.append(measured(Part(cell.name, part, made_by, folders)))
    assert all("failed" not in document for document in found), json.dumps(found)[:2000]
    assert set(found[0]["evidence"]) >= {"target", "disjoint", "logistic_calibrated target"}
    of_target = found[1]["evidence"]["target"]
    assert of_target["novel_discordant_auc"]["value"] != of_target["novel_difference_auc"]["value"]
    assert "discordant_auc" in of_target and "novel_discordant_auc" in found[1]["evidence"]["fixed target"]
    assert len(list((tmp_path / "store" / "release").iterdir())) == 2 * design.victims
