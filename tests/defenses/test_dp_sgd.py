"""DP-SGD: what it refuses, what it promises, and that its ε is Opacus's for the steps really taken."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.defenses.dp_sgd import DPSGD
from telltale.defenses.early_stopping import EarlyStopping
from telltale.defenses.label_smoothing import LabelSmoothing
from telltale.defenses.relaxloss import RelaxLoss
from telltale.errors import InputError
from telltale.owner.defense import Defense, Trained
from telltale.owner.guarantee import guarantee_of
from telltale.owner.recipe import Recipe
from telltale.training.private.accountant import epsilon_of
from tests.defenses.recipes import RECORDS, alone, fleet, recipe_of
from tests.experiment.commands import command, read
from tests.training.small import DDP, objective_of, recipe_in

NOISY = DPSGD(epsilon=None, sigma=1.0, mode="bookkeeping")
LEDGER = {"steps": 40, "sigma": 1.0, "rate": 0.1}
PRETRAINED = {"_target_": "telltale.objectives.transfer.Transfer", "classes": 10, "epochs": 2, "batch_size": 30}
PRETRAINED |= {"learning_rate": 0.05, "tune": "all"}


def transfer(folder: Path, defense: Defense) -> Recipe:
    start = recipe_of(folder, epochs=2)
    recipe = start.replace(objective=PRETRAINED, start=start, finetune=RECORDS.take(np.arange(300, 400)))
    return recipe.protect(defense)


@pytest.mark.parametrize("accountant", ["rdp", "prv"])
def test_epsilon_is_opacus_s_own_for_the_same_steps(accountant: str) -> None:
    """Catches a history that is not what was done: one step at a time gives the same."""
    from opacus.accountants import create_accountant

    theirs = create_accountant(mechanism=accountant)
    for _ in range(40):
        theirs.step(noise_multiplier=1.0, sample_rate=0.1)
    assert epsilon_of(1.0, 0.1, 40, 1e-5, accountant) == pytest.approx(theirs.get_epsilon(delta=1e-5))


def test_no_step_costs_nothing_and_no_noise_promises_nothing() -> None:
    """Catches an infinite ε before the first step, and a finite one without noise."""
    assert epsilon_of(1.0, 0.1, 0, 1e-5, "rdp") == 0 and epsilon_of(0.0, 0.1, 3, 1e-5, "rdp") == float("inf")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"epsilon": 8.0, "sigma": 1.0}, r"defense\.epsilon=8.0: null where defense.sigma=1.0"),
        ({"epsilon": None}, r"defense\.epsilon=None: above 0, or give defense.sigma"),
        ({"epsilon": None, "sigma": -1.0}, r"defense\.sigma=-1.0: from 0"),
        ({"epsilon": float("nan")}, r"defense\.epsilon=nan: above 0"),
        ({"public_records": 0}, r"defense\.public_records=0: a whole number"),
        ({"learning_rate": 0.0}, r"defense\.learning_rate=0.0: above 0"),
    ],
)
def test_options_that_contradict_each_other_are_told_in_one_line(options: dict[str, Any], line: str) -> None:
    """Catches a noise multiplier that silently overrules the target."""
    with pytest.raises(InputError, match=f"^{line}"):
        DPSGD(**options)


def test_batch_norm_is_refused_with_the_switch_that_mends_it(tmp_path: Path) -> None:
    """Catches an ε where each record's gradient depends on the whole batch."""
    network = {"_target_": "telltale.models.cnn.CNN", "channels": [4], "width": 8, "shape": RECORDS.shape}
    recipe = recipe_of(tmp_path, NOISY)
    with pytest.raises(InputError, match=r"^model\.norm=batch: .*set model\.norm=group$"):
        recipe.replace(model={**network, "norm": "batch"}).check()
    recipe.replace(model={**network, "norm": "group"}).check()
    encoder = {"_target_": "telltale.models.gin.GIN", "layers": 2, "width": 8}
    with pytest.raises(InputError, match=r"^model\.norm=batch: .*set model\.norm=layer$"):
        recipe.replace(model=encoder).check()


