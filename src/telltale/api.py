"""Telltale from Python: three questions and their answer. Nothing is printed, and nothing global is kept.

What a command line tells on the way goes to the logger "telltale", for who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telltale.auditing.arguments import column, joined, numbers, of_both, one_each, side
from telltale.auditing.judging import Manner, judged
from telltale.auditing.released import ask, with_shadows
from telltale.auditing.run import Subject
from telltale.auditing.sides import one_record_an_id
from telltale.configuration.parsed import attacks_named, composed, told_as_input
from telltale.data.given import Given, as_membership, classes_of, groups_of, names_of
from telltale.errors import InputError
from telltale.evaluation.answer import Standards
from telltale.evaluation.statistics import Estimate
from telltale.game.answers import RANDOM, UNKNOWN, Answers
from telltale.game.given_arrays import with_models
from telltale.progress import silently
from telltale.reporting.outcome import Outcome
from telltale.reporting.report import VIEWS
from telltale.reporting.summary import Heading, Summary
from telltale.writing import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FROM_PYTHON = "scores from Python"
HEADLINES = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "balanced_accuracy")


@dataclass(frozen=True)
class Result:
    """What was found: the answer, its numbers, and the records most exposed.

    summary: all of it in numbers and sentences; folder: where a run has left its report, None for what was asked from
    Python and not saved.
    """

    summary: Summary
    folder: Path | None = None

    @property
    def outcome(self) -> Outcome:
        """Return the evidence and its metrics."""
        assert self.summary.outcome is not None
        return self.summary.outcome

    @property
    def verdict(self) -> str:
        """Say "leaks", "no leak found" or "cannot tell"."""
        return self.summary.answer.kind if self.summary.answer else ""

    @property
    def sentence(self) -> str:
        """Return the answer as one sentence."""
        return self.summary.answer.sentence if self.summary.answer else ""

    @property
    def strongest(self) -> str:
        """Name the attack that shows the leak, or came nearest to showing one."""
        return self.summary.answer.attack if self.summary.answer else ""

    @property
    def auc(self) -> Estimate:
        """Return the AUC of the strongest attack; the answer corrects for having picked it, this interval does not."""
        metrics = self.outcome.titled(self.summary.evidence)
        return metrics[self.strongest if self.strongest in metrics else self.outcome.title]["auc"]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Return a row for each attack, rival and control, and its metrics with their intervals."""
        import pandas as pd

        rows = []
        for name, title in self.summary.titles.items():
            row: dict[str, Any] = {"name": title, "role": self.summary.roles[name]}
            for metric in HEADLINES:
                if metric in self.summary.evidence[name]:
                    estimate = self.summary.evidence[name][metric]
                    row |= {metric: estimate.value, f"{metric}_low": estimate.low, f"{metric}_high": estimate.high}
            rows.append(row)
        return pd.DataFrame(rows).set_index("name")

    @cached_property
    def exposed(self) -> pd.DataFrame:
        """Return the members of the first model, highest score of the strongest attack first, by their own names."""
        import pandas as pd

        outcome = self.outcome
        evidence = outcome.titled(outcome.present)
        guess = evidence[self.strongest if self.strongest in evidence else outcome.title]
        scores, members = np.asarray(guess.scores)[0], np.asarray(outcome.membership)[0]
        others = np.sort(scores[~members])
        rows = np.flatnonzero(members)[np.argsort(-scores[members], kind="stable")]
        above = (len(others) - np.searchsorted(others, scores[rows], side="left")) / max(len(others), 1)
        names = np.arange(len(scores)) if outcome.ids is None else outcome.ids
        return pd.DataFrame({"id": names[rows], "score": scores[rows], "non_members_above": above})

    def plot(self) -> Figure:
        """Draw the ROC curves of all evidence."""
        from telltale.evaluation.score import ScoredMembership
        from telltale.reporting import figures

        scored = self.outcome.scored
        if not isinstance(scored, ScoredMembership):
            raise TypeError("only membership has a ROC curve")
        return figures.roc_figure(self.outcome.titled(scored.roc), self.outcome.titled(self.outcome.roles))

    def save(self, folder: str | Path) -> Path:
        """Write report.html, metrics.json, evidence.npz and exposure.csv into a folder; returns the page."""
        from telltale.reporting.metrics_file import metrics_document, write_estimates, write_json
        from telltale.reporting.page import write_page

        place = Path(folder).expanduser()
        place.mkdir(parents=True, exist_ok=True)
        outcome = self.outcome
        target = outcome.evidence["target"]
        view = VIEWS[type(target)]
        view.write(target, outcome, place)
        (place / "figures").mkdir(exist_ok=True)
        drawn = view.draw(target, outcome, place / "figures")
        summary = replace(self.summary, report=place / "report.html")
        document = metrics_document(
            summary.target,
            controls=summary.metrics_of("control"),
            rivals=summary.metrics_of("rival"),
            leakage=summary.leakage,
            target=summary.owner,
            queries=summary.queries,
            costs=outcome.costs,
            answer=summary.answer,
        )
        write_json(place / "metrics.json", document)
        write_estimates(outcome.scored.metrics, place / "replicates.npz")
        return write_page(summary, place / "report.html", figures=drawn, gallery=view.gallery(target, outcome))

    def __repr__(self) -> str:
        """Return the answer."""
        return f"<telltale.Result {self.sentence}>"

    def _repr_html_(self) -> str:
        """Return the answer and its table, for a notebook."""
        from telltale.reporting.notebook import view

        return view(self.summary, HEADLINES)


