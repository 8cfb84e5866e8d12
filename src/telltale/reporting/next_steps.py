"""What to type next: one command to know better, one to try a defence, with what is known of its cost."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale.evaluation.answer import CANNOT_TELL

NON_MEMBERS = 1000  # of which 1 % are ten
RUNS_READ = 200  # newest first, when a defended twin of this run is looked for
BESIDE = ("defense", "logger", "paths", "report", "verbose", "executor")  # what may differ between twins
BY_OBJECTIVE = {
    "captioning": ("defense=label_smoothing",),
    "classification": ("defense=relaxloss",),
    "transfer": ("defense=dp_sgd", "defense.on=first"),
}
WITH_RIVALS = ("lira", "rmia", "threshold", "shadow_classifier")  # whose scores others' can stand beside
WITHOUT_BATCH_STATISTICS = ("mlp", "linear")  # networks that DP-SGD takes as they are


@dataclass(frozen=True)
class Step:
    """What to type next.

    why      one does it
    command  to type
    remark   what is known of it already; empty: nothing
    """

    why: str
    command: str
    remark: str = ""


@dataclass(frozen=True)
class Twin:
    """A finished run that differs in its defence alone: its word, what it answered, and how good the model was."""

    defense: str
    answer: str
    success: Mapping[str, float]


def command(words: Sequence[str], changes: Sequence[str], program: str = "") -> str:
    """Return a command line with some words changed or added; where a run lies is left out.

    >>> command(["attack=lira", "scale=smoke", "hydra.run.dir=x"], ["victims=64"])
    'python -m src.run attack=lira scale=smoke victims=64'
    """
    start = "telltale" if Path(program).stem == "telltale" else "python -m src.run"
    changed = {change.partition("=")[0] for change in changes}
    if "defense" in changed:
        changed |= {word.partition("=")[0] for word in words if word.startswith("defense.")}
    kept = [word for word in words if word.partition("=")[0].lstrip("+~") not in changed]
    sweep = ["-m"] if any("," in change for change in changes) else []
    return shlex.join(
        [*shlex.split(start), *sweep, *(word for word in kept if not word.startswith("hydra.")), *changes]
    )


def to_know_better(
    kind: str, models: int | None, more_points: bool, cfg: Mapping[str, Any], choices: Mapping[str, Any], available: int
) -> tuple[str, ...]:
    """Return the words that change: a larger scale, more points, more models, more attacks, or other draws.

    models: victims that would tell, where that is known; more_points: 1 % false alarms could not be measured;
    available: records there are.
    """
    if kind == CANNOT_TELL and choices.get("scale") == "smoke":
        return ("scale=small",)
    more = []
    if kind == CANNOT_TELL and more_points:
        pools = {str(name): int(size) for name, size in cfg.get("pools", {}).items() if isinstance(size, int)}
        wanted = NON_MEMBERS if cfg.get("victims", 1) == 1 else NON_MEMBERS // 2  # several meet all points as both
        grown = [name for name in ("members", "non_members", "disjoint") if 0 < pools.get(name, 0) < wanted]
        if grown and sum(pools.values()) + sum(wanted - pools[name] for name in grown) <= available:
            more += [f"pools.{name}={wanted}" for name in grown]
    if kind == CANNOT_TELL and models and models > cfg.get("victims", 1):
        more += [f"victims={models}"]
    if more:
        return tuple(more)
    alone = choices.get("rivals") == "none" and choices.get("attack") in WITH_RIVALS
    return ("rivals=membership",) if alone else ("seed=0,1,2",)


def defense_for(kind_of_evidence: str, choices: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words of a defence that fits what is attacked, or of none where there is one already."""
    if str(choices.get("defense", "none")) != "none":
        return ("defense=none",)
    objective, model = str(choices.get("objective")), str(choices.get("model"))
    if kind_of_evidence == "ReconstructedRecords":
        return ("defense=quantization",)
    if objective == "classification" and model in WITHOUT_BATCH_STATISTICS:
        return ("defense=dp_sgd",)
    return BY_OBJECTIVE.get(objective, ("defense=output_noise",))


def twins(folder: Path, configuration: Mapping[str, Any], outputs: Path) -> Iterator[Twin]:
    """Yield finished runs beside this one, newest first, that differ in their defence alone.

    folder: of this run; configuration: its own, resolved; outputs: the folder of runs and sweeps.
    """
    places = {*folder.parent.glob("*/metrics.json"), *outputs.glob("runs/*/*/metrics.json")}
    places |= set(outputs.glob("sweeps/*/*/*/metrics.json"))
    files = sorted((file for file in places if file.parent != folder), key=lambda file: -file.stat().st_mtime)
    mine = _comparable(configuration)
    for file in files[:RUNS_READ]:
        try:
            run, found = (json.loads((file.parent / name).read_text()) for name in ("run.json", "metrics.json"))
            word = str(run["words"]["defense"])
            if run["status"] == "finished" and _comparable(_read(file.parent / "config.yaml")) == mine:
                yield Twin(word, str(found["answer"]["kind"]), found["target"])
        except (OSError, ValueError, KeyError, TypeError):  # a run of another version, or half a folder
            continue


def _read(file: Path) -> dict[str, Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, in C
    return dict(yaml.load(file.read_text(encoding="utf-8"), Loader=loader))


def _comparable(configuration: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in configuration.items() if k not in BESIDE}, sort_keys=True, default=str)


def cost(here: Mapping[str, float], twin: Twin | None, word: str) -> str:
    """Say what a defence costs in accuracy where a twin has measured it, else what it is to be compared with."""
    name = next((name for name in ("accuracy", "balanced_accuracy", "own_molecule_accuracy") if name in here), "")
    if twin is None:
        return f"its cost is not measured yet; {name.replace('_', ' ')} is {here[name]:.3f} here" if name else ""
    said = f"measured: {twin.answer}"
    if name and name in twin.success:
        said += f", {name.replace('_', ' ')} {here[name]:.3f} here, {twin.success[name]:.3f} with {word}"
    return said


def steps(
    kind: str,
    models: int | None,
    more_points: bool,
    *,
    evidence: str,
    success: Mapping[str, float],
    words: Sequence[str],
    program: str,
    cfg: Mapping[str, Any],
    choices: Mapping[str, Any],
    folder: Path,
    available: int,
) -> list[Step]:
    """Return one command to know better and one to try a defence, or to see what the one there is costs.

    evidence: the name of its class; success: how well the model does its own task; words, program: of the command line;
    folder: of this run; the rest as in `to_know_better`.
    """
    better = to_know_better(kind, models, more_points, cfg, choices, available)
    words = [word for word in words if word not in ("-m", "--multirun")]
    found = [Step("to know better", command(words, better, program))]
    defended = defense_for(evidence, choices)
    word = defended[0].partition("=")[2]
    outputs = Path(str(cfg.get("paths", {}).get("outputs", folder.parent)))
    twin = next((twin for twin in twins(folder, cfg, outputs) if twin.defense == word), None)
    why = "to see what the defence does" if word == "none" else "to try a defence"
    return [*found, Step(why, command(words, defended, program), cost(success, twin, word))]
