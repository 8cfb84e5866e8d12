"""What a few steps of a fit say of all of them, on clocks that tests wind."""

from __future__ import annotations

from pathlib import Path

import pytest

from telltale.planning.ledger import whose
from telltale.planning.likeness import likeness
from telltale.training import beat
from telltale.training.beat import Beat, TurnBeat
from telltale.training.checkpoints import EpochCheckpoint
from telltale.training.rehearsal import NOTHING, Rehearsal, Spent, rehearsing
from tests.training.small import DDP, fitted, model_of, molecules, objective_of


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> Spent:
        return Spent(2 * self.time, self.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(beat, "now", made)
    return made


def rehearse(clock: Clock, timed: Beat, pauses: list[float], saves: list[float], steps: list[float]) -> Rehearsal:
    """Play a fit of so many epochs, whose ends and checkpoints take as long as is said, and whose steps do."""
    clock.time += 7  # to make ready
    for epoch, (pause, save) in enumerate(zip(pauses, saves, strict=True)):
        for step, time in enumerate(steps):
            timed.on_train_batch_start(None, None, None, step)
            clock.time += 3 * time if epoch == 0 and step == 0 else time  # the very first one warms up
            timed.on_train_batch_end()
        clock.time += pause + save
        timed.saves.append(Spent(2 * save, save))
    clock.time += 11  # the end of the fit
    timed.end()
    return timed.rehearsal


def test_steps_epochs_setup_and_checkpoints_are_told_apart(clock: Clock) -> None:
    """Catches an estimate off by an epoch, or that multiplies what a fit does once: the first end, the first save."""
    timed = Beat(Rehearsal(), epochs=10, steps=100, checkpoints=5)
    rehearsal = rehearse(clock, timed, pauses=[5, 0.5, 0.5], saves=[9, 2, 2], steps=[1] * 12)
    assert rehearsal.taken.clock == pytest.approx(7 + 38 + 6 + 13 + 11)
    assert rehearsal.expected.clock == pytest.approx(7 + 1000 + 10 * 0.5 + 5 * 2 + 11)
    assert rehearsal.expected.cpu == pytest.approx(2 * rehearsal.expected.clock)


@pytest.mark.parametrize(("steps", "all_epochs"), [([1.0], 150 * 1.25 + 0.25), ([1.0, 1.0], 150 * 2.25)])
def test_one_end_of_an_epoch_that_was_interrupted_is_not_multiplied(
    clock: Clock, steps: list[float], all_epochs: float
) -> None:
    """Catches a mean, which one long pause of the machine moves: an autoencoder was said to take five times as long."""
    timed = Beat(Rehearsal(), epochs=150, steps=len(steps), checkpoints=20)
    rehearsal = rehearse(clock, timed, pauses=[4, 0.25, 30, 0.25, 0.25, 0.25], saves=[1] * 6, steps=steps)
    assert rehearsal.expected.clock == pytest.approx(7 + all_epochs + 20 * 1 + 11)


@pytest.mark.parametrize("epochs", [1, 2])
def test_what_has_one_step_is_estimated_all_the_same(clock: Clock, epochs: int) -> None:
    """Catches a median of nothing."""
    timed = Beat(Rehearsal(), epochs=epochs, steps=1, checkpoints=1)
    rehearsal = rehearse(clock, timed, pauses=[0.5] * epochs, saves=[2] * epochs, steps=[1])
    assert rehearsal.expected.clock == pytest.approx({1: 7 + 3 + 0.5 + 2 + 11, 2: 7 + 2 * 1.5 + 0.5 + 2 + 11}[epochs])


def test_a_rehearsed_fit_writes_as_many_checkpoints_as_are_timed(tmp_path: Path) -> None:
    """Catches a beat that hears of no checkpoint, and one that takes 30 epochs' checkpoints for 20."""
    assert [EpochCheckpoint(tmp_path, epochs, 20).number for epochs in (3, 20, 30, 39, 40, 150)] == [
        3,
        20,
        30,
        39,
        20,
        21,
    ]
    with rehearsing() as rehearsal:
        fitted(molecules(24), tmp_path, objective_of(epochs=40))
    assert rehearsal.steps > 12 and rehearsal.expected.cpu > rehearsal.taken.cpu


def test_models_that_take_turns_are_timed_by_epochs(clock: Clock) -> None:
    """Catches a part of an epoch taken for a whole one."""
    rehearsal = Rehearsal()
    timed = TurnBeat(rehearsal, epochs=20, part=0.5)
    clock.time += 4
    timed.on_train_start()
    for spent in (9, 3, 3):  # the first one warms up
        clock.time += spent
        timed.on_train_epoch_end()
    timed.end()
    assert rehearsal.expected.clock == pytest.approx(4 + 20 * 3 / 0.5)


def test_entries_are_alike_but_for_seeds_records_and_rates() -> None:
    """Catches a probe a model, and one probe for models of different sizes."""
    document = {"model": {"widths": [64], "dropout": 0.1}, "seed": 1, "records": "a", "number_of_records": 1000}
    alike = document | {"seed": 2, "records": "b", "number_of_records": 1004}
    assert likeness("release", document, {}) == likeness("release", alike, {})
    for other in ({"model": {"widths": [65]}}, {"number_of_records": 2000}):
        assert likeness("release", document, {}) != likeness("release", document | other, {})
    started = [document | {"start": {"key": key}} for key in ("x", "y")]
    known = {"x": "alike", "y": "alike"}
    assert len({likeness("release", of, known) for of in started}) == 1
    assert len({likeness("release", of, {}) for of in started}) == 2


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("target", "victims"),
        ("target 3 (pre-training)", "victims, pre-trained"),
        ("shadow 12", "shadows"),
        ("disjoint control 0", "controls'"),
        ("target 3 (VAE)", "defences'"),
        ("kmeans 4 bit 1", "variants'"),
    ],
)
def test_a_name_says_whose_model_it_is(name: str, meaning: str) -> None:
    """Catches models counted under another kind."""
    assert whose(name) == meaning


