"""Answers in the files of other tools: LiRA's authors, Privacy Meter, LeakPro; read and written, without pickles.

docs/scores.md says which version of each, and shows the folders.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from telltale.data.given import as_membership
from telltale.errors import InputError
from telltale.game.answers import RANDOM, Answers

TRUE_OR_NOT = ("true class", "another class")  # of Privacy Meter, which keeps the probability of the true class alone
SMALLEST = 1e-300  # probability that has a logarithm
LIRA = "expected folders <model>/ with keep.npy and logits/<epoch>.npy, and y_train.npy"
PRIVACY_METER = "expected models/memberships.npy and signals/<algorithm>_signals.npy"
LEAKPRO = "expected target_<hash>_logits.npy, sm_<number>_<hash>_logits.npy, membership.npy and labels.npy"


def read_lira(folder: Path) -> Answers:
    """Read the layout of LiRA's authors' code (tensorflow/privacy, mi_lira_2021), by whose words files are named.

    <model>/keep.npy                (points,) bool
    <model>/logits/<epoch>.npy      (points, queries, classes), or with an axis of one between; the last epoch is read
    y_train.npy                     (points,), beside the models or in each; in one of the folders is enough
    """
    keeps = sorted(folder.glob("*/keep.npy"))
    if not keeps:
        raise InputError("scores", folder, f"there is no */keep.npy; {LIRA}")
    bare = sorted(at.parent.name for at in folder.glob("*/logits") if not (at.parent / "keep.npy").exists())
    if bare:
        more = f" and {len(bare) - 1:,} more" if len(bare) > 1 else ""
        raise InputError("scores", folder, f"{bare[0]}{more} has logits but no keep.npy; {LIRA}")
    logits, members = [], []
    for keep in keeps:
        epochs = sorted((keep.parent / "logits").glob("*.npy"))
        if not epochs:
            raise InputError("scores", keep.parent, "there is no logits/<epoch>.npy")
        logits.append(_load(max(epochs, key=_by_number)))
        members.append(_load(keep, "fiubUS"))
    shapes = {array.shape for array in logits} | {(len(array), *logits[0].shape[1:]) for array in members}
    if len(shapes) > 1:
        shown = " and ".join(map(str, sorted(shapes)))
        raise InputError("scores", folder, f"arrays of models differ in shape: {shown}")
    if logits[0].ndim < 2:
        raise InputError("scores", folder, f"logits are {logits[0].shape}; expected (points, queries, classes)")
    stacked = np.stack(logits).astype(np.float64)
    probabilities = _softmax(stacked.reshape(*stacked.shape[:2], -1, stacked.shape[-1]))
    every = {file: _load(file) for file in sorted(folder.rglob("y_train.npy"))}
    labels = next(iter(every.values()), None)
    if other := [file for file, said in every.items() if labels is not None and not np.array_equal(said, labels)]:
        raise InputError(
            "scores", other[0], f"differs from {next(iter(every))}; models must be asked of the same points"
        )
    if labels is None:
        raise InputError("scores", folder, "there is no y_train.npy: the true class of each point")
    if probabilities.shape[2] == 1:
        probabilities = probabilities[:, :, 0]
    membership = as_membership("scores.membership", np.stack(members), folder)
    return Answers("probabilities", probabilities, membership, folder.name, labels.reshape(-1))


def write_lira(answers: Answers, folder: Path) -> tuple[str, ...]:
    """Write what `read_lira` reads; returns what had no place there. Raises InputError as `probabilities_of`."""
    probabilities, labels = probabilities_of(answers)
    logits = np.log(np.maximum(probabilities, SMALLEST))
    logits = logits[:, :, None] if logits.ndim == 3 else logits
    for model, (said, member) in enumerate(zip(logits, answers.membership, strict=True)):
        place = folder / f"model_{model:04d}"
        (place / "logits").mkdir(parents=True)
        np.save(place / "logits" / "0000000000.npy", said[:, None], allow_pickle=False)
        np.save(place / "keep.npy", member, allow_pickle=False)
    np.save(folder / "y_train.npy", labels, allow_pickle=False)
    return (*_of_the_attacked(answers), *_without_place(answers, ("population", "ids", "groups", "features")))


def read_privacy_meter(folder: Path) -> Answers:
    """Read the log folder of Privacy Meter, which keeps the probability of the true class alone.

    models/memberships.npy               (models, points) bool
    signals/<algorithm>_signals.npy      (points, models)
    signals/<algorithm>_signals_pop.npy  (population, models), or none

    The answers have two classes, the true one and any other, so that attacks on the true class's probability are as
    they were; those on the whole vector see these two.
    """
    memberships = folder / "models" / "memberships.npy"
    found = sorted(file for file in (folder / "signals").glob("*_signals.npy") if "_ramia_" not in file.name)
    if not memberships.exists() or not found:
        raise InputError("scores", folder, PRIVACY_METER)
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise InputError("scores", folder, f"there is more than one: {names}; keep one of them in signals/")
    membership, signals = _load(memberships, "fiubUS"), _load(found[0])
    if signals.shape != membership.shape[::-1]:
        expected = (
            f"{found[0].name} is {signals.shape} and memberships.npy {membership.shape}; expected (points, models) and "
            "(models, points): with audit.data_size below the data's, which points were asked about is not kept"
        )
        raise InputError("scores", folder, expected)
    held = found[0].with_name(f"{found[0].stem}_pop.npy")
    population = _load(held) if held.exists() else None
    return Answers(
        "probabilities",
        _true_or_not(signals),
        as_membership("scores.membership", membership, folder),
        folder.name,
        labels=np.zeros(len(signals), np.int64),
        classes=TRUE_OR_NOT,
        population=None if population is None else _true_or_not(population),
        population_labels=None if population is None else np.zeros(len(population), np.int64),
    )


def write_privacy_meter(answers: Answers, folder: Path) -> tuple[str, ...]:
    """Write what `read_privacy_meter` reads; returns what had no place there. InputError as `probabilities_of`."""
    probabilities, labels = probabilities_of(answers)
    for name in ("models", "signals"):
        (folder / name).mkdir(parents=True)
    np.save(folder / "models" / "memberships.npy", answers.membership, allow_pickle=False)
    np.save(folder / "signals" / "rmia_signals.npy", _of_true_class(probabilities, labels), allow_pickle=False)
    if answers.population is not None and answers.population_labels is not None:
        held = _of_true_class(answers.population, answers.population_labels)
        np.save(folder / "signals" / "rmia_signals_pop.npy", held, allow_pickle=False)
    other = ("probabilities of the other classes",)
    left = (*_of_the_attacked(answers), *_without_queries(answers))
    return (*other, *left, *_without_place(answers, ("ids", "groups", "features")))


def read_leakpro(folder: Path) -> Answers:
    """Read the cache of LeakPro's attacks, and who was trained on what, which it keeps in pickles alone.

    target_<hash>_logits.npy       (points, classes), or (points,) of the second of two
    sm_<number>_<hash>_logits.npy  the same of each shadow model
    target_<hash>_indices.npy      (points,) rows of the data, in the order of the logits; the same beside each
    membership.npy                 (models, points), the target first, then the shadow models by number
    labels.npy                     (points,) true classes

    One model is attacked: the target.
    """
    if not folder.is_dir():
        raise InputError("scores", folder, f"no folder; {LEAKPRO}")
    targets = sorted(folder.glob("target_*_logits.npy"))
    pattern = re.compile(r"sm_(\d+)_.*logits\.npy")
    numbered = sorted((int(found[1]), file) for file in folder.iterdir() if (found := pattern.fullmatch(file.name)))
    if len(targets) != 1:
        raise InputError("scores", folder, f"there are {len(targets)} targets; {LEAKPRO}")
    if len({number for number, _ in numbered}) < len(numbered):
        raise InputError("scores", folder, "there are shadow models of two sets of records; keep those of the target")
    files = [targets[0], *(file for _, file in numbered)]
    for name in ("membership.npy", "labels.npy"):
        if not (folder / name).exists():
            raise InputError("scores", folder, f"there is no {name}, which docs/scores.md says how to write; {LEAKPRO}")
    order = _indices(files[0])
    logits = [_load(file)[_reordered(_indices(file), order, file)] for file in files]
    if len(shapes := {array.shape for array in logits}) > 1:
        shown = " and ".join(map(str, sorted(shapes)))
        raise InputError("scores", folder, f"logits of models differ in shape: {shown}")
    stacked = np.stack(logits).astype(np.float64)
    if stacked.ndim == 2:
        stacked = np.stack([np.zeros_like(stacked), stacked], -1)
    membership = as_membership("scores.membership", _load(folder / "membership.npy", "fiubUS"), folder)
    labels = _load(folder / "labels.npy").reshape(-1)
    ids = order.astype(str)
    return Answers("probabilities", _softmax(stacked), membership, folder.name, labels=labels, ids=ids, victims=1)


def write_leakpro(answers: Answers, folder: Path) -> tuple[str, ...]:
    """Write what `read_leakpro` reads, the first model as the target; returns what had no place there."""
    probabilities, labels = probabilities_of(answers)
    first = probabilities[:, :, 0] if probabilities.ndim == 4 else probabilities
    folder.mkdir(parents=True)
    for model, said in enumerate(np.log(np.maximum(first, SMALLEST))):
        name = "target_telltale" if model == 0 else f"sm_{model - 1}_telltale"
        np.save(folder / f"{name}_logits.npy", said, allow_pickle=False)
        np.save(folder / f"{name}_indices.npy", np.arange(answers.points), allow_pickle=False)
    np.save(folder / "membership.npy", answers.membership, allow_pickle=False)
    np.save(folder / "labels.npy", labels, allow_pickle=False)
    left = ("that other models than the first are attacked",) if answers.attacked > 1 else ()
    return (*left, *_without_queries(answers), *_without_place(answers, ("population", "ids", "groups", "features")))


def probabilities_of(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities and the true labels; InputError where there are none."""
    if answers.gives != "probabilities" or answers.labels is None:
        expected = f"these hold {answers.gives}{'' if answers.labels is not None else ' without true labels'}"
        raise InputError(
            "answers", answers.source, f"{expected}; this layout needs probabilities and labels; npz has all"
        )
    return answers.answers, answers.labels


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _true_or_not(signals: np.ndarray) -> np.ndarray:
    """Turn (points, models) into (models, points, 2)."""
    of_true = signals.T.astype(np.float64)
    return np.stack([of_true, 1 - of_true], -1)


