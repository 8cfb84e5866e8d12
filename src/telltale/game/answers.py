"""What models answered about points, and which models had each: all that a membership attack needs of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from telltale.checks import choice
from telltale.data.recorded import RecordedPoints
from telltale.errors import AccessDeniedError, InputError
from telltale.game.game import Game
from telltale.game.given_arrays import names_in, narrowed, true_labels
from telltale.game.world import Knowledge, World
from telltale.owner.owner import Owner
from telltale.owner.recipe import Recipe
from telltale.owner.release import Release
from telltale.writing import counted

GIVES = ("probabilities", "labels", "values", "scores", "embeddings")
RANDOM, UNKNOWN = SPLITS = ("random", "unknown")
OPTIONAL = ("labels", "population", "population_labels", "ids", "groups", "features", "population_features")
OFF = 1e-3  # by which probabilities of one record may miss a sum of 1


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of models about points, the first `victims` models being the ones attacked.

    gives              probabilities | labels | values (real-valued predictions) | scores (higher = member) | embeddings
    answers            (models, points); of probabilities (models, points, classes), of embeddings (models, points,
                       width), both perhaps with queries before the last, the first of the point itself
    membership         (models, points) bool: the point was in the training data of the model
    source             the file or data set, as printed beside every figure
    labels             (points,) the class of each, int64, or its true value, float64; None = not known
    classes            names of the classes; of probabilities without names, their numbers
    population         the same as `answers` about held-out records that no model was trained on, or None
    population_labels  of these
    ids                (points,) text, what the owner calls each point
    groups             (points,) int64: points of one person or document, which intervals draw as one
    features           (points, width) float32, what the records themselves are, as numbers
    population_features  of the held-out records
    victims            how many models are attacked; None = all
    split              random: chance alone decided who was a member, so that records of both kinds cannot differ |
                       unknown: they may, and a detector that never asks the model stands beside the attacks

    Labels may also be whole floats, or names of the classes. Raises InputError where they do not fit together; the
    field is named as in a file.
    """

    gives: str
    answers: np.ndarray
    membership: np.ndarray
    source: str = "scores"
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    population: np.ndarray | None = None
    population_labels: np.ndarray | None = None
    ids: np.ndarray | None = None
    groups: np.ndarray | None = None
    features: np.ndarray | None = None
    population_features: np.ndarray | None = None
    victims: int | None = None
    split: str = UNKNOWN

    def __post_init__(self) -> None:
        if self.gives not in GIVES:
            raise InputError("scores.gives", self.gives, f"one of {', '.join(GIVES)}")
        choice("scores.split", self.split, SPLITS)
        object.__setattr__(self, "membership", np.asarray(self.membership, dtype=bool))
        if self.gives == "probabilities" and not self.classes and self.answers.ndim:
            object.__setattr__(self, "classes", tuple(map(str, range(self.answers.shape[-1]))))
        if self.gives == "scores" and not self.classes:  # no answer has places, so that names need no order
            object.__setattr__(self, "classes", names_in(self.labels))
        for name in ("labels", "population_labels"):
            if (given := getattr(self, name)) is not None:
                labels = true_labels(f"scores.{name}", given, self.gives, self.classes, self.source)
                object.__setattr__(self, name, labels)
        _require_answers(self, "answers", self.answers, self.labels)
        if self.population is not None:
            _require_answers(self, "population", self.population, self.population_labels)
        if self.membership.shape != self.answers.shape[:2]:
            raise _misfit("membership", self.membership.shape, f"(models, points) = {self.answers.shape[:2]}")
        if self.victims is not None and not 1 <= self.victims <= self.models:
            raise InputError("scores.victims", self.victims, f"expected 1 to {self.models}, the number of models")
        _require_of_points(self)
        for name, sides in (("members", self.membership.any(1)), ("non-members", (~self.membership).any(1))):
            if not sides.all():
                expected = f"needs members and non-members of each model; model {np.argmin(sides)} has no {name}"
                raise InputError("scores.membership", self.source, expected)

    @property
    def models(self) -> int:
        """Count the models."""
        return len(self.answers)

    @property
    def attacked(self) -> int:
        """Count the models that are attacked."""
        return self.models if self.victims is None else self.victims

    @property
    def points(self) -> int:
        """Count the points."""
        return self.answers.shape[1]

    @property
    def challenge(self) -> RecordedPoints:
        """Return the points to be judged."""
        queries = self.answers.shape[2] if self.answers.ndim == 4 else 1
        columns = np.arange(self.points)
        return RecordedPoints(columns, self.source, self.labels, self.classes, self.ids, self.features, queries=queries)

    @property
    def held_out(self) -> RecordedPoints:
        """Return the population, possibly empty."""
        number = 0 if self.population is None else self.population.shape[1]
        labels, features = self.population_labels, self.population_features
        return RecordedPoints(np.arange(number), self.source, labels, self.classes, None, features, held=True)

    def save(self, path: Path) -> None:
        """Write the arrays to an .npz file, without pickles."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ("answers", "membership", *OPTIONAL)}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        arrays |= {name: narrowed(arrays[name]) for name in arrays if name.endswith("features")}
        texts = {name: np.array(arrays.pop(name).tolist(), dtype=str) for name in ("ids",) if name in arrays}
        facts = {name: np.array(getattr(self, name)) for name in ("gives", "source", "split")}
        facts |= {"victims": np.array(self.attacked)}
        facts |= {"classes": np.array(self.classes, dtype=str)} if self.classes else {}
        np.savez_compressed(path, allow_pickle=False, **arrays, **texts, **facts)


class RecordedRelease(Release):
    """A model of which only answers are known; it is asked by the columns of `RecordedPoints`.

    answers, population: of one model, as in `Answers`; calls: what its answers are good for.
    """

    def __init__(self, key: str, answers: Answers, model: int) -> None:
        calls = {answers.gives} | ({"labels"} if answers.gives == "probabilities" else set())
        super().__init__(_no_network, key, access=frozenset(calls), name=f"model {model}")
        self._recorded, self._model_number = answers, model

    def restricted(self, access: frozenset[str], budget: int | None = None) -> Self:
        """Return the same model with its own counters under a threat model that is narrower or the same."""
        return cast(Self, super().restricted(access, budget))

    def _answer(self, call: str, records: Any, *_: Any, **__: Any) -> np.ndarray:
        self._count(call, len(records))
        table = self._recorded.population if records.held else self._recorded.answers
        if table is None:
            raise AccessDeniedError(f"{call}: nothing was recorded of held-out records")
        values = table[self._model_number][records.columns]
        asked = values[:, records.query] if table.ndim == 4 else values
        return np.asarray(asked, dtype=float) if call != "labels" else asked

    def labels(self, records: Any) -> np.ndarray:
        """Return the recorded label, or the most probable class."""
        said = self._answer("labels", records)
        return said.argmax(-1) if self._recorded.gives == "probabilities" else said.astype(np.int64)


def world_of(answers: Answers, access: frozenset[str], seed: int) -> World:
    """Return the world of recorded answers under a threat model; the attacked models are each other's shadows.

    As in a game, the model trained on exactly the records that a victim was not is none of its shadows.
    """
    releases = [RecordedRelease(f"recorded {model}", answers, model) for model in range(answers.models)]
    shadows, fewest = [], []
    for victim in range(answers.attacked):
        others = _others(answers.membership, victim)
        members = answers.membership[others]
        members.setflags(write=False)
        shadows.append((tuple(releases[other].restricted(access) for other in others), members))
        fewest.append((int(members.sum(0).min()), int((~members).sum(0).min())) if len(others) else (0, 0))
    with_point, without = (min(side) for side in zip(*fewest, strict=True))
    knowledge = Knowledge(
        auxiliary=answers.held_out.take(np.arange(0)),
        population=answers.held_out,
        public=answers.held_out.take(np.arange(0)),
        challenge=answers.challenge,
        recipe=cast(Recipe, None),  # nobody repeats what is not known: such attacks are refused before
        owner=cast(Owner, None),
        seed=seed,
        victims=answers.attacked,
        shadow_models=answers.models - answers.attacked,
        fewest=(with_point, without),
    )
    victims = tuple(release.restricted(access) for release in releases[: answers.attacked])
    return World(victims, knowledge, tuple(shadows))


def answers_of(game: Game) -> Answers:
    """Return what all classifiers of a game answer about its points and its population, without any defence undone.

    Raises InputError where the models answer with no probabilities of the points' own classes.
    """
    points, population = game.knowledge.challenge, game.pools.population
    if not game.recipe.supervised or game.recipe.start is not None or getattr(points, "classes", ()) == ():
        raise InputError("report.answers", "true", "keeps class probabilities, and these models answer with none")
    releases = [release.restricted(frozenset({"probabilities"})) for release in game.every_release()]
    asked = np.stack([release.probabilities(points) for release in releases])
    held = np.stack([release.probabilities(population) for release in releases]) if len(population) else None
    return Answers(
        "probabilities",
        asked,
        game.membership_of_all(),
        game.pools.source,
        labels=points.labels,
        classes=points.classes,
        population=held,
        population_labels=population.labels if len(population) else None,
        ids=getattr(points, "ids", None),
        victims=game.victims,
        split=RANDOM,
    )


def _others(membership: np.ndarray, victim: int) -> list[int]:
    complement = (membership == ~membership[victim]).all(1)
    return [model for model in range(len(membership)) if model != victim and not complement[model]]


def _no_network() -> Any:
    raise AccessDeniedError("only answers of this model are known")


def _require_answers(of: Answers, field: str, answers: np.ndarray, labels: np.ndarray | None) -> None:
    last = {"probabilities": ", classes", "embeddings": ", width"}.get(of.gives, "")
    dimensions, shape = ((3, 4) if last else (2,)), f"(models, points{last})"
    if answers.ndim not in dimensions or not answers.size:
        raise _misfit(field, answers.shape, f"{shape} for gives={of.gives}")
    if len(answers) != len(of.answers):
        raise _misfit(field, answers.shape, f"answers of {counted(len(of.answers), 'model')}")
    if answers.dtype.kind not in "fiub":
        raise InputError(f"scores.{field}", answers.dtype, "expected numbers")
    bad = ~np.isfinite(answers).reshape(*answers.shape[:2], -1).all(-1)
    if bad.any():
        model, point = np.argwhere(bad)[0]
        raise InputError(f"scores.{field}", of.source, f"of model {model}, point {point} is not a finite number")
    if of.gives == "labels" and (answers != np.rint(answers)).any():
        model, point = np.argwhere(answers != np.rint(answers))[0]
        shown = f"of model {model}, point {point} is {answers[model, point]:g}; expected classes, whole numbers"
        raise InputError(f"scores.{field}", of.source, shown)
    if labels is not None and labels.shape != answers.shape[1:2]:
        raise _misfit("labels" if field == "answers" else f"{field}_labels", labels.shape, f"({answers.shape[1]},)")
    if of.gives == "probabilities":
        _require_probabilities(of, field, answers, labels)


def _require_of_points(of: Answers) -> None:
    """Require as many names, groups and features as points; features are finite where a detector reads them."""
    held = 0 if of.population is None else of.population.shape[1]
    if held and of.features is not None and of.population_features is not None:
        wide, found = np.shape(of.features)[1:], np.shape(of.population_features)
        if found[1:] != wide:
            raise _misfit("population_features", found, "an array as wide as features")
    for name, number, axes in (
        *(("ids", of.points, 1), ("groups", of.points, 1)),
        *(("features", of.points, 2), ("population_features", held, 2)),
    ):
        array = getattr(of, name)
        if array is None:
            continue
        if np.shape(array)[:1] != (number,) or np.ndim(array) != axes:
            raise _misfit(name, np.shape(array), f"({number},{' width' if axes == 2 else ''})")
        if axes == 2 and of.split != RANDOM and not (finite := np.isfinite(array).all(1)).all():
            raise InputError(f"scores.{name}", of.source, f"of point {np.argmin(finite)} are not all finite numbers")


def _require_probabilities(of: Answers, field: str, answers: np.ndarray, labels: np.ndarray | None) -> None:
    off = (answers < 0) | (answers > 1 + OFF)
    wrong = off.any(-1) | (np.abs(answers.sum(-1) - 1) > OFF)
    if wrong.any():
        place = tuple(int(at) for at in np.argwhere(wrong)[0])
        shown = np.array2string(answers[place], precision=3, threshold=6)
        expected = f"of model {place[0]}, point {place[1]} are {shown}, no probabilities that sum to 1"
        raise InputError(f"scores.{field}", of.source, expected)
    classes = answers.shape[-1]
    if labels is not None and len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        expected = f"labels run from {labels.min()} to {labels.max()}, but answers are of "
        raise InputError("scores.labels", of.source, expected + counted(classes, "class", "classes"))


def _misfit(field: str, shape: tuple[int, ...], expected: str) -> InputError:
    return InputError(f"scores.{field}", f"an array {shape}", f"expected {expected}")
