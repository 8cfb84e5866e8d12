"""What judging takes of what exists: a model that is audited, answers of a file.

Models of our recipes are rehearsed. A model of the user's on this machine is asked about two batches, an endpoint about
none, and training code of the user's is not run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig

from telltale.auditing.judging import Manner, concluded, play
from telltale.auditing.released import ask, training_of, with_shadows
from telltale.auditing.run import Audited, Scores, Subject
from telltale.data.given import taken
from telltale.data.seeds import generator
from telltale.game.answers import Answers
from telltale.planning.folder import RehearsedFolder
from telltale.planning.ledger import Ledger
from telltale.planning.owner import rehearsing_owner
from telltale.planning.store import RehearsalStore
from telltale.reporting.report import report
from telltale.store.store import Store
from telltale.targets.endpoint import HttpTarget
from telltale.targets.own_training import halves
from telltale.targets.shadows import Shadows, Table
from telltale.targets.target import Target, TrainingOptions
from telltale.training.rehearsal import NOTHING, Spent, now
from telltale.writing import counted

BATCHES = 2  # that a model is asked about; the second says what each other one takes
REPLICATES = (10, 60)  # of the bootstrap: what the difference takes is multiplied
Trains = Callable[[Table, str], Shadows]
WIDTH = 64  # of embeddings made up for an endpoint


@dataclass
class Given:
    """What a plan of such a run is made with.

    choices     the word of each group
    stored      returns the store of rehearsals over another, with which the job goes on
    startup     what it takes until a worker begins
    replicates  of the bootstrap, in the run
    queries     records that the model is asked about, by call
    told        what the plan does not know
    """

    cfg: DictConfig
    choices: dict[str, str]
    job: RehearsedFolder
    stored: Callable[[Store], RehearsalStore]
    startup: Spent
    replicates: int
    queries: Counter[str] = field(default_factory=Counter)
    told: tuple[str, ...] = ()

    def scores(self) -> None:
        """Rehearse a run that judges a file."""
        with self.job.stage("data"):
            scores = Scores.of(self.cfg)
        self.job.accept()
        self._judge(scores.answers, scores.attacks, scores.manner)

    def audit(self) -> None:
        """Rehearse an audit."""
        with self.job.stage("data"):
            audited = Audited.of(self.cfg, self.job.folder)
            target, stand_in = audited.target, audited.stand_in
            store = None if target.store is None else self.stored(target.store)
            target.store = store
            if stand_in is not None:
                owner = rehearsing_owner(stand_in.owner, self.stored(stand_in.owner.store), self.startup)
                stand_in = replace(stand_in, owner=owner)
        self.job.accept()
        with self.job.stage("asking"):
            rehearsed: Any = FewBatches(target, self.job.ledger, self.queries)
            asked = ask(rehearsed, audited.given, self.cfg.seed)
            train: Trains | None = None if stand_in is None else stand_in.shadows
            if training := training_of(target):
                lacking = training.lacking(asked.table, target.gives, target.batch_size, store)
                train = _made_up(asked.answers, training.models)
                whose = f"{lacking} of {counted(training.models, 'shadow model')} are to be trained by {training.name}"
                self.told += (f"{whose}, your code, which a plan does not run: their time and memory are in no line",)
            asked = with_shadows(rehearsed, asked, train)
        if rehearsed.unasked:
            sent = f"{counted(rehearsed.unasked, 'record')} are to be sent to {target.name}"
            self.told += (f"{sent}, which a plan does not ask: its time is in no line",)
        self._judge(asked.answers, audited.attacks, audited.manner)

    def _judge(self, answers: Answers, attacks: Any, manner: Manner) -> None:
        """Run all attacks once, and the evaluation on a few replicates; manner: of the plan, with few."""
        few, more = REPLICATES
        with self.job.stage("attack"):
            played = play(answers, attacks, manner)
            outcome = concluded(played, answers, manner)
        if self.replicates > more:
            times = []
            for number in (few, more):
                with self.job.ledger.frame() as frame:
                    played.scored(number, manner.seed)
                times.append(frame.expected)
            left_out = (self.replicates - more) / (more - few)
            self.job.ledger.add("attack", times[1].less(times[0]).times(left_out))
        choices = {**self.choices, "attack": outcome.attack}
        report(self.job, outcome, Subject.of(answers), choices, "a plan", show=False)


class FewBatches:
    """A target that is asked about a few batches, which stand for all; an endpoint only about what the store has."""

    def __init__(self, target: Target, ledger: Ledger, queries: Counter[str]) -> None:
        self._target, self._ledger, self._queries = target, ledger, queries
        self._said: list[np.ndarray] = []
        self._each = NOTHING  # what one record takes
        self.unasked = 0  # records
        self.training = TrainingOptions()  # the user's code is not run

    def __getattr__(self, name: str) -> Any:
        """Be the target in all else."""
        return getattr(self._target, name)

    def ask(self, inputs: Any, classes: tuple[str, ...] = (), ids: np.ndarray | None = None) -> np.ndarray:
        """Answer as `Target.ask`; what is left out of it is charged."""
        if isinstance(self._target, HttpTarget):
            self._target.check_budget(inputs)
        self._queries[self._target.gives] += len(inputs)
        size = self._target.batch_size
        batches = [np.arange(start, min(start + size, len(inputs))) for start in range(0, len(inputs), size)]
        return np.concatenate([self._batch(taken(inputs, rows), rows, classes, ids) for rows in batches])

    def _batch(self, inputs: Any, rows: np.ndarray, classes: tuple[str, ...], ids: np.ndarray | None) -> np.ndarray:
        remote = isinstance(self._target, HttpTarget) and self._target.kept(inputs) is None
        if remote:
            self.unasked += len(rows)
            return _answers(self._target.gives, len(rows), len(classes) or 2, self.unasked)
        if len(self._said) == BATCHES and not isinstance(self._target, HttpTarget):
            self._ledger.charge(self._each.times(len(rows)))
            said = self._said[-1]
            return said[generator(int(rows[0]), "made up").integers(len(said), size=len(rows))]
        began = now()
        said = self._target.ask(inputs, classes, rows if ids is None else ids[rows])
        self._each = now().less(began).times(1 / len(rows))
        self._said = [*self._said, said][-BATCHES:]
        return said

    def with_copies(self, said: np.ndarray, inputs: Any, ids: np.ndarray, copies: Any) -> np.ndarray:
        """Put answers about changed copies behind them, as `Target.with_copies`."""
        return Target.with_copies(self, said, inputs, ids, copies)  # type: ignore[arg-type]


def _answers(gives: str, records: int, classes: int, seed: int) -> np.ndarray:
    """Make up what an endpoint says that is not asked."""
    rng = generator(seed, "made up")
    if gives == "labels":
        return rng.integers(classes, size=records)
    if gives == "probabilities":
        return rng.dirichlet(np.ones(classes), size=records)
    return rng.normal(size=records if gives == "values" else (records, WIDTH))


def _made_up(answers: Answers, models: int) -> Trains:
    """Return what stands for models that the user's code trains: answers of the target, about other records."""

    def shadows(table: Table, gives: str) -> Shadows:
        said = answers.answers[0]
        held = said[:0] if answers.population is None else answers.population[0]
        mixed = [generator(model, "made up").permutation(len(said)) for model in range(models)]
        membership = halves(table.challenge, models, table.seed)
        named = [("target.train", f"model {model}") for model in range(models)]
        return Shadows.of([said[rows] for rows in mixed], [held] * models, membership, "made up", named)

    return shadows
