"""A model that exists: anything that answers about records, whoever trained it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from telltale.checks import choice, share, whole_number, yes_or_no
from telltale.data.given import taken
from telltale.errors import InputError
from telltale.progress import track
from telltale.store.store import Store
from telltale.targets.said_labels import places_of
from telltale.targets.shadows import Copies, Shadows, Table
from telltale.writing import counted

GIVES = ("probabilities", "labels", "values", "embeddings")
SPLITS = ("unknown", "random")
POPULATION = 0.3
OFF = 1e-3  # by which the probabilities of one record may miss a sum of 1


@dataclass(frozen=True)
class TrainingOptions:
    """How shadow models are made for a target; see `own_training`."""

    train: Any = None
    models: int = 16
    processes: int = 1
    stand_in: bool = False


class Target:
    """Base of targets: a subclass answers about a batch of records (`answer`).

    gives        probabilities (records, classes) | labels (records,) | values (records,), real predictions |
                 embeddings (records, width)
    batch_size   records asked about at a time
    population   share of the held-out records that is set apart for the attacker to know; they are not judged
    split        random: chance alone decided who was a member | unknown
    train        file.py:fit, code that trains a model like it, for shadow models; None = there is none
    shadow_models, processes  how many, and how many side by side
    stand_in     a recipe of ours trains them, in place of such code
    store        where answers are kept that took long; None = nowhere
    asks_copies  records of our making may be asked about, too
    by_place     labels that are numbers are places of the classes, not their names
    told         how answers were read, where there is a choice; filled by `ask`
    """

    store: Store | None = None
    asks_copies: bool = True
    by_place: bool = False
    told: tuple[str, ...] = ()

    def __init__(
        self,
        gives: str = "probabilities",
        batch_size: int = 1024,
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
        stand_in: bool = False,
    ) -> None:
        self.gives = choice("target.gives", gives, GIVES)
        self.batch_size = whole_number("target.batch_size", batch_size)
        self.population = share("target.population", population, zero=True, whole=False)
        self.random = choice("target.split", split, SPLITS) == "random"
        self.training = TrainingOptions(train, shadow_models, processes, yes_or_no("target.stand_in", stand_in))

    @property
    def name(self) -> str:
        """Name the model, as printed beside every figure."""
        return type(self).__name__

    def answer(self, inputs: Any) -> Any:
        """Answer about one batch of records, as their owner has them."""
        raise NotImplementedError

    def own_shadows(self, table: Table) -> Shadows | None:
        """Return what shadow models answer that the user has; None where there are none."""
        return None

    def untrained(self, inputs: Any, seed: int) -> Target | None:
        """Return the same model as it was before any training, for a control; None where nobody can make one."""
        return None

    def ask(self, inputs: Any, classes: tuple[str, ...] = (), ids: np.ndarray | None = None) -> np.ndarray:
        """Answer about all records, in batches: (records, classes) or (records,), checked.

        classes: of the labels, whose number probabilities must have, and which labels are the names of; ids: for the
        message. Raises InputError for answers of a wrong shape, that are no probabilities or name no class, with the
        first such record.
        """
        number, parts = len(inputs), []
        starts = range(0, number, self.batch_size)
        for start in track(starts, "records asked about, in batches") if len(starts) > 1 else starts:
            rows = np.arange(start, min(start + self.batch_size, number))
            names = rows if ids is None else ids[rows]
            parts.append(self.checked(self.answer(taken(inputs, rows)), len(rows), names, classes))
        if len(widths := {part.shape[1:] for part in parts}) > 1:
            raise InputError("target", self.gives, f"of {_shapes(widths)} a record in one answer and in another")
        return np.concatenate(parts)

    def with_copies(self, said: np.ndarray, inputs: Any, ids: np.ndarray, copies: Copies | None) -> np.ndarray:
        """Put answers about changed copies of each record behind those about itself: (records, 1 + copies, width).

        As they are where no copies are made.
        """
        parts = []
        for start in range(0, len(inputs) if copies else 0, self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(inputs)))
            made = copies(taken(inputs, rows)) if copies else []
            if not made:
                return said
            parts.append(np.stack([self.ask(copy, ids=ids[rows]) for copy in made], 1))
        if parts and parts[0].shape[2:] != said.shape[1:]:
            raise InputError("target", self.gives, f"of {_shapes({parts[0].shape[2:], said.shape[1:]})} a record")
        return np.concatenate([said[:, None], np.concatenate(parts)], 1) if parts else said

    def checked(self, answers: Any, records: int, names: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
        """Return answers about so many records as `ask` does; how labels were read is told."""
        values = as_array(answers, self.gives, records, names, len(classes))
        if self.gives == "labels":
            values, said = places_of(values, classes, names, self.by_place)
            self.tell(said)
        return values

    def tell(self, *said: str) -> None:
        """Keep what there is to tell of how answers were read, once."""
        self.told = tuple(dict.fromkeys((*self.told, *filter(None, said))))


def as_array(answers: Any, gives: str, records: int, names: np.ndarray, classes: int = 0) -> np.ndarray:
    """Return answers as an array, labels as they were said.

    Raises InputError, naming the first record for which they will not do.
    """
    try:
        values = np.asarray(answers.detach().cpu() if hasattr(answers, "detach") else answers)
        values = values if gives == "labels" else values.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError("target", type(answers).__name__, f"answers are no array of numbers ({error})") from None
    if gives == "probabilities":
        if values.ndim == 1 and classes in (0, 2):  # of two classes, that of the second
            values = np.stack([1 - values, values], 1)
        fits, shape = values.ndim == 2 and (not classes or values.shape[1] == classes), f"({records}, {classes or '…'})"
    elif gives == "embeddings":
        fits, shape = values.ndim == 2 and values.shape[1] > 0, f"({records}, width)"
    else:
        values = values.reshape(len(values), -1)[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        fits, shape = values.ndim == 1, f"({records},)"
    if not fits or len(values) != records:
        raise InputError(
            "target", f"an array {values.shape}", f"expected {gives} {shape} about {counted(records, 'record')}"
        )
    if gives != "labels":
        _require_numbers(values, gives, names)
    return values


def _shapes(widths: set[tuple[int, ...]]) -> str:
    return " and ".join(" x ".join(map(str, width)) or "one number" for width in sorted(widths))


def _require_numbers(values: np.ndarray, gives: str, names: np.ndarray) -> None:
    flat = values.reshape(len(values), -1)
    bad = ~np.isfinite(flat).all(1)
    why = "a finite number"
    if gives == "probabilities" and not bad.any():
        bad = (flat < 0).any(1) | (np.abs(flat.sum(1) - 1) > OFF)
        why = "probabilities that sum to 1 (scores before softmax? apply it in your function)"
    if bad.any():
        row = int(np.argmax(bad))
        shown = np.array2string(flat[row], precision=4, threshold=6)
        raise InputError("target", shown, f"answer for record {names[row]}; expected {why} ({int(bad.sum())} such)")