def test_a_fit_by_several_processes_is_rehearsed_by_one(tmp_path: Path) -> None:
    """Catches steps that are timed in other processes, of which nobody here hears."""
    with rehearsing() as rehearsal:
        fitted(molecules(24), tmp_path, objective_of(epochs=50), options=DDP)
    assert rehearsal.steps > 1 and rehearsal.expected.cpu > rehearsal.taken.cpu


def test_of_fits_that_differ_in_rates_and_weights_alone_one_is_rehearsed(tmp_path: Path) -> None:
    """Catches a plan that rehearses the same layers under every option of what begins there, and a pace too many."""
    paces: dict[str, tuple[Spent, int]] = {}
    taken = []
    for place, options in enumerate([{}, {"learning_rate": 0.02}, {"epochs": 41}, {"batch_size": 4}]):
        with rehearsing(paces=paces) as rehearsal:
            fitted(molecules(24), tmp_path / str(place), objective_of(**{"epochs": 40, **options}))
        taken.append(rehearsal)
    first, other, longer, smaller = taken
    assert other.taken == NOTHING and other.expected == first.expected and other.steps == first.steps > 0
    assert (tmp_path / "1" / "curve.csv").read_text() == ""
    assert longer.taken.cpu > 0 and smaller.taken.cpu > 0 and len(paces) == 3


def test_options_that_no_layer_shows_are_no_rates(tmp_path: Path) -> None:
    """Catches the pace of two passes of messages that stands for eight: a network's `repr` has its layers only."""
    paces: dict[str, tuple[Spent, int]] = {}
    for hops in (2, 8):
        with rehearsing(paces=paces) as rehearsal:
            model = model_of("grover", heads=4, hops=hops)
            fitted(molecules(24), tmp_path / str(hops), objective_of(epochs=40), model)
        assert rehearsal.taken.cpu > 0
    assert len(paces) == 2