def _of_true_class(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (points, models) of the first query."""
    first = probabilities[:, :, 0] if probabilities.ndim == 4 else probabilities
    return np.ascontiguousarray(first[:, np.arange(len(labels)), labels].T)


def _without_queries(answers: Answers) -> tuple[str, ...]:
    return ("queries beyond the first",) if answers.answers.ndim == 4 else ()


def _of_the_attacked(answers: Answers) -> tuple[str, ...]:
    """Say that models which are shadows alone are attacked, too, by who reads a layout without victims."""
    first = f"first {answers.attacked:,} of {answers.models:,} models are" if answers.attacked > 1 else "first model is"
    return (f"that only the {first} attacked (victims)",) if answers.attacked < answers.models else ()


def _without_place(answers: Answers, names: tuple[str, ...]) -> tuple[str, ...]:
    random = ("that chance alone decided who was a member (scores.split=random)",) if answers.split == RANDOM else ()
    return (*(name for name in names if getattr(answers, name) is not None), *random)


def _indices(logits: Path) -> np.ndarray:
    return _load(logits.with_name(logits.name.replace("_logits", "_indices")))


def _reordered(indices: np.ndarray, order: np.ndarray, file: Path) -> np.ndarray:
    """Return the row of each point in `order`; InputError where other points were asked about."""
    if not np.array_equal(np.sort(indices), np.sort(order)):
        raise InputError("scores", file, "was asked about other points than the target")
    return np.argsort(indices)[np.argsort(np.argsort(order))]


def _by_number(file: Path) -> list[tuple[int, str]]:
    """Return what puts 9 before 100."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file.stem)]


def _load(file: Path, kinds: str = "fiub") -> np.ndarray:
    """Return an array of numbers, or of other kinds of numpy's; never one number alone, nor none."""
    try:
        array = np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError("scores", file, f"cannot be read as .npy without pickles ({error})") from None
    if not array.size or not array.ndim or array.dtype.kind not in kinds:
        raise InputError("scores", file, f"is {array.dtype} {array.shape}; expected an array of numbers")
    return array
