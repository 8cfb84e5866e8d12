"""Arrays as people hand them over, made into what `Answers` asks for: the axis of models, and true labels."""

from __future__ import annotations

import numpy as np

from telltale.errors import InputError

SHOWN = 3  # names in a message


def with_models(
    gives: str, answers: np.ndarray, membership: np.ndarray, population: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return answers, membership and population with an axis of models before the others, where there is one model.

    Of one model it may be there or not, in each array for itself; a column (points, 1) is (points,). What fits neither
    is returned as it is, for `Answers` to refuse.
    """
    membership = _flat(membership)[None] if _flat(membership).ndim == 1 else membership
    if membership.ndim != 2 or len(membership) > 1:
        return answers, membership, population
    dimensions = 3 if gives == "probabilities" else 2
    if answers.ndim and len(answers) == membership.shape[1]:
        answers = (answers if gives == "probabilities" else _flat(answers))[None]
    if population is not None and not (population.ndim >= dimensions and len(population) == 1):
        population = (population if gives == "probabilities" else _flat(population))[None]
    return answers, membership, population


def _flat(array: np.ndarray) -> np.ndarray:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 < len(array) else array


def true_labels(field: str, labels: np.ndarray, gives: str, classes: tuple[str, ...], source: str) -> np.ndarray:
    """Return true labels as numbers, (points,): real values where answers are values, else classes as positions.

    Whole numbers that are floats become integers; texts are places among the names of the classes; (points, 1) is
    (points,). Raises InputError for a text that names no class, and a number that is none.
    """
    labels = _flat(np.asarray(labels))
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel()):
        labels = labels.astype(str)
    if labels.dtype.kind in "US" and gives != "values":
        return _places(field, labels.astype(str), classes, source)
    if labels.dtype.kind not in "fiub":
        expected = "numbers" if gives == "values" else "whole numbers, or names of classes"
        raise InputError(field, source, f"is {labels.dtype} {labels.shape}; expected {expected}")
    odd = ~np.isfinite(labels) | ((labels != np.rint(labels)) & (gives in ("probabilities", "labels")))
    if odd.any():
        place, expected = int(np.argmax(odd)), "finite numbers" if gives == "values" else "classes, whole numbers"
        raise InputError(field, source, f"of point {place} is {labels.ravel()[place]:g}; expected {expected}")
    real = gives == "values" or bool((labels != np.rint(labels)).any())
    return labels.astype(np.float64 if real else np.int64)


def names_in(labels: np.ndarray | None) -> tuple[str, ...]:
    """Return the names of classes among labels, in order; none where these are numbers.

    >>> names_in(np.array(["dog", "cat"])), names_in(np.array([1, 0]))
    (('cat', 'dog'), ())
    """
    array = np.asarray(labels)
    texts = array.dtype.kind in "US" or (array.size > 0 and all(isinstance(label, str) for label in array.ravel()))
    return tuple(np.unique(array.astype(str)).tolist()) if texts else ()


def _places(field: str, labels: np.ndarray, classes: tuple[str, ...], source: str) -> np.ndarray:
    place = {name: at for at, name in enumerate(classes)}
    if unknown := [name for name in labels.ravel().tolist() if name not in place]:
        shown = ", ".join(classes[:SHOWN]) + (", …" if len(classes) > SHOWN else "")
        named = f"no class: they are {shown}" if classes else "a text, and classes are not named"
        expected = f"{unknown[0]!r} is {named}; give whole numbers, or name classes in the order of the answers"
        raise InputError(field, source, expected)
    return np.array([place[name] for name in labels.ravel().tolist()], np.int64).reshape(labels.shape)


def narrowed(features: np.ndarray) -> np.ndarray:
    """Return the same numbers in the smallest kind that keeps each: those of 8-bit pictures take a quarter.

    >>> narrowed(np.array([[0.0, 255.0]], np.float32)).dtype, narrowed(np.array([[0.1]], np.float32)).dtype
    (dtype('uint8'), dtype('float32'))
    """
    with np.errstate(invalid="ignore", over="ignore"):
        for kind in (np.uint8, np.float16):
            if np.array_equal(kept := features.astype(kind), features):
                return kept
    return features
