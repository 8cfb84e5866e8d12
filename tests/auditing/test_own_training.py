"""Shadow models by the user's own code: kept, gone on with, and told nothing of who was in the target."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import telltale
from telltale.auditing.released import ask, with_shadows
from telltale.data.own_arrays import given_of
from telltale.errors import InputError
from telltale.store.store import Store
from telltale.targets.function import FunctionTarget
from telltale.targets.own_training import KIND, Training, halves

SOURCE = """
import numpy as np

def fit(records, seed):
    x, y = records
    known = {row.tobytes(): value for row, value in zip(x, y)}
    noise = np.random.default_rng(seed)

    def predict(asked):
        true = np.array([known.get(row.tobytes(), np.nan) for row in asked])
        usual = asked[:, 0] + 0.2 * noise.normal(size=len(asked))
        return np.where(np.isnan(true), usual, 0.7 * usual + 0.3 * true)
    return predict

def forgetful(records, seed):
    return fit((records[0][:0], records[1][:0]), seed)

def broken(records, seed):
    with open(__file__ + ".count", "a") as file:
        file.write("x")
    if len(open(__file__ + ".count").read()) > 2:
        raise RuntimeError("the machine is tired")
    return fit(records, seed)

def no_model(records, seed):
    return 3
"""
space: dict = {}
exec(compile(SOURCE, "train.py", "exec"), space)
GIVEN = {
    "gives": "values",
    "shadow_models": 8,
    "population": 0.3,
}


def table(number: int = 300, seed: int = 0):  # type: ignore[no-untyped-def]
    """Records of which a third are members, with real values that vary from model to model."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 3))
    y = x[:, 0] + rng.normal(size=number)
    return given_of(x, y).with_members(rng.random(number) < 0.4)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SOURCE)
    return tmp_path / "train.py"


def audited(given, code: Path, fit: str = "fit", store: Store | None = None, seed: int = 1, **options):  # type: ignore[no-untyped-def]
    predict = space["fit"]((given.inputs[given.member], given.labels[given.member]), 99)
    target = FunctionTarget(predict, **GIVEN | {"train": f"{code}:{fit}"} | options)
    target.store = store
    return with_shadows(target, ask(target, given, seed))


def test_halves_come_in_pairs_and_keep_classes_and_groups_together() -> None:
    """Catches a point that is in all shadows, a class that a half lacks, and a person on both sides."""
    given = given_of(np.zeros((61, 2)), np.repeat(["a", "b"], [51, 10]))
    drawn = halves(given, 8, seed=0)
    assert np.array_equal(drawn[::2], ~drawn[1::2])
    assert set(drawn.sum(1)) == {30, 31}
    assert set(drawn[:, 51:].sum(1)) <= {5, 6, 4}
    assert len({row.tobytes() for row in drawn}) == 8
    groups = np.repeat(np.arange(20), 3)
    together = halves(replace(given.take(np.arange(60)), groups=groups), 4, seed=0)
    assert all(len(set(row[groups == group])) == 1 for row in together for group in range(20))


def test_shadows_do_not_depend_on_who_was_in_the_target(code: Path) -> None:
    """Catches a shadow drawn by the target's membership: the attacker holds the table, not who was in."""
    given = table()
    first = audited(given, code, population=0.0)
    moved = audited(given.with_members(given.member[::-1].copy()), code, population=0.0)
    assert first.table.challenge.member is None and first.table.held.member is None
    assert np.array_equal(moved.table.rows, first.table.rows)
    assert np.array_equal(moved.answers.membership[1:], first.answers.membership[1:])
    assert np.array_equal(moved.answers.answers[1:], first.answers.answers[1:])
    assert not np.array_equal(moved.answers.membership[0], first.answers.membership[0])


def test_a_broken_audit_goes_on_where_it_stopped(code: Path, tmp_path: Path) -> None:
    """Catches models that are trained again by the same command, and old ones served to changed code."""
    store, given = Store(tmp_path / "store"), table(120)
    with pytest.raises(InputError, match=r"the function fails: RuntimeError: the machine is tired \(train.py, line 22"):
        audited(given, code, "broken", store)
    assert len(list(store.entries(KIND))) == 2
    code.with_name("train.py.count").unlink()
    with pytest.raises(InputError, match="tired"):
        audited(given, code, "broken", store)
    assert len(list(store.entries(KIND))) == 4
    fresh = audited(given, code, "fit")
    kept, again = audited(given, code, "fit", store), audited(given, code, "fit", store)
    assert len(list(store.entries(KIND))) == 4 + 8
    for one in (kept, again):
        assert np.array_equal(one.answers.answers[1:], fresh.answers.answers[1:])
    code.write_text(SOURCE.replace("0.7 * usual", "0.6 * usual"))
    assert not np.array_equal(audited(given, code, "fit", store).answers.answers[1:], kept.answers.answers[1:])


def test_processes_side_by_side_train_the_same_models(code: Path, tmp_path: Path) -> None:
    """Catches a seed or a half that gets lost on the way to another process, and an error that does."""
    given = table(80)
    here = audited(given, code, shadow_models=4)
    there = audited(given, code, store=Store(tmp_path / "store"), shadow_models=4, processes=2)
    assert np.array_equal(here.answers.answers[1:], there.answers.answers[1:])


def test_code_that_will_not_do_is_told_in_one_line(code: Path) -> None:
    """Catches a traceback of ours, and training that begins before an odd number is refused."""
    given = table(80)
    for options, said in (
        ({"fit": "no_model"}, "returned a int; expected fit"),
        ({"fit": "nit"}, "train.py has no nit"),
        ({"shadow_models": 5}, "an even number"),
        ({"shadow_models": 2}, "a whole number from 4"),
        ({"processes": 0}, "target.processes=0"),
    ):
        with pytest.raises(InputError, match=said):
            audited(given, code, **options)


def test_shadows_find_what_the_model_alone_does_not(code: Path) -> None:
    """Catches shadow answers that do not reach the attacks, and a leak found in a model that remembers nothing."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3))
    y = x[:, 0] + rng.normal(size=400) * np.exp(2 * x[:, 1])
    members, others = (x[:150], y[:150]), (x[150:], y[150:])
    results = {}
    for name in ("fit", "forgetful"):
        model, options = space[name](members, 7), {"gives": "values", "shadows": 8, "replicates": 100}
        results[name] = telltale.audit(model, members, others, train=space[name], **options)
    found = results["fit"].table["auc"]
    assert found["lira_residual_fixed"] > found["plain_error"] + 0.1 > 0.6
    assert found["rmia_gaussian"] > found["plain_error"] + 0.05
    assert results["forgetful"].table.loc["lira_residual_fixed", "auc_low"] < 0.55
    assert any("third of three tiers" in note for note in results["fit"].outcome.notes)
    assert inspect.signature(Training).parameters["models"].default == 16
