"""What is written for another tool is read back as what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telltale.errors import InputError
from telltale.game.answer_files import WRITERS, read_answers, write_answers
from telltale.game.answers import Answers
from telltale.verbs.words import LAYOUTS
from tests.experiment.commands import command
from tests.verbs.folders import POINTS, answers, leave

OURS = answers()


def written(layout: str, folder: Path) -> Answers:
    write_answers(OURS, layout, folder)
    return read_answers(folder / "answers.npz" if layout == "npz" else folder, layout)


@pytest.mark.parametrize("layout", ["npz", "lira", "leakpro"])
def test_probabilities_come_back_from_every_layout_that_keeps_them(layout: str, tmp_path: Path) -> None:
    """Catches models in another order, points in another order, logits taken for probabilities."""
    theirs = written(layout, tmp_path / "there")
    assert np.allclose(theirs.answers, OURS.answers, rtol=1e-12)
    assert np.array_equal(theirs.membership, OURS.membership) and np.array_equal(theirs.labels, OURS.labels)
    assert theirs.attacked == (1 if layout == "leakpro" else OURS.models)


@pytest.mark.parametrize("layout", ["lira", "privacy_meter"])
def test_what_a_layout_does_not_keep_is_told(layout: str, tmp_path: Path) -> None:
    """Catches shadow models that are attacked when read again, and members drawn by chance that are unknown then."""
    one = replace(OURS, victims=1, split="random")
    left = write_answers(one, layout, tmp_path / "there")
    assert "that only the first model is attacked (victims)" in left
    assert "that chance alone decided who was a member (scores.split=random)" in left
    assert not any("attacked" in what or "chance" in what for what in write_answers(OURS, layout, tmp_path / "all"))
    with pytest.raises(InputError, match=r"scores\.victims=5: expected 1 to 4, the number of models"):
        replace(OURS, victims=5)


def test_privacy_meter_keeps_the_true_classs_probability_and_the_population(tmp_path: Path) -> None:
    """Catches points taken for models, and the probability of a class that is not the true one."""
    theirs = written("privacy_meter", tmp_path / "there")
    assert np.array_equal(theirs.answers[..., 0], OURS.answers[:, np.arange(POINTS), OURS.labels])
    assert np.allclose(theirs.answers.sum(-1), 1) and not theirs.labels.any()
    assert np.array_equal(theirs.membership, OURS.membership)
    assert theirs.population is not None and OURS.population is not None
    assert np.array_equal(theirs.population[..., 0], OURS.population[:, np.arange(50), OURS.population_labels])
    signals = np.load(tmp_path / "there" / "signals" / "rmia_signals.npy")
    assert signals.shape == (POINTS, OURS.models), "as that tool's own code has it"


def test_leakpros_logits_are_put_into_the_targets_order(tmp_path: Path) -> None:
    """Catches shadow models that were cached when the records stood otherwise, and numbers sorted as texts."""
    folder = tmp_path / "there"
    write_answers(answers(models=14), "leakpro", folder)
    turned = np.random.default_rng(1).permutation(POINTS)
    for part in ("logits", "indices"):
        file = folder / f"sm_10_telltale_{part}.npy"
        np.save(file, np.load(file)[turned])
    theirs = read_answers(folder, "leakpro")
    assert np.allclose(theirs.answers, answers(models=14).answers)
    np.save(folder / "sm_10_telltale_indices.npy", turned + 1)
    with pytest.raises(InputError, match="other points than the target"):
        read_answers(folder, "leakpro")


@pytest.mark.parametrize(
    ("layout", "gone", "said"),
    [
        ("lira", "y_train.npy", "there is no y_train.npy"),
        ("privacy_meter", "models/memberships.npy", "expected models/memberships.npy"),
        ("privacy_meter", "signals/rmia_signals.npy", "expected models/memberships.npy"),
        ("leakpro", "target_telltale_logits.npy", "there are 0 targets"),
        ("leakpro", "membership.npy", "docs/scores.md says how to write"),
        ("leakpro", "sm_0_telltale_indices.npy", "cannot be read as .npy"),
    ],
)
def test_a_file_that_is_missing_is_named(layout: str, gone: str, said: str, tmp_path: Path) -> None:
    """Catches a traceback of numpy's."""
    write_answers(OURS, layout, tmp_path / "there")
    (tmp_path / "there" / gone).unlink()
    with pytest.raises(InputError, match=said):
        read_answers(tmp_path / "there", layout)


def test_signals_of_a_part_of_the_points_are_refused(tmp_path: Path) -> None:
    """Catches signals of a sample laid beside the membership of other records."""
    write_answers(OURS, "privacy_meter", tmp_path / "there")
    file = tmp_path / "there" / "signals" / "rmia_signals.npy"
    np.save(file, np.load(file)[:100])
    with pytest.raises(InputError, match=r"audit\.data_size"):
        read_answers(tmp_path / "there", "privacy_meter")


def test_every_layout_can_be_asked_for_and_only_these(tmp_path: Path) -> None:
    """Catches a layout of the command line that nothing writes."""
    assert set(LAYOUTS) == set(WRITERS)
    for_one = Answers("scores", np.array([[1.0, 0.0]]), np.array([[True, False]]))
    with pytest.raises(InputError, match="these hold scores without true labels"):
        write_answers(for_one, "lira", tmp_path / "there")


@pytest.mark.parametrize("name", ["values", "scores", "labels"])
def test_labels_beside_answers_are_the_true_ones(name: str, tmp_path: Path) -> None:
    """Catches true values that are read as what the model answered, which find nothing and say so surely."""
    arrays = {"labels": np.arange(4), "membership": np.arange(4) % 2 == 0} | {name: np.arange(4)[::-1]}
    np.savez(tmp_path / "answers.npz", **arrays)
    theirs = read_answers(tmp_path / "answers.npz")
    assert theirs.gives == name and theirs.answers[0].tolist() == [3, 2, 1, 0]
    assert (theirs.labels is None) == (name == "labels")


def test_a_run_is_exported_and_says_what_had_no_place(tmp_path: Path) -> None:
    """Catches a command that says nothing of what it left out, or writes over something."""
    run = leave(tmp_path / "runs" / "one")
    place, words = tmp_path / "there", ("--outputs", str(tmp_path), "--to", "lira")
    refused = command("export", "one", *words, str(place))
    assert refused.code == 2 and "python -m src.run attack=lira report.answers=true" in refused.err
    OURS.save(run / "answers.npz")
    ended = command("export", "one", *words, str(place))
    assert ended.code == 0 and "no place there for: population" in ended.out
    assert np.allclose(read_answers(place, "lira").answers, OURS.answers)
    again = command("export", "one", *words, str(place))
    assert again.code == 2 and "is there already" in again.err
