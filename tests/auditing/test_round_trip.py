"""Answers of a run, of LiRA's files and of a table are judged as the run itself was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.game.answer_files import read_answers
from telltale.reporting.earlier import results_in
from tests.experiment.commands import command

SMALL = ("scale=smoke", "logger=none", "evaluation.replicates=50", "trainer=cpu")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that kept what its models answered."""
    folder = tmp_path_factory.mktemp("kept")
    words = ("attack=lira", "dataset=digits", "controls=none", "report.answers=true", *SMALL)
    ended = command(*words, f"paths.outputs={folder}", f"hydra.run.dir={folder / 'run'}")
    assert ended.code == 0, ended.err
    return folder / "run"


def test_kept_answers_go_with_the_rest_of_their_run(kept: Path) -> None:
    """Catches answers of one run beside the configuration of the next."""
    assert {file.relative_to(kept) for file in kept.rglob("*") if file.is_file()} == set(results_in(kept))
    assert Path("answers.npz") in results_in(kept)


def test_a_run_and_its_answers_have_the_same_figures(kept: Path, tmp_path: Path) -> None:
    """Catches a digit that changes between a run and what is read of it: the door in and the door out are one."""
    places = (f"hydra.run.dir={tmp_path}", f"paths.outputs={tmp_path}")
    ended = command("attack=scores", f"scores={kept / 'answers.npz'}", *SMALL, *places)
    assert ended.code == 0, ended.err
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (kept, tmp_path))
    assert first["metrics"] == second["metrics"]
    assert len(first["rivals"]) == 8
    for name, measured in first["rivals"].items():
        assert second["rivals"][name] == measured, name


def test_the_files_of_liras_authors_are_read_as_what_they_mean(kept: Path, tmp_path: Path) -> None:
    """Catches logits taken for probabilities, and queries for classes."""
    ours = read_answers(kept / "answers.npz")
    for model in range(ours.models):
        (tmp_path / f"model{model}" / "logits").mkdir(parents=True)
        logits = np.log(np.maximum(ours.answers[model], 1e-300))[:, None, None]
        np.save(tmp_path / f"model{model}" / "logits" / "0000000100.npy", np.repeat(logits, 2, axis=2))
        np.save(tmp_path / f"model{model}" / "keep.npy", ours.membership[model])
    np.save(tmp_path / "y_train.npy", ours.labels)
    theirs = read_answers(tmp_path, "lira")
    assert theirs.answers.shape == (ours.models, ours.points, 2, 10)
    assert np.allclose(theirs.answers[:, :, 0], ours.answers, atol=1e-12)
    assert np.array_equal(theirs.membership, ours.membership) and np.array_equal(theirs.labels, ours.labels)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("score,label\n1,2\n", "there is no column member; there are score, label"),
        ("score,member\n1,1\nx,0\n", "line 3: the score is 'x'"),
        ("score,member\n1,1\n2,maybe\n", "is maybe at 1; expected 1 and 0"),
        ("score,member\n1,1\n2,0,9\n3,1,9\n", r"line 3 has 3 cells, the heading 2 \(2 such lines\)"),
        ("score,Score,member\n1,1,1\n", "several columns have one name"),
        ('id,score,member\n"5 a,1,1\nb,2,0\nc",3,1\n', "line 2: a quotation mark is not closed"),
        ("score,member\n1,1\n2,yes\n", "model 0 has no non-members"),
    ],
)
def test_a_table_of_scores_that_will_not_do_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Catches a line number that points elsewhere, and a side that is missing."""
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_answers(tmp_path / "scores.csv", "csv")


def test_the_last_epoch_is_the_greatest_number_and_no_model_is_passed_over(tmp_path: Path) -> None:
    """Catches 9 taken for later than 100, and a model that is left out for lack of a file."""
    for model in (0, 1):
        (tmp_path / f"model{model}" / "logits").mkdir(parents=True)
        for epoch in (9, 100):
            np.save(tmp_path / f"model{model}" / "logits" / f"{epoch}.npy", np.full((2, 1, 2), [0, epoch / 100]))
        np.save(tmp_path / f"model{model}" / "keep.npy", np.array([model == 0, model == 1]))
    np.save(tmp_path / "y_train.npy", np.array([0, 1]))
    assert read_answers(tmp_path, "lira").answers[0, 0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    np.save(tmp_path / "model1" / "y_train.npy", np.array([1, 1]))
    with pytest.raises(InputError, match="models must be asked of the same points"):
        read_answers(tmp_path, "lira")
    (tmp_path / "model1" / "keep.npy").unlink()
    with pytest.raises(InputError, match=r"model1 has logits but no keep\.npy"):
        read_answers(tmp_path, "lira")
    np.save(tmp_path / "model1" / "keep.npy", np.array(True))
    with pytest.raises(InputError, match="expected an array"):
        read_answers(tmp_path, "lira")


def test_what_another_layout_reads_is_not_called_a_broken_archive(tmp_path: Path) -> None:
    """Catches "File is not a zip file" where scores.layout was left out."""
    (tmp_path / "scores.csv").write_text("score,member\n1,1\n")
    for path, said in ((tmp_path / "scores.csv", "is a CSV; say csv"), (tmp_path, "is a folder; say lira")):
        with pytest.raises(InputError, match=f"scores.layout=npz: .*{said}"):
            read_answers(path)


def test_arrays_that_will_not_do_are_told_in_one_line(tmp_path: Path) -> None:
    """Catches objects that are unpickled, and probabilities that are none."""
    file = tmp_path / "answers.npz"
    member = np.array([[True, False]])
    for arrays, said in (
        ({"scores": np.array([[object(), 1]], dtype=object), "membership": member}, "without pickles"),
        ({"scores": np.ones((1, 2))}, "missing: membership"),
        ({"scores": np.ones((1, 3)), "membership": member}, "expected \\(models, points\\)"),
        ({"scores": np.array([[1.0, np.nan]]), "membership": member}, "point 1 is not a finite number"),
        ({"scores": np.array([["a", "b"]]), "membership": member}, "is <U1 .*expected numbers"),
        ({"scores": np.ones((1, 2)), "membership": member, "victims": np.array([1, 2])}, "expected one whole number"),
        ({"scores": np.ones((1, 2)), "membership": member, "victims": np.array(-1)}, "victims=-1: expected 1 to 1"),
        ({"scores": np.ones((1, 2)), "membership": np.array([[0, 2]])}, "is 2 at "),
        ({"scores": np.ones((1, 2)), "membership": member, "ids": np.array(["a"])}, r"expected \(2,\)"),
        ({"scores": np.ones((1, 2)), "membership": member, "features": np.ones(2)}, r"expected \(2, width\)"),
        ({"scores": np.float64(1), "membership": np.array(True)}, "expected"),
        ({"probabilities": np.full((1, 2, 2), 0.7), "membership": member}, "no probabilities that sum to 1"),
    ):
        np.savez(file, **arrays)
        with pytest.raises(InputError, match=said):
            read_answers(file)
