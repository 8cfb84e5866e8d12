"""Labels that a model says are compared with true ones by the classes' names, whatever numbers these are."""

from __future__ import annotations

import numpy as np
import pytest

import telltale
from telltale.auditing.released import ask, with_shadows
from telltale.data.own_arrays import given_of
from telltale.errors import InputError
from telltale.targets.endpoint import HttpTarget
from telltale.targets.function import FunctionTarget
from telltale.targets.said_labels import places_of

NAMES = np.array(list("uvwx"))


@pytest.mark.parametrize(
    ("classes", "said", "places"),
    [
        (("1", "2"), np.array([1, 2, 2, 1]), [0, 1, 1, 0]),
        (("1", "2"), np.array([1.0, 2.0, 2.0, 1.0]), [0, 1, 1, 0]),
        (("1", "2"), np.array(["1", "2.0", "2", "1"]), [0, 1, 1, 0]),
        (("-1", "1"), np.array([-1, 1, 1, -1]), [0, 1, 1, 0]),
        (("cat", "dog"), np.array(["dog", "cat", "cat", "dog"], object), [1, 0, 0, 1]),
        (("False", "True"), np.array([True, False, True, True]), [1, 0, 1, 1]),
        (("sick = 0", "sick = 1"), np.array([1, 0, 0, 1]), [1, 0, 0, 1]),
    ],
)
def test_a_label_is_the_class_that_is_called_so(classes: tuple[str, ...], said: np.ndarray, places: list[int]) -> None:
    """Catches labels taken for places of the classes: those of {1, 2} would be one place off, words no number."""
    found, told = places_of(said, classes, NAMES)
    assert (found.tolist(), told) == (places, "")


def test_numbers_where_classes_are_words_are_places_and_this_is_told() -> None:
    """Catches an order of classes that is assumed in silence."""
    found, told = places_of(np.array([1, 0, 0, 1]), ("cat", "dog"), NAMES)
    assert found.tolist() == [1, 0, 0, 1] and told.endswith("places of the classes from 0: cat, dog")
    found, told = places_of(np.array([1, 0, 0, 1]), ("1", "2"), NAMES, by_place=True)
    assert (found.tolist(), told) == ([1, 0, 0, 1], "")


@pytest.mark.parametrize(
    ("classes", "said", "line"),
    [
        (("1", "2"), [1, 0, 0, 1], r"target=0: label of record v; expected one of the classes 1, 2 \(2 such\)"),
        (("1", "2"), [1, 2, 1.5, 1], "target=1.5: label of record w"),
        (("1", "2"), [1, 2, np.nan, 1], "target=nan: label of record w"),
        (("cat", "dog"), ["cat", "cow", "dog", "dog"], "target=cow: label of record v; .* cat, dog"),
        (("cat", "dog"), [0, 1, 2, 0], "target=2: label of record w; expected one of the classes 0, 1"),
        ((), [0, 1, 0.5, 0], "target=0.5: label of record w; expected a whole number"),
        ((), ["cat"] * 4, "give dataset.label"),
    ],
)
def test_a_label_that_no_class_has_is_told_in_one_line(classes: tuple[str, ...], said: list, line: str) -> None:
    """Catches a fraction that is cut off, and a label that counts as a wrong answer though nobody has it."""
    with pytest.raises(InputError, match=line):
        places_of(np.array(said), classes, NAMES)


def test_every_target_reads_labels_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a target of one kind, or the model that the user's code trained, whose labels are read by place."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 2)), rng.integers(1, 3, 80)
    known = {row.tobytes(): label for row, label in zip(x[:40], y[:40], strict=True)}

    def predict(asked: np.ndarray) -> np.ndarray:
        return np.array([known.get(row.tobytes(), 1) for row in asked])

    def fit(records: tuple[np.ndarray, np.ndarray], seed: int):  # type: ignore[no-untyped-def]
        assert set(records[1]) == {0, 1}
        return lambda asked: np.zeros(len(asked), int)

    given = given_of(x, y).with_members(np.arange(80) < 40)
    target = FunctionTarget(predict, gives="labels", train=fit, shadow_models=4)
    asked = with_shadows(target, ask(target, given, seed=0))
    assert asked.success["train_accuracy"] == 1
    assert asked.success["accuracy"] == pytest.approx((asked.answers.labels[~asked.answers.membership[0]] == 0).mean())
    served = HttpTarget("http://127.0.0.1:9/x", gives="labels")
    monkeypatch.setattr(served, "_asked", lambda inputs: ["b", "a"])
    assert served.ask(np.zeros((2, 1)), ("a", "b")).tolist() == [1, 0]
    found = telltale.audit(predict, (x[:40], y[:40]), (x[40:], y[40:]), gives="labels", replicates=50)
    assert found.auc.value == pytest.approx(0.5 + (y[asked.table.rows][~asked.answers.membership[0]] != 1).mean() / 2)
