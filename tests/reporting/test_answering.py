"""What a run says first, kind of evidence by kind of evidence, and what it tells a person to type next."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from telltale.evaluation.score import evaluate
from telltale.evaluation.statistics import Estimate
from telltale.evidence import CanaryScores, MembershipScores, ReconstructedRecords
from telltale.reporting import report as module
from telltale.reporting.answering import spoken
from telltale.reporting.next_steps import command, cost, defense_for, to_know_better, twins
from telltale.reporting.outcome import Outcome
from telltale.truth import Truth
from tests.reporting.outcomes import CHOICES, CONTROLS, POOLS, Run, outcome


def scored(signals: dict[str, float], victims: int = 16, points: int = 1000, **changes: Any) -> Outcome:
    """Return an outcome of attacks whose scores of members are shifted by so much."""
    rng = np.random.default_rng(0)
    halves = [rng.permuted(np.arange(points) < points // 2) for _ in range(victims // 2)]
    membership = np.concatenate([[half, ~half] for half in halves])
    evidence = {
        name: MembershipScores(rng.normal(size=membership.shape) + signal * membership)
        for name, signal in (signals | dict.fromkeys(CONTROLS, 0.0)).items()
    }
    rivals = tuple(name for name in signals if name != "target")
    return replace(
        outcome(2, 20, rivals=0),
        evidence=evidence,
        scored=evaluate(evidence, Truth(membership, (), None), CONTROLS, 100, 0),  # type: ignore[arg-type]
        membership=membership,
        challenge=None,
        rivals=rivals,
        attack="lira",
        attacks=("target", *rivals),
        **changes,
    )


def test_a_leak_is_told_by_the_strongest_attack_and_in_members_found() -> None:
    """Catches the verdict of the attack that was named, while a rival finds what it misses."""
    said = spoken(scored({"target": 0.1, "rmia": 1.5}))
    assert said.kind == "leaks" and said.attack == "rmia" and said.tests == 4
    assert said.sentence.startswith("leaks: rmia, the strongest of 2 attacks, tells members from non-members, AUC 0.8")
    found, sure = said.meaning
    low, high = map(
        int, re.findall(r"rmia finds \d+ \[(\d+), (\d+)\] at 1 % false alarms; guessing finds 10$", found)[0]
    )
    assert low <= 204 <= high  # P(N(1.5, 1) > the 99 % quantile of N(0, 1)) = 0.204
    assert "right in 9" in sure and "50 % of those asked about are members (report.prior)" in sure


def test_the_prior_decides_how_sure_an_accusation_is() -> None:
    """Catches a precision that ignores how rare members are."""
    one = scored({"target": 1.5})
    rare = spoken(replace(one, standards=replace(one.standards, prior=0.01)))
    assert "right in 1" in rare.meaning[1] and "1 % of those asked" in rare.meaning[1]


def test_nothing_found_names_what_is_ruled_out_and_two_shadows_a_side_hinder_it() -> None:
    """Catches "no leak" without a bound, or by a design that could have found none."""
    calm = scored({"target": 0.0, "rmia": 0.0})
    said = spoken(calm)
    assert said.kind == "no leak found" and "any of 2 attacks" in said.sentence
    assert re.search(r"AUC at most 0\.\d{3}( above \w+)? and TPR at 1 % FPR at most 0\.0\d\d", said.sentence)
    hindered = spoken(replace(calm, hindrances=("8 models give each record 3 shadows a side, LiRA needs 4",)))
    assert hindered.sentence == "cannot tell: 8 models give each record 3 shadows a side, LiRA needs 4"


def test_scores_that_are_all_the_same_find_nothing_out() -> None:
    """Catches a clean bill by an attack that said one thing of every record."""
    calm = scored({"target": 0.0})
    same = {**calm.evidence, "target": MembershipScores(np.zeros_like(calm.evidence["target"].scores))}
    measured = evaluate(same, Truth(calm.membership, (), None), CONTROLS, 100, 0)  # type: ignore[arg-type]
    said = spoken(replace(calm, evidence=same, scored=measured))
    assert said.sentence == "cannot tell: no attack gives any two records different scores"


def test_too_few_non_members_cannot_tell_and_more_are_asked_for() -> None:
    """Catches a TPR at 1 % FPR of a hundred non-members taken for a measurement."""
    said = spoken(scored({"target": 0.0}, victims=2, points=100))
    assert said.kind == "cannot tell" and said.points and "fewer than 10" in said.sentence


def test_a_ceiling_that_finds_nothing_leaves_nothing_to_be_told() -> None:
    """Catches "no leak found" after a transfer whose pre-trained models remember nothing themselves."""
    calm = scored({"target": 0.0, "ceiling": 0.0})
    below = spoken(replace(calm, attacks=("target",)))
    assert below.kind == "cannot tell" and "even ceiling" in below.sentence
    planted = spoken(replace(scored({"target": 0.0, "ceiling": 1.0}), attacks=("target",)))
    assert planted.kind == "no leak found"


def test_an_audit_is_answered_by_its_bound() -> None:
    """Catches a bound on ε above 0 that is not called a leak, and one above the promise told as one below."""
    calm = scored({"target": 0.0}, guarantee={"epsilon": 1.0, "statement": ""})
    target = CanaryScores(calm.evidence["target"].scores, delta=1e-5)
    metrics = {**calm.scored.metrics["target"], "empirical_epsilon_all_models": Estimate.exact(1.5, 9)}
    audited = replace(
        calm,
        evidence={**calm.evidence, "target": target},
        scored=replace(calm.scored, metrics={**calm.scored.metrics, "target": metrics}),
    )
    assert spoken(audited).sentence == "leaks: lira shows an ε of at least 1.50, the accountant allows 1.00"
    metrics["empirical_epsilon_all_models"] = Estimate.exact(0.0, 9)
    assert spoken(audited).kind == "no leak found"


@pytest.mark.parametrize(("right", "kind"), [(0.9, "leaks"), (0.1, "no leak found")])
def test_hidden_pictures_leak_where_more_are_recognised_than_from_controls(right: float, kind: str) -> None:
    """Catches a share of recognised pictures that honest models give back as well."""
    rng = np.random.default_rng(0)

    def shares(value: float) -> Estimate:
        return Estimate(value, value + rng.normal(0, 0.01, 200), 100, plan="one")

    metrics = {"target": {"recognised": shares(right), "well_encoded": shares(0.0)}}
    metrics["benign"] = {"recognised": shares(0.1), "well_encoded": shares(0.0)}
    made = replace(
        outcome(2, 20, rivals=0),
        evidence={"target": ReconstructedRecords(np.zeros((1, 2, 1, 4, 4)))},
        controls=("benign",),
        attack="weight_encoding",
    )
    said = spoken(replace(made, scored=replace(made.scored, metrics=metrics)))
    assert said.kind == kind and said.meaning[0].startswith(f"of 100 hidden pictures {100 * right:.0f} are recognised")


def test_no_picture_of_a_few_is_not_none_of_many() -> None:
    """Catches "at most 0.000" of nine hidden pictures, of which a third may come back all the same."""
    none = Estimate(0.0, np.zeros(200), 9, plan="one")
    metrics = {"target": {"well_encoded": none}, "benign": {"well_encoded": none}}
    made = replace(
        outcome(2, 20, rivals=0),
        evidence={"target": ReconstructedRecords(np.zeros((1, 9, 1, 4, 4)))},
        controls=("benign",),
        attack="weight_encoding",
    )
    said = spoken(replace(made, scored=replace(made.scored, metrics=metrics)))
    assert said.sentence == "cannot tell: well encoded up to 0.336 above benign is not ruled out (weight_encoding)"


def test_the_answer_stands_first_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a page or console on which a person has to look for it, and a file without it."""
    module.report(Run(tmp_path), scored({"target": 1.0}), POOLS, CHOICES)  # type: ignore[arg-type]
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert next(iter(document)) == "answer" and document["answer"]["kind"] == "leaks"
    console, page = capsys.readouterr().out, (tmp_path / "report.html").read_text()
    assert console.startswith("leaks: lira")
    assert page.index("leaks: lira") < page.index("<h1>") and "$" not in page[: page.index("<h1>")].split("<main>")[1]
    assert "  $ python -m src.run -m attack=lira scale=smoke seed=0,1,2\n" in console
    assert "  $ python -m src.run attack=lira scale=smoke defense=dp_sgd\n" in console


