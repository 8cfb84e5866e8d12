"""Run folders as a run leaves them, made by hand: nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from telltale.auditing.judging import Manner, judged
from telltale.configuration.parsed import attacks_named
from telltale.game.answers import Answers
from telltale.reporting.membership_view import write
from telltale.reporting.metrics_file import metrics_document, write_estimates, write_json
from telltale.reporting.outcome import Outcome

POINTS = 200


def answers(seed: int = 0, models: int = 4) -> Answers:
    """Return probabilities of models that know their members a little, with a population."""
    rng = np.random.default_rng(seed)
    half = rng.random((models // 2, POINTS)) < 0.5
    member = np.concatenate([half, ~half])
    labels, held = rng.integers(0, 3, POINTS), rng.integers(0, 3, 50)
    return Answers(
        "probabilities",
        _softmax(rng.normal(size=(models, POINTS, 3)) + 2 * np.eye(3)[labels] * (1 + member[..., None])),
        member,
        "made by hand",
        labels=labels,
        population=_softmax(rng.normal(size=(models, 50, 3)) + 2 * np.eye(3)[held]),
        population_labels=held,
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))


def outcome_of(scores: np.ndarray, member: np.ndarray, seed: int = 0, ids: np.ndarray | None = None) -> Outcome:
    """Judge scores of one model."""
    given = Answers("scores", scores[None], member[None], "made by hand", ids=ids, split="random")
    return judged(given, attacks_named("scores"), Manner(seed, 100))


def leave(
    folder: Path,
    outcome: Outcome | None = None,
    *,
    status: str = "finished",
    attack: str = "lira",
    entries: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    **run: Any,
) -> Path:
    """Leave a run's folder; entries: None = it does not say what it needs."""
    folder.mkdir(parents=True)
    said = {} if entries is None else {"entries": entries}
    document = {"status": status, "words": {"attack": attack}, "overrides": [f"attack={attack}", "paths.outputs=x"]}
    (folder / "run.json").write_text(json.dumps(document | said | {"began": "2026-01-01T00:00:00"} | run))
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed": 0, "dataset": {"size": 1}} | dict(settings or {})))
    if outcome is not None:
        write(outcome.evidence["target"], outcome, folder)  # type: ignore[arg-type]
        write_estimates(outcome.scored.metrics, folder / "replicates.npz")
        write_json(folder / "metrics.json", metrics_document(outcome.scored.metrics["target"]))
    return folder