def test_batch_norm_of_a_transfer_may_be_frozen_instead(tmp_path: Path) -> None:
    """Catches layers refused that see no batch, and layers let through that do."""
    network = {
        "_target_": "telltale.models.cnn.CNN",
        "channels": [4],
        "width": 8,
        "norm": "batch",
        "shape": RECORDS.shape,
    }
    recipe = recipe_of(tmp_path, NOISY).replace(model=network, objective={**PRETRAINED, "batch_norm": "frozen"})
    recipe.check()
    with pytest.raises(InputError, match=r"model\.norm=group or objective\.batch_norm=frozen$"):
        recipe.replace(objective={**PRETRAINED, "batch_norm": "moving"}).check()


@pytest.mark.parametrize("other", [RelaxLoss(), EarlyStopping()], ids=lambda one: type(one).__name__)
def test_losses_that_are_no_mean_over_records_are_refused_in_any_order(other: Defense, tmp_path: Path) -> None:
    """Catches a branch taken by the batch's mean, and an epoch chosen by records that no noise covers."""
    for pair in ((NOISY, other), (other, NOISY)):
        with pytest.raises(InputError, match=rf"^defense=dp_sgd: .*{type(other).__name__}"):
            recipe_of(tmp_path, *pair).check()
    recipe_of(tmp_path, NOISY, LabelSmoothing()).check()


def test_other_objectives_and_several_processes_are_refused(tmp_path: Path) -> None:
    """Catches molecules that are each other's negatives, noise added once a process, and an error of torch's vmap."""
    with pytest.raises(InputError, match=r"^defense=dp_sgd: needs a loss of each record alone, .*InfoGraph"):
        recipe_in(tmp_path, objective=objective_of("infograph"), defenses=(NOISY,)).check()
    transformer = {"_target_": "telltale.models.grover.Grover", "layers": 1, "width": 8}
    with pytest.raises(InputError, match=r"^defense=dp_sgd: needs a model that computes alike .* Grover does not"):
        recipe_of(tmp_path, NOISY).replace(model=transformer).check()
    with pytest.raises(InputError, match=r"^trainer\.strategy=ddp: one process"):
        recipe_of(tmp_path, NOISY).replace(trainer=DDP).check()
    with pytest.raises(InputError, match=r"^trainer\.precision=bf16-mixed: 32-true"):
        recipe_of(tmp_path, NOISY).replace(trainer=replace(DDP, devices=1, precision="bf16-mixed")).check()


def test_a_mode_that_is_not_exact_for_the_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Catches a wrong gradient that was asked for."""
    recipe = recipe_of(tmp_path, DPSGD(mode="hooks"), weight_decay=0.0)
    encoder = {"_target_": "telltale.models.gin.GIN", "layers": 2, "width": 8, "norm": "layer"}
    from tests.training.private.networks import molecules as labelled

    with pytest.raises(InputError, match=r"^defense\.mode=hooks: auto, or another mode: .*molecules"):
        recipe.replace(model=encoder).train(labelled(), np.arange(40), 0)


def test_a_delta_that_publishing_a_record_meets_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches an ε that looks small because δ is large."""
    logging.getLogger("telltale").propagate = True
    defense = replace(NOISY, delta=0.04)
    with caplog.at_level("WARNING", logger="telltale"):
        release = alone(recipe := recipe_of(tmp_path, defense))
    assert "delta 0.04 is not below 1 / 90 = 0.011" in caplog.text
    found = guarantee_of(recipe.recipe, recipe.store, [release], "images")
    assert found and "1 / 90" in found["doubt"]


def test_the_guarantee_says_what_was_really_done(tmp_path: Path) -> None:
    """Catches the ε that was planned in place of the one that was spent."""
    recipe = recipe_of(tmp_path, NOISY, epochs=2)
    found = guarantee_of(recipe.recipe, recipe.store, fleet(recipe), "images")
    assert found is not None
    assert {"steps": 6, "sigma": 1.0, "clip": 1.0, "records": 90, "accountant": "rdp"}.items() <= found.items()
    assert found["sampling_rate"] == pytest.approx(1 / 3) and found["delta"] == 1e-5
    assert found["epsilon"] == pytest.approx(epsilon_of(1.0, 1 / 3, 6, 1e-5, "rdp"))
    assert found["unit"] == "one record added or removed" and found["does_not_cover"] is None
    assert "one record added or removed" in found["statement"] and found["doubt"] is None
    assert "counted by RDP at σ = 1" in found["statement"]
    assert "(2ε, (1 + e^ε) δ)" in found["replaced"] and f"({2 * found['epsilon']:.3g}, " in found["replaced"]


