"""What a file says of how its members came about, and the shapes and labels that people hand over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import telltale
from telltale.auditing.judging import Manner, judged
from telltale.configuration.parsed import attacks_named
from telltale.errors import InputError
from telltale.evaluation.answer import CANNOT_TELL, LEAKS
from telltale.evaluation.strata import NO_MODEL
from telltale.game.answer_files import read_answers
from telltale.game.answers import Answers
from telltale.game.given_arrays import narrowed
from telltale.reporting.answering import spoken
from tests.auditing.worlds import ERROR, of_values

NOT_COMPARED = "members and held-out records were not compared without the model"


def test_an_audits_answers_keep_their_detector(tmp_path: Path) -> None:
    """Catches "leaks" said of a file of which the audit itself said "cannot tell": members that differ in kind."""
    asked = of_values(memory=0.0, shift=1.5)
    first = judged(asked, attacks_named("audit"), Manner(0, 50))
    assert spoken(first).kind == CANNOT_TELL
    asked.save(tmp_path / "answers.npz")
    words = ("attack=scores", f"scores={tmp_path / 'answers.npz'}", "evaluation.replicates=50")
    second = telltale.run(*words, f"paths.outputs={tmp_path}", folder=tmp_path / "run")
    assert second.sentence == spoken(first).sentence
    for name, metrics in first.scored.metrics.items():
        assert {metric: of.to_json() for metric, of in metrics.items()} == {
            metric: of.to_json() for metric, of in second.outcome.scored.metrics[name].items()
        }, name


def test_only_a_file_that_says_so_has_random_members(tmp_path: Path) -> None:
    """Catches a detector that is left out where nobody said that chance decided, and its absence passed over."""
    asked = of_values(memory=0.0, shift=1.5)
    bare = replace(asked, features=None, population_features=None)
    for name, answers, controls, told in (
        ("foreign", asked, (NO_MODEL,), False),
        ("bare", bare, (), True),
        ("random", replace(asked, split="random"), (), False),
    ):
        answers.save(tmp_path / f"{name}.npz")
        outcome = judged(read_answers(tmp_path / f"{name}.npz"), ERROR, Manner(0, 50))
        assert outcome.controls == controls, name
        assert any(NOT_COMPARED in note for note in outcome.notes) == told, name
    two = {name: np.repeat(getattr(asked, name), 2, 0) for name in ("answers", "membership", "population")}
    two["answers"][1] += 1e-3  # no model twice
    several = replace(asked, **two)
    assert any("victims=1" in note for note in judged(several, ERROR, Manner(0, 20)).notes)
    with pytest.raises(InputError, match=r"scores\.split=odd: one of random, unknown"):
        replace(asked, split="odd")
    with pytest.raises(InputError, match=r"scores\.features=made up: of point 3 are not all finite"):
        replace(asked, features=np.where(np.arange(600)[:, None] == 3, np.nan, asked.features))


def test_scores_from_python_have_the_detector_too() -> None:
    """Catches a verdict of memory from Python where members are other records."""
    rng = np.random.default_rng(0)
    member = np.arange(400) % 2 == 0
    features = rng.normal(size=(400, 3)) + member[:, None]
    bare = telltale.score(features[:, 0], member, replicates=50)
    beside = telltale.score(features[:, 0], member, features=features, replicates=50)
    drawn = telltale.score(features[:, 0], member, features=features, random_split=True, replicates=50)
    assert (bare.verdict, beside.verdict, drawn.verdict) == (LEAKS, CANNOT_TELL, LEAKS)
    assert [any(NOT_COMPARED in note for note in of.outcome.notes) for of in (bare, beside, drawn)] == [
        True,
        False,
        False,
    ]


def test_features_are_kept_small_and_exact() -> None:
    """Catches pictures that take four times their size, and digits lost on the way."""
    pictures = np.random.default_rng(0).integers(0, 256, (5, 9)).astype(np.float32)
    others = np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32)
    assert narrowed(pictures).dtype == np.uint8 and np.array_equal(narrowed(pictures), pictures)
    assert np.array_equal(narrowed(others), others) and np.isnan(narrowed(others * np.nan)).all()


PROBABILITIES = np.random.default_rng(0).dirichlet([1, 1], 6)
MEMBER, LABELS = np.arange(6) % 2 == 0, np.arange(6) % 2


@pytest.mark.parametrize(("lead", "lead_held"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_of_one_model_the_axis_of_models_may_be_left_out(lead: int, lead_held: int, tmp_path: Path) -> None:
    """Catches a population of one model that is refused, or taken for as many models as records."""
    held = PROBABILITIES[:4]
    arrays = {
        "probabilities": PROBABILITIES[None] if lead else PROBABILITIES,
        "membership": MEMBER,
        "labels": LABELS[:, None],
        "population": held[None] if lead_held else held,
        "population_labels": LABELS[:4],
    }
    np.savez(tmp_path / "a.npz", **arrays)
    read = read_answers(tmp_path / "a.npz")
    assert read.answers.shape == (1, 6, 2) and read.population is not None and read.population.shape == (1, 4, 2)
    assert read.membership.shape == (1, 6) and np.array_equal(read.labels, LABELS)


def test_labels_may_be_floats_or_names() -> None:
    """Catches a traceback at a label of 1.0, and a name that is taken for another class."""

    def labelled(labels: object, classes: tuple[str, ...] = (), gives: str = "probabilities") -> np.ndarray | None:
        said = PROBABILITIES if gives == "probabilities" else PROBABILITIES[:, 0]
        return Answers(gives, said[None], MEMBER[None], labels=labels, classes=classes).labels  # type: ignore[arg-type]

    assert np.array_equal(labelled(LABELS.astype(float)), LABELS)
    assert np.array_equal(labelled(np.where(LABELS, "no", "yes"), ("yes", "no")), LABELS)
    assert np.array_equal(labelled(np.where(LABELS, "a", "b").astype(object), ("b", "a")), LABELS)
    assert np.array_equal(labelled(LABELS.astype(str)), LABELS), "probabilities without names have numbers for names"
    values = labelled(LABELS, gives="values")
    assert values is not None and values.dtype == np.float64
    for labels, classes, said in (
        (LABELS + 0.5, (), "of point 0 is 0.5; expected classes, whole numbers"),
        (np.where(LABELS, "a", "c"), ("a", "b"), "'c' is no class: they are a, b"),
        (LABELS.astype(complex), (), "is complex128 .*expected whole numbers, or names of classes"),
        (np.full(6, np.nan), (), "of point 0 is nan"),
        (LABELS + 1, (), "labels run from 1 to 2, but answers are of 2 classes"),
    ):
        with pytest.raises(InputError, match=said):
            labelled(labels, classes)
    with pytest.raises(InputError, match=r"of model 0, point 0 is 0\.\d+; expected classes, whole numbers"):
        labelled(LABELS, gives="labels")


def test_what_answers_are_has_to_be_said(tmp_path: Path) -> None:
    """Catches class numbers judged as scores of membership."""
    np.savez(tmp_path / "a.npz", answers=LABELS, membership=MEMBER)
    with pytest.raises(InputError, match="holds answers, but not what they are: add gives"):
        read_answers(tmp_path / "a.npz")


def test_only_one_array_can_be_judged(tmp_path: Path) -> None:
    """Catches scores that are dropped without a word, as the file has probabilities, too; and so of two memberships."""
    scores, said = np.arange(6.0), np.full((6, 2), 0.5)
    file = tmp_path / "both.npz"
    np.savez(file, scores=scores, probabilities=said, membership=MEMBER)
    with pytest.raises(InputError, match=r"holds probabilities and scores: which is judged.* add gives"):
        read_answers(file)
    np.savez(file, scores=scores, probabilities=said, membership=MEMBER, gives="scores")
    assert read_answers(file).gives == "scores" and read_answers(file).answers.tolist() == [scores.tolist()]
    np.savez(file, answers=said, scores=scores, membership=MEMBER, gives="probabilities")
    with pytest.raises(InputError, match="holds answers and scores: which is judged"):
        read_answers(file)
    np.savez(file, scores=scores, membership=MEMBER, keep=MEMBER)
    with pytest.raises(InputError, match="holds membership and keep, which mean the same; leave one out"):
        read_answers(file)
