"""What it takes to score two-step molecules and publish the best 200: Molextract's Table 3."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from telltale.papers.grid_view import markdown

MOLECULES, PUBLISHED, AUXILIARY = 5_000, 200, 2_000
RINGS, MOTIFS, LARGEST = 24, 80, 10
ENCODER = {"_target_": "telltale.models.gin.GIN", "layers": 3, "width": 128}
OBJECTIVE = {
    "_target_": "telltale.objectives.graphcl.GraphCL",
    **{"epochs": 1, "batch_size": 128, "learning_rate": 0.001},
}
CALLED = {"qed": "QED", "sa": "synthetic accessibility", "mlp": "MLP", "ours": "Molextract (Eq. 2)"}


def measure(molecules: int = MOLECULES, published: int = PUBLISHED, auxiliary: int = AUXILIARY) -> dict[str, Any]:
    """Return processor seconds of growth and of each ranking's scores, queries and learning included.

    The encoder has its initial weights, as no time depends on what it has learned; each ranking asks one that remembers
    no answer.
    """
    from telltale.attacks.molextract.auxiliary import AuxiliaryPool
    from telltale.attacks.molextract.candidates import VocabularyOptions
    from telltale.attacks.molextract.growth.grower import Grower
    from telltale.attacks.molextract.growth.pool import GrownPool
    from telltale.attacks.molextract.growth.search import SearchOptions
    from telltale.attacks.molextract.ranking import Context, ListSizes
    from telltale.attacks.molextract.rivals import RIVALS
    from telltale.attacks.molextract.scorers import ScorerOptions
    from telltale.data.molecules import moses
    from telltale.data.molecules.records import MoleculeRecords
    from telltale.game.world import Knowledge, World
    from telltale.owner.owner import Owner
    from telltale.owner.recipe import Recipe
    from telltale.owner.release import Release
    from telltale.store.store import Store
    from telltale.training.trainer import TrainerOptions

    own = MoleculeRecords(moses.load().records.smiles[:auxiliary], "MOSES")
    one_step = AuxiliaryPool(VocabularyOptions(RINGS, MOTIFS, LARGEST), "own")
    one_step.of(own)  # the attacker's rings and motifs, before anything is grown
    search = SearchOptions("enumerate", steps=2, most=molecules)
    pool = GrownPool(one_step, search)
    growing = _processor(lambda: pool.of(own))
    candidates = pool.of(own)
    grower = Grower(pool, search, "paper", ScorerOptions(), ListSizes((published,)))
    recipe = Recipe(ENCODER, OBJECTIVE, TrainerOptions(accelerator="cpu"))

    def ranked(name: str, release: Release, owner: Owner) -> None:
        if name == "ours":
            knowledge = Knowledge(own, own, own, own, recipe, owner, 0)
            grower.run(World((release,), knowledge, ()))
        else:
            np.argsort(-RIVALS[name](Context(candidates, release, 0)), kind="stable")

    seconds, queries = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in CALLED:
            owner = Owner(Store(Path(folder) / name))
            (release,) = owner.untrained_many(recipe, own.take(np.arange(100)), [0], [name])
            seconds[name] = _processor(partial(ranked, name, release, owner))
            queries[name] = release.queries.total()
    sizes = {"molecules": len(candidates), "published": published}
    return {**sizes, "growing": growing, "scores": seconds, "queries": queries}


def section() -> str:
    """Write the section."""
    measured = measure()
    growing, queries = measured["growing"], measured["queries"]
    rows = [
        [CALLED[name], f"{seconds:.1f} s", f"{seconds + growing:.1f} s", f"{queries[name]:,}"]
        for name, seconds in measured["scores"].items()
    ]
    text = (
        f"Of {measured['molecules']:,} molecules that two joins make, the best {measured['published']}; GraphCL's "
        f"encoder, 3 × 128. Growing them takes {growing:.1f} s; processor time, learning and queries included. No "
        "claim is decided by seconds."
    )
    head = ["ranked by", "scores", "with growth", "queries"]
    return f"## Molextract's rankings\n\n{text}\n\n{markdown([head, *rows])}\n"


def _processor(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
