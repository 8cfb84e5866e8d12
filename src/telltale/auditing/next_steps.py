"""What to type after an audit or after scores: one command to know better, and one to try a defence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telltale.game.answers import Answers
from telltale.reporting.next_steps import NON_MEMBERS, Step, command

BETTER, DEFENCE = "to know better", "to try a defence"
POPULATION = "population"
LEAST = 0.1  # share of the held-out records that attackers still know, where more are judged
PARTS = 6  # pools into which a recipe's records are dealt: members, others, the attacker's, population, control, test
ENOUGH = 6000  # records for which these have their usual sizes
MODELS = {"smiles": "gin"}  # network of a recipe by data set; of others, and of fingerprints, an MLP
DEFENCES = {"gin": "relaxloss", "mlp": "dp_sgd"}
BY_THE_ATTACK = ("attack", "pools", "controls", "defense", "victims", "shadow_models")  # which an audit has not
ON_DIGITS = ("attack=lira", "dataset=digits", "defense=dp_sgd")


@dataclass(frozen=True)
class Typed:
    """A command and what it was composed to.

    words, the whole line, choice by group, the composed configuration; available: different records that a recipe of
    ours would find in the data set, None = as many as were asked about
    """

    words: Sequence[str]
    line: Sequence[str] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    cfg: Mapping[str, Any] = field(default_factory=dict)
    available: int | None = None


def after_audit(answers: Answers, typed: Typed) -> list[Step]:
    """Say what would tell more about a model that exists, and how a defended model of the same records is attacked.

    The second is a recipe of ours, as the user's own training cannot be changed from here; real values have none.
    """
    target = dict(typed.cfg.get("target") or {})
    changes, remark = _more(answers, target)
    steps = [Step(BETTER, command(typed.words, changes, typed.line), remark)]
    defended = _by_a_recipe(answers, typed)
    return [*steps, Step(DEFENCE, *defended)] if defended else steps


def _more(answers: Answers, target: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Return the words that change: shadow models, more held-out records to judge, or more shadow models."""
    if answers.models == 1:
        return ("target.train=train.py:fit",), "shadow models, by your own fit(records, seed) -> predict in train.py"
    judged = int((~answers.membership[0]).sum())
    if judged < NON_MEMBERS and float(target.get(POPULATION, 0)) > LEAST:
        return (f"target.{POPULATION}={LEAST}",), f"judges more of the held-out records than {judged:,}"
    if target.get("train") is not None or target.get("stand_in"):
        return (f"target.shadow_models={4 * int(target.get('shadow_models', 16))}",), "more shadow models"
    return ("seed=0,1,2",), "other draws of what is judged"


def _by_a_recipe(answers: Answers, typed: Typed) -> tuple[str, str] | None:
    """Return the command that trains and attacks a defended model of the same records, and its remark."""
    dataset, options = str(typed.choices.get("dataset", "")), typed.cfg.get("dataset") or {}
    model = "mlp" if options.get("view") == "morgan" else MODELS.get(dataset, "mlp")
    if not answers.classes and model not in MODELS.values():
        return None
    kept = [word for word in typed.words if word.lstrip("+~").startswith(("dataset", "seed", "logger", "trust"))]
    rows = answers.points + (0 if answers.population is None else answers.population.shape[1])
    rows = rows if typed.available is None else min(rows, typed.available)
    size = rows // PARTS
    small = (
        ()
        if rows >= ENOUGH
        else tuple(f"pools.{name}={size}" for name in ("members", "auxiliary", "population", "test"))
    )
    changes = (f"model={model}", f"defense={DEFENCES[model]}", *small)
    said = f"a recipe of ours on the same records; defense=none beside it says what {DEFENCES[model]} does"
    return command(["attack=lira", *kept], changes, typed.line), said


def after_extraction(known: bool, typed: Typed) -> list[Step]:
    """Say what would tell more of an encoder that exists, and how a defence of its answers is tried; known: members."""
    better = Step(
        BETTER,
        command(typed.words, ("dataset.members=COLUMN",), typed.line),
        "a column, or a file of ids, of what it was trained on: then the ranking is judged",
    )
    if known:
        kept = [word for word in typed.words if not word.lstrip("+~").startswith(BY_THE_ATTACK)]
        asked = command(["attack=audit", *kept], (), typed.line)
        better = Step(BETTER, asked, "asks about each molecule of yours itself")
    bare = str(typed.choices.get("defense", "none")) == "none"
    change, why = ("defense=output_noise", DEFENCE) if bare else ("defense=none", "to see what the defence does")
    return [better, Step(why, command(typed.words, (change,), typed.line))]


def after_scores(answers: Answers, typed: Typed) -> list[Step]:
    """Say what to hand over for a surer answer; a defence is shown on models of ours, as no recipe is known here."""
    if answers.gives == "scores":
        change, remark = (
            ("scores=answers.npz",),
            "what several models answered, and which was trained on what: docs/scores.md",
        )
        line = command(_unfiled(typed.words), change, typed.line)
    else:
        line = command(typed.words, (), typed.line)
        remark = (
            f"with {'more models' if answers.labels is not None else 'the true labels'} in the file: docs/scores.md"
        )
    on_ours = command(ON_DIGITS, (), typed.line)
    return [
        Step(BETTER, line, remark),
        Step(DEFENCE, on_ours, "on models of ours: the recipe of yours is not known here"),
    ]


def _unfiled(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("scores")]
