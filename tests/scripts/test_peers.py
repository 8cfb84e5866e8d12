"""The page of other tools: what it says follows from what was compared, and where they are installed they agree."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from scripts.peers import forest, leakpro, privacy_guard, privacy_meter, tensorflow_privacy
from scripts.peers.__main__ import main
from scripts.peers.answers import Case, play
from scripts.peers.comparison import Comparison, compare
from scripts.peers.formulas import lira, rmia

SOURCES = {
    "leakpro": leakpro,
    "privacy_guard": privacy_guard,
    "privacy_meter": privacy_meter,
    "tensorflow_privacy": tensorflow_privacy,
}


@pytest.fixture(scope="module")
def case() -> Case:
    """A made-up victim with twelve shadows: members' true class is likelier."""
    rng = np.random.default_rng(0)
    points, others, classes, shadows = 40, 30, 3, 12
    members = np.stack([rng.permutation(points) < points // 2 for _ in range(shadows // 2)])
    members = np.concatenate([members, ~members])
    truth, labels = rng.random(points) < 0.5, rng.integers(classes, size=points)

    def answers(inside: np.ndarray) -> np.ndarray:
        logits = rng.normal(size=(*inside.shape, classes))
        logits[..., np.arange(points), labels] += 2 * inside
        return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    return Case(
        probabilities=answers(truth[None])[0],
        shadows=answers(members),
        labels=labels,
        members=members,
        truth=truth,
        population=rng.dirichlet(np.ones(classes), others),
        of_population=rng.dirichlet(np.ones(classes), (shadows, others)),
        population_labels=rng.integers(classes, size=others),
    )


def test_equal_scores_are_the_same_and_other_scores_are_not(case: Case) -> None:
    """Catches a comparison that calls everything equal."""
    same = compare(Comparison("tool", "LiRA", lambda one: lira(one) + 1e-9, lira), [case])
    other = compare(Comparison("tool", "LiRA", lambda one: lira(one) + 1e-3, lira), [case])
    assert same.same and same.cause == "the same"
    assert not other.same and other.cause == "not known"


def test_only_orders_count_where_values_are_on_another_scale(case: Case) -> None:
    """Catches log Φ(z) counted as another attack than −log(1 − Φ(z))."""
    row = compare(Comparison("tool", "LiRA", lambda one: np.exp(lira(one) / 50), lira, monotone=True), [case])
    assert row.same


def test_a_cause_is_printed_as_shown_only_where_it_gives_their_scores(case: Case) -> None:
    """Catches a cause that is claimed and not borne out."""

    def theirs(one: Case) -> np.ndarray:
        return rmia(one, gamma=1.5)

    right = compare(Comparison("t", "f", theirs, rmia, cause="γ", explained=lambda one: rmia(one, gamma=1.5)), [case])
    wrong = compare(Comparison("t", "f", theirs, rmia, cause="γ", explained=lambda one: rmia(one, gamma=2.5)), [case])
    assert right.cause.startswith("γ; ours with that one change")
    assert wrong.cause.startswith("not known: “γ” leaves")


def test_a_source_that_is_not_there_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback for a folder that was mistyped."""
    with pytest.raises(SystemExit) as ended:
        main(["--source", "leakpro=/no/such/folder"])
    assert "--source leakpro=/no/such/folder: expected NAME=FOLDER" in str(ended.value.code)


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("sacroml"), reason="sacroml is not installed (extra peers)")
def test_sacroml_computes_our_lira() -> None:
    """Catches a change of our formula, by a tool that has its own."""
    from scripts.peers import sacro

    online, offline = (compare(one, play(2, ["scale=smoke"])) for one in sacro.load())
    assert online.same
    assert offline.same or offline.unexplained == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_what_differs_from_a_tool_has_its_named_cause(name: str) -> None:
    """Catches a change of our formulas, by tools that are source only: TELLTALE_PEER_LEAKPRO=FOLDER and so on."""
    variable = f"TELLTALE_PEER_{name.upper()}"
    if variable not in os.environ:
        pytest.skip(f"{variable} names no checkout")
    cases = play(2, ["scale=smoke"])
    for comparison in SOURCES[name].load(Path(os.environ[variable])):
        row = compare(comparison, cases)
        assert row.same or row.cause.startswith(comparison.cause), (comparison.function, row.cause)


def test_records_that_occur_once_are_those_that_no_other_equals() -> None:
    """Catches a twin on one side that is judged, and bits that are cut where they are packed."""
    bits = np.array([[0] * 8 + [1], [0] * 8 + [1], [0] * 8 + [0], [1] * 8 + [1]], np.uint8)
    once = forest.Table(bits, np.arange(4), np.array([True, False, True, False])).once()
    assert once.passes.tolist() == [2, 3] and once.member.tolist() == [True, False]