def test_what_to_type_next_changes_what_was_short() -> None:
    """Catches advice to do the same again, and records that are not there."""
    pools = {"members": 100, "non_members": 100, "auxiliary": 50}
    cfg, choices = {"victims": 8, "pools": pools}, {"scale": "small", "rivals": "membership"}
    assert to_know_better("cannot tell", 64, False, cfg, choices, 9999) == ("victims=64",)
    grown = ("pools.members=500", "pools.non_members=500", "victims=64")
    assert to_know_better("cannot tell", 64, True, cfg, choices, 9999) == grown
    assert to_know_better("cannot tell", 64, True, cfg, choices, 900) == ("victims=64",)
    assert to_know_better("cannot tell", 64, True, cfg, choices | {"scale": "smoke"}, 9999) == ("scale=small",)
    assert to_know_better("leaks", None, False, cfg, choices, 9999) == ("seed=0,1,2",)
    alone = {"scale": "small", "rivals": "none", "attack": "threshold"}
    assert to_know_better("leaks", None, False, cfg, alone, 9999) == ("rivals=membership", "victims=10")
    smoke = choices | {"scale": "smoke"}
    advice = to_know_better("cannot tell", None, False, cfg, smoke, 9999, "ExtractedMolecules")
    assert advice == ("scale=small", "controls=pretraining")  # nothing can be told without other molecules