@silently()
def score(
    scores: Any,
    membership: Any,
    *,
    labels: Any = None,
    gives: str = "scores",
    population: Any = None,
    population_labels: Any = None,
    ids: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    classes: Sequence[Any] = (),
    features: Any = None,
    random_split: bool = False,
    seed: int = 0,
    replicates: int = 1000,
) -> Result:
    """Judge scores of membership, or answers of several models.

    scores      (points,) or (models, points), higher = member; with gives=probabilities (models, points, classes), with
                gives=values (models, points)
    membership  (points,) or (models, points): 1 where the model was trained on the point
    labels      (points,) true classes or values, of which answers are read
    population  answers about held-out records of which the attacker knows that no model has them
    ids         what the records are called; groups: whose they are: drawn as one in intervals
    classes     their names in the order of the answers, where labels are names
    features    (points, width) the records as numbers, for a detector that never asks the model
    random_split  chance alone decided who was a member: then no detector is needed

    Raises telltale.errors.InputError for what does not fit together.
    """
    truth = as_membership("membership", np.asarray(membership), FROM_PYTHON)
    held = None if population is None else np.asarray(population)
    values, truth, held = with_models(gives, np.asarray(scores), truth, held)
    for argument, given in (("labels", labels), ("ids", ids), ("groups", groups)):
        one_each(argument, given, truth.shape[-1])
    answers = Answers(
        gives,
        values,
        truth,
        FROM_PYTHON,
        labels=None if labels is None else np.asarray(labels),
        classes=tuple(map(str, classes)),
        population=held,
        population_labels=None if population_labels is None else np.asarray(population_labels),
        ids=None if ids is None else column(ids).astype(str),
        groups=None if groups is None else groups_of(column(groups)),
        features=None if features is None else numbers("features", features),
        split=RANDOM if random_split else UNKNOWN,
    )
    answers, notes = one_record_an_id(answers)
    outcome = judged(answers, attacks_named("scores"), Manner(seed, replicates), notes=notes)
    return _result(outcome, Subject.of(answers), f"{gives} of {counted(answers.models, 'model')}")


@silently()
def audit(
    predict: Callable[[Any], Any],
    members: tuple[Any, Any],
    others: tuple[Any, Any],
    *,
    gives: str = "probabilities",
    ids: tuple[Sequence[Any], Sequence[Any]] | None = None,
    groups: tuple[Sequence[Any], Sequence[Any]] | None = None,
    random_split: bool = False,
    population: float = 0.3,
    train: Callable[[tuple[Any, Any], int], Callable[[Any], Any]] | None = None,
    shadows: int = 16,
    seed: int = 0,
    replicates: int = 1000,
    standards: Standards | None = None,
) -> Result:
    """Ask a model that exists whether it tells its training records from held-out ones.

    predict       records in, answers out: an array, a data frame or a list of SMILES, as in members[0]
    members       (X, y) that the model was trained on; y: classes or real values; None for embeddings
    others        (X, y) that it was not
    gives         what predict answers: probabilities | labels | values | embeddings
    ids, groups   names of the records, and whose they are: of the members, and of the others; names are by default the
                  index of data frames where it has them
    random_split  chance alone decided who was a member; else a detector that never asks the model stands beside
    population    share of the others set apart for the attacker to know; they are not judged
    train         fit(records, seed) -> predict, records = (inputs, labels): trains models like this one, on random
                  halves of the records judged, for attacks to compare it with; classes are numbers, in order of names
    shadows       how many, an even number

    Raises telltale.errors.InputError for answers that will not do, and what `predict` itself raises in one line.
    """
    from telltale.targets.function import FunctionTarget

    bare = gives == "embeddings"
    (x_in, y_in, number_in), (x_out, y_out, number_out) = side("members", members, bare), side("others", others, bare)
    if (y_in is None) != (y_out is None):
        raise InputError("others", "(X, y)", "labels on both sides, or None on both")
    named, whose = (of_both(*of, (number_in, number_out)) for of in (("ids", ids), ("groups", groups)))
    kind = "values" if gives == "values" else "auto"
    labels, classes = (None, ()) if y_in is None else classes_of(np.concatenate([y_in, y_out]), kind)
    inputs = joined(x_in, x_out)
    names = names_of(x_in, x_out) if named is None else np.asarray(named)
    given = Given(
        inputs,
        "records from Python",
        names.astype(str),
        labels,
        classes,
        None,
        None if whose is None else groups_of(whose),
    ).with_members(np.arange(number_in + number_out) < number_in)
    split = "random" if random_split else "unknown"
    target = FunctionTarget(predict, gives, population=population, split=split, train=train, shadow_models=shadows)
    asked = with_shadows(target, ask(target, given, seed))
    manner = Manner(seed, replicates, standards or Standards())
    outcome = judged(asked.answers, attacks_named("audit"), manner, success=asked.success, notes=asked.notes)
    return _result(outcome, Subject.of(asked.answers), f"audit of {target.name}, which gives {gives}")


@silently()
def run(*words: str, folder: str | Path | None = None) -> Result:
    """Play a command line: telltale.run("attack=lira", "dataset=digits", "scale=smoke").

    folder: where the run is left; None = a new one under paths.outputs. Raises InputError for bad words.
    """
    from telltale.experiment import play

    with composed(words, folder) as (cfg, place), told_as_input(words):
        return Result(play(cfg, show=False), place)


def _result(outcome: Outcome, subject: Subject, what: str) -> Result:
    from telltale.reporting.answering import spoken

    reading = VIEWS[type(outcome.evidence["target"])].reading(outcome.evidence["target"])
    words = dict.fromkeys(("model", "objective", "defense", "scale"), "none") | {"attack": outcome.attack}
    heading = Heading.of(words, subject, reading.sizes, what)
    summary = Summary.of(outcome, heading, reading, {}, Path("report.html"), spoken(outcome))
    return Result(replace(summary, outcome=outcome))
