"""Digits do not depend on how many threads a machine has."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from telltale.owner.preparation import initial_objective
from telltale.owner.untrained import estimate_statistics
from tests.experiment.commands import ROOT
from tests.training.small import model_of, molecules, objective_of, same

# nothing but the products is asked of a worker: to ask torch for more would tell OpenMP of one thread there
CODE = """
import torch
from hashlib import blake2b
from telltale.threads import one_thread_each

random = torch.Generator().manual_seed(0)
rows, weights = torch.rand(200, 784, generator=random), torch.rand(128, 784, generator=random) - 0.5
bias = torch.ones(128)

def answer(_=0):
    return blake2b(torch.nn.functional.linear(rows, weights, bias).numpy().tobytes(), digest_size=8).hexdigest()

with one_thread_each() as pool:
    answers = set(pool.map(answer, range(4)))
after = torch.get_num_threads()
torch.set_num_threads(1)
print(after, *answers, answer())
"""


def test_workers_compute_on_one_thread_each() -> None:
    """Catches workers that take two threads each, since what their opener sets holds for it alone."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT / "src")}
    environment.pop("MKL_NUM_THREADS", None)
    command = [sys.executable, "-c", CODE]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert len(said) == 3 and said[0] == "2" and said[1] == said[2]


def test_an_untrained_networks_statistics_are_the_same_on_any_number_of_threads() -> None:
    """Catches a control whose weights depend on how many cores a machine has, under one key of the store."""
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            objective = initial_objective(model_of(width=128, layers=3), objective_of(), 0)
            estimate_statistics(objective.model, molecules(300), 100, 0)
            found.append(objective.state_dict())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert same(*found)
