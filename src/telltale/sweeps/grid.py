"""The jobs of a sweep by the words that make them, and the first difference between two grids of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from telltale.reporting.masking import masked

BESIDE = ("sweep", "paths", "verbose", "trust", "plan", "logger")  # change no number, and no job


def words_of(overrides: Iterable[str]) -> tuple[str, ...]:
    """Return the words that a job is known by: in one order, without those that change no number, secrets hidden.

    >>> words_of(["seed=1", "attack=lira", "sweep.name=night"])
    ('attack=lira', 'seed=1')
    """
    words = [word for word in masked(list(overrides)) if option_of(word).split(".")[0] not in BESIDE]
    names = [option_of(word) for word in words]
    nested = any(other.startswith(f"{name}.") for name in names for other in names)
    return tuple(words if nested else sorted(words))  # `a={b:1} a.b=2` is not `a.b=2 a={b:1}`


def option_of(word: str) -> str:
    """Return what a word sets, e.g. `seed` of `+seed=1`."""
    return word.lstrip("+~").partition("=")[0]


def same_jobs(was: Sequence[Sequence[str]], now: Sequence[Sequence[str]]) -> bool:
    """Tell whether two grids have the same jobs, in whatever order."""
    return sorted(map(tuple, was)) == sorted(map(tuple, now))


def difference(was: Sequence[Sequence[str]], now: Sequence[Sequence[str]]) -> str:
    """Say where two grids first differ: which word, what it was and what it is.

    >>> difference([("seed=0",), ("seed=1",)], [("seed=0",), ("seed=2",)])
    'seed was 0,1 and is 0,2'
    """
    before, after = _values(was), _values(now)
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            return f"{name} {_told('was', before.get(name))} and {_told('is', after.get(name))}"
    lost = [" ".join(job) for job in was if tuple(job) not in set(map(tuple, now))]
    return f"the job {lost[0]} is gone" if lost else f"there were {len(was)} jobs and are {len(now)}"


def _values(jobs: Sequence[Sequence[str]]) -> dict[str, dict[str, None]]:
    values: dict[str, dict[str, None]] = defaultdict(dict)
    for job in jobs:
        for word in job:
            values[word.partition("=")[0]][word.partition("=")[2]] = None
    return dict(values)


def _told(verb: str, values: Iterable[str] | None) -> str:
    return f"{verb} {','.join(values)}" if values is not None else f"{verb} left out"


class Numbering:
    """The number of each job of a grid, whatever the order in which they are asked for; of equal jobs one each."""

    def __init__(self, jobs: Sequence[Sequence[str]]) -> None:
        self._left: dict[tuple[str, ...], deque[int]] = defaultdict(deque)
        for number, job in enumerate(jobs):
            self._left[tuple(job)].append(number)

    def of(self, job: Sequence[str]) -> int:
        """Return the number of the next job of these words."""
        return self._left[tuple(job)].popleft()
