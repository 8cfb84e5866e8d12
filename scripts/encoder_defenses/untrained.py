"""What linear probes reach on encoders that were never trained: use that no training paid for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hydra.core.hydra_config import HydraConfig

from scripts.encoder_defenses.rows import ROWS, code_of, words_of
from telltale.configuration.assembly import assemble
from telltale.configuration.parsed import composed
from telltale.data.seeds import derive
from telltale.game.probing import PROBED, measured
from telltale.papers.results import Measured
from telltale.reporting.metrics_file import write_json


def untrained_probes(objective: str, scale: str, tasks: Path | None, folder: Path) -> dict[str, Measured]:
    """Return the probes' AUC by task, of the encoders of an objective's rows as they begin; found again in `folder`."""
    row = next(row for row in ROWS if row.objective == objective)
    file, words = folder / f"untrained-{objective.replace(' ', '_')}.json", words_of(row, "membership", scale, tasks)
    made_by = {"words": list(words), "code": code_of(row)}
    document = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if document.get("made_by") != made_by:
        document = {"made_by": made_by, "figures": _measured(words)}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, document)
    return tasks_of(document["figures"])


def tasks_of(figures: Mapping[str, float]) -> dict[str, Measured]:
    """Read the probes among a run's figures: name of the task -> AUC with its interval over splits."""
    names = [name for name in figures if name.startswith("probe_auc_") and not name.endswith(("_low", "_high"))]
    return {
        name.removeprefix("probe_auc_"): Measured(figures[name], figures[f"{name}_low"], figures[f"{name}_high"])
        for name in names
    }


def _measured(words: tuple[str, ...]) -> dict[str, float]:
    with TemporaryDirectory() as folder, composed(words, Path(folder)) as (cfg, _):
        plan = assemble(cfg, HydraConfig.get().runtime.choices, Path(folder), lambda *_: None)
        seeds = [derive(plan.seed, "control/untrained", victim) for victim in range(PROBED)]
        names = [f"untrained control {victim}" for victim in range(PROBED)]
        releases = plan.owner.untrained_many(plan.game.recipe, plan.pools.auxiliary, seeds, names)
        return measured(plan.probes, releases)
