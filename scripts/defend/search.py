"""A search by Optuna over words and their options: which to try next, given what was found; the same every time.

Nothing of the search itself is kept. It is seeded, and asks for trials in rounds of a fixed size, whatever the number
of cores; so the same command asks for the same runs, and finds those that are finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from warnings import filterwarnings

import numpy as np

from telltale.errors import InputError

if TYPE_CHECKING:
    from optuna import Study, Trial

ROUND = 4  # trials asked for at once: the next four learn from all before
Space = Mapping[str, Mapping[str, Any]]  # word -> option -> range or list of values


@dataclass(frozen=True)
class Found:
    """One trial: its word, the options it tried as words of the command line, and what came out; None = it failed."""

    word: str
    options: tuple[str, ...]
    values: tuple[float, ...] | None


def search(
    space: Space,
    directions: Sequence[str],
    trials: int,
    seed: int,
    play: Callable[[Sequence[tuple[str, tuple[str, ...]]]], Sequence[tuple[float, ...] | None]],
) -> list[Found]:
    """Try each word once in the middle of its options, then where the search expects most; return all trials in order.

    directions: minimize or maximize, of each value; play: word and options of a round -> their values. Raises
    InputError where Optuna is not installed, or for fewer trials than words.
    """
    if trials < len(space):
        raise InputError("--trials", trials, f"at least {len(space)}, one of each word")
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=len(space), constant_liar=True, group=True, multivariate=True
    )
    study: Study = optuna.create_study(directions=list(directions), sampler=sampler)
    for word, given_options in space.items():
        study.enqueue_trial(
            {"word": word, **{_name(word, name): middle(given) for name, given in given_options.items()}}
        )
    found: list[Found] = []
    while len(found) < trials:
        asked = [study.ask() for _ in range(min(ROUND, trials - len(found)))]
        tried = [suggest(trial, space) for trial in asked]
        for trial, (word, options), values in zip(asked, tried, play(tried), strict=True):
            failed = values is None or not np.isfinite(values).all()
            if failed:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, list(values or ()))
            found.append(Found(word, options, None if failed else values))
    return found


def suggest(trial: Trial, space: Space) -> tuple[str, tuple[str, ...]]:
    """Return the word and the options that a trial tries."""
    word = str(trial.suggest_categorical("word", list(space)))
    options = []
    for name, given in space[word].items():
        label = _name(word, name)
        if isinstance(given, Mapping):
            low, high, log = given["low"], given["high"], bool(given.get("log", False))
            if isinstance(low, int) and isinstance(high, int):
                options.append(f"{name}={trial.suggest_int(label, low, high, log=log)}")
            else:
                options.append(f"{name}={trial.suggest_float(label, low, high, log=log):.4g}")
        else:
            options.append(f"{name}={trial.suggest_categorical(label, list(given))}")
    return word, tuple(options)


def middle(given: Any) -> Any:
    """Return where a search begins: the middle of a range, the first of a list.

    >>> middle({"low": 1, "high": 8}), middle({"low": 1.0, "high": 4.0, "log": True}), middle(["a", "b"])
    (4, 2.0, 'a')
    """
    if not isinstance(given, Mapping):
        return given[0]
    low, high = given["low"], given["high"]
    centre = float(np.sqrt(low * high)) if given.get("log") else (low + high) / 2
    return int(centre) if isinstance(low, int) and isinstance(high, int) else centre


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the positions of the points that no other beats: less leak (first) and more utility (second).

    >>> front([(0.2, 0.9), (0.1, 0.8), (0.3, 0.7), (0.1, 0.7)])
    [0, 1]
    """
    values = np.array(points, dtype=float).reshape(-1, 2) * (1, -1)  # both the less the better
    as_good = (values[:, None] <= values[None]).all(2)
    better = np.any(values[:, None] < values[None], axis=2)
    return np.flatnonzero(~np.any(as_good & better, axis=0)).tolist()


def _name(word: str, option: str) -> str:
    return f"{word}: {option}"  # an option of one name may mean another thing to another word


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError("make defend", "optuna", 'is not installed; pip install "telltale[optuna]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # options that may change
    return optuna