def test_a_command_line_keeps_what_was_said_and_drops_what_is_changed() -> None:
    """Catches options of a defence that is gone, and folders of another run."""
    words = ["attack=lira", "defense=dp_sgd", "defense.epsilon=2", "hydra.run.dir=x", "seed=3"]
    assert command(words, ["defense=none"], ["/bin/telltale"]) == "telltale attack=lira seed=3 defense=none"
    assert command(["rivals=lira", "rivals.lira.online=false"], ["rivals=none"]).endswith("run rivals=none")
    for typed in (["telltale", "--config-dir", "mine", "a=b"], ["telltale", "--config-dir=mine", "a=b"]):
        assert command(["a=b"], ["seed=1"], typed) == "telltale --config-dir mine a=b seed=1"
    assert command(words, ["seed=0,1"]).startswith("python -m src.run -m attack=lira defense=dp_sgd")
    assert defense_for("MembershipScores", {"defense": "dp_sgd"}, {}) == ("defense=none",)


def test_the_cost_of_a_defence_is_told_only_where_a_twin_has_measured_it(tmp_path: Path) -> None:
    """Catches an accuracy of another recipe, of an unfinished run, or of nobody."""
    mine = {"seed": 0, "model": {"widths": [8]}, "defense": {"_target_": "none"}, "paths": {"outputs": "a"}}

    def ran(name: str, status: str = "finished", **changes: Any) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(yaml.safe_dump({**mine, "defense": {"_target_": name}, **changes}))
        (folder / "run.json").write_text(json.dumps({"status": status, "words": {"defense": name}}))
        found = {"answer": {"kind": "no leak found"}, "target": {"accuracy": 0.7}}
        (folder / "metrics.json").write_text(json.dumps(found))

    ran("dp_sgd")
    ran("other_seed", seed=1)
    ran("broken_off", status="failed")
    (tmp_path / "here").mkdir()
    found = list(twins(tmp_path / "here", mine, tmp_path / "nowhere"))
    assert [twin.defense for twin in found] == ["dp_sgd"]
    said = cost({"accuracy": 0.812}, found[0], "dp_sgd")
    assert said == "measured: no leak found, accuracy 0.812 here, 0.700 with dp_sgd"
    assert cost({"accuracy": 0.812}, None, "dp_sgd") == "its cost is not measured yet; accuracy is 0.812 here"
    assert cost({}, None, "dp_sgd") == ""
    of_encoder = {"training_label_accuracy": 1.0, "own_molecule_balanced_accuracy": 0.7, "chance": 0.5}
    said = "its cost is not measured yet; own molecule balanced accuracy is 0.700 here"
    assert cost(of_encoder, None, "output_noise") == said