def test_the_unit_of_molecules_is_a_graph() -> None:
    """Catches a promise to atoms."""
    found = NOISY.guarantee(Trained("molecules", 90, LEDGER, False))
    assert found and "one graph added or removed" in found["statement"]


@pytest.mark.parametrize("on", ["last", "first"])
def test_a_transfer_is_protected_where_asked_and_says_what_epsilon_does_not_cover(on: str, tmp_path: Path) -> None:
    """Catches an ε of fine-tuning that is read as one of the pre-training data."""
    recipe = transfer(tmp_path, replace(NOISY, on=on))
    assert recipe.start is not None
    private = recipe.start if on == "first" else recipe
    assert private.defenses and not (recipe if on == "first" else recipe.start).defenses
    release = recipe.train(RECORDS, np.arange(90), 0)
    found = guarantee_of(recipe.recipe, recipe.store, [release], "images")
    assert found is not None and found["records"] == (90 if on == "first" else 100)
    missing = "the pre-training data" if on == "last" else "the fine-tuning records"
    assert f"ε does not cover {missing}" in found["statement"]


def test_private_weights_keep_their_distance_from_the_members(tmp_path: Path) -> None:
    """Catches a defence that is in the key but not in the weights: much noise forgets, none remembers."""
    accuracies = []
    for sigma in (0.0, 30.0):
        defense = DPSGD(epsilon=None, sigma=sigma, mode="bookkeeping")
        release = alone(recipe_of(tmp_path, defense, epochs=20, learning_rate=0.1))
        own = np.random.default_rng(0).permutation(400) < 90
        accuracies.append((release.labels(RECORDS)[own] == RECORDS.labels[own]).mean())
    assert accuracies[0] > 0.6 and accuracies[1] < 0.4


LINES = {
    "defense.epsilon=0": ("defense.epsilon=0", "above 0"),
    "defense.epsilon=null": ("defense.epsilon=None", "defense.sigma"),
    "defense.sigma=1": ("defense.epsilon=8.0", "null where defense.sigma"),
    "defense.clip=-1": ("defense.clip=-1", "from 0"),
    "model=resnet": ("model.norm=batch", "model.norm=group"),
    "model=gin dataset=b3db": ("model.norm=batch", "model.norm=layer"),
    "trainer=ddp": ("trainer.strategy=ddp", "one process"),
    "defense.mode=hook": ("defense.mode=hook", "auto"),
    "defense.epsilon=1e-9": ("defense.epsilon=1e-09", "no noise reaches it"),
}


@pytest.mark.parametrize("line", LINES)
def test_bad_input_is_told_in_one_line_and_trains_nothing(line: str, tmp_path: Path) -> None:
    """Catches a traceback, and a mistake found only after all training."""
    words = ("scale=smoke", "logger=none", "attack=lira", "defense=dp_sgd", f"paths.outputs={tmp_path}")
    ended = command(*words, "paths.cache=outputs/cache", *line.split())
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert ended.code == 2 and len(told) == 1 and all(part in told[0] for part in LINES[line]), ended.err
    assert not (tmp_path / "store" / "release").exists()


@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "model=cnn model.norm=group", "model=gin dataset=b3db model.norm=layer"])
def test_networks_of_each_kind_are_trained_privately_and_attacked_by_the_command(words: str, tmp_path: Path) -> None:
    """Catches a kind of model that the choice of mode does not know."""
    quick = ("scale=smoke", "logger=none", "rivals=none", "controls=none", "evaluation.replicates=50")
    folders = (f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", f"hydra.run.dir={tmp_path}/run")
    ended = command(*quick, "attack=lira", "defense=dp_sgd", *folders, *words.split())
    assert ended.code == 0, ended.err
    assert 7.9 < read(tmp_path / "run" / "metrics.json")["guarantee"]["epsilon"] <= 8
    assert "differentially private" in ended.out
