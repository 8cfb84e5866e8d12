"""Plan a command from a test, in this process, and read what it said."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from telltale.planning import rehearse
from telltale.planning.cost import JobCost
from telltale.planning.ledger import TRAINED
from tests.experiment.commands import Ended, command


def plan(*words: str) -> tuple[JobCost, Ended]:
    """Plan one command; returns what it would take, and how the command ended."""
    costs: list[JobCost] = []
    print_job = rehearse.print_job

    def show(cost: JobCost) -> None:
        costs.append(cost)
        print_job(cost)

    with mock.patch.object(rehearse, "print_job", show):
        ended = command(*words, "plan=true")
    assert ended.code == 0, ended.err
    return costs[0], ended


def to_train(cost: JobCost) -> set[tuple[str, str]]:
    """Return kind and key of the models that a job would train."""
    return {(entry.kind, entry.key) for entry in cost.made if entry.kind in TRAINED}


def trained(store: Path) -> set[tuple[str, str]]:
    """Return kind and key of the models that a store has."""
    return {(kind, folder.name) for kind in TRAINED for folder in (store / kind).glob("*")}
