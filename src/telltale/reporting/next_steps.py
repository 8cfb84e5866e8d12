"""What to type next: one command to know better, one to try a defence, with what is known of its cost."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale.evaluation.answer import CANNOT_TELL
from telltale.writing import escaped_throughout

NON_MEMBERS = 1000  # of which 1 % are ten
ENOUGH = 10  # models with which LiRA has four shadows a side
ACCURACIES = ("accuracy", "balanced_accuracy")  # by which cost is told; of other objectives the first of its own
RUNS_READ = 200  # newest first, when a defended twin of this run is looked for
BESIDE = ("defense", "logger", "paths", "report", "verbose", "executor", "trust", "sweep")  # may differ between twins
BY_OBJECTIVE = {
    "captioning": ("defense=label_smoothing",),
    "captioning_from_scratch": ("defense=label_smoothing",),
    "classification": ("defense=relaxloss",),
    "language_modeling": ("defense=dp_sgd",),
    "regression": ("defense=weight_decay",),
    "transfer": ("defense=dp_sgd", "defense.on=first"),
    "transfer_texts": ("defense=dp_sgd", "defense.on=first"),
}
WITH_RIVALS = ("lira", "rmia", "base", "threshold", "shadow_classifier")  # whose scores others' can stand beside
WITHOUT_BATCH_STATISTICS = ("mlp", "linear")  # networks that DP-SGD takes as they are
ON_TWINS = ("NearestSynthetic", "OwnReconstruction")  # attacks that need synthetic twins to be there


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


def command(words: Sequence[str], changes: Sequence[str], typed: Sequence[str] = ()) -> str:
    """Return a command line with some words changed or added; where a run lies is left out.

    words: without the program and its flags; typed: with them, of which program and --config-dir stay.

    >>> command(["attack=lira", "scale=smoke", "hydra.run.dir=x"], ["victims=64"])
    'python -m src.run attack=lira scale=smoke victims=64'
    """
    changed = {change.partition("=")[0] for change in changes}
    under = (*(f"{name}." for name in changed), "hydra.", "sweep.")  # options of what is gone
    names = [word.partition("=")[0].lstrip("+~") for word in words]
    kept = [word for word, name in zip(words, names, strict=True) if name not in changed and not name.startswith(under)]
    sweep = ["-m"] if any("," in change for change in changes) else []
    return shlex.join([*program(typed).split(), *_folder(typed), *sweep, *kept, *changes])


def program(typed: Sequence[str]) -> str:
    """Return how this program was started, as one types it; typed: sys.argv.

    >>> program(["/usr/bin/telltale"]), program(["/packages/telltale/__main__.py"]), program(["/checkout/src/run.py"])
    ('telltale', 'python -m telltale', 'python -m src.run')
    """
    started = Path(typed[0]) if typed else Path()
    if started.stem == "telltale":
        return "telltale"
    return "python -m telltale" if started.parts[-2:] == ("telltale", "__main__.py") else "python -m src.run"


def _folder(typed: Sequence[str]) -> list[str]:
    """Return the flag that names a folder of the user's own words, where one was given."""
    for place, word in enumerate(typed):
        flag, _, value = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            return ["--config-dir", value or typed[place + 1]]
    return []


def to_know_better(
    kind: str,
    models: int | None,
    more_points: bool,
    cfg: Mapping[str, Any],
    choices: Mapping[str, Any],
    available: int,
    evidence: str = "",
) -> tuple[str, ...]:
    """Return the words that change: a larger scale, controls, more points, models or attacks, or other draws.

    models: victims that would tell, where that is known; more_points: 1 % false alarms could not be measured;
    available: records there are; evidence: the name of its class, some of which say nothing without controls.
    """
    more = _controls_for(evidence, cfg) if kind == CANNOT_TELL else []
    if kind == CANNOT_TELL and choices.get("scale") == "smoke":
        return ("scale=small", *more)
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
    if choices.get("rivals") == "none" and choices.get("attack") in WITH_RIVALS:
        others = "rivals=transfer" if choices.get("objective") == "transfer" else "rivals=membership"
        few = int(cfg.get("victims", 1)) + int(cfg.get("shadow_models", 0)) < ENOUGH
        return (others, *([f"victims={ENOUGH}"] if few else []))
    return ("seed=0,1,2",)


def _controls_for(evidence: str, cfg: Mapping[str, Any]) -> list[str]:
    controls = cfg.get("controls") or {}
    if evidence == "ExtractedMolecules" and "disjoint" not in controls:
        return ["controls=pretraining"]
    return ["controls=benign"] if evidence == "ReconstructedRecords" and not controls else []


def defense_for(evidence: str, choices: Mapping[str, Any], cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words of a defence that fits what is attacked, or of none where there is one already."""
    if str(choices.get("defense", "none")) != "none":
        return _without_defense(choices, cfg)
    objective, model = str(choices.get("objective")), str(choices.get("model"))
    if evidence == "ReconstructedRecords":
        return ("defense=quantization",)
    if objective == "transfer":
        pretraining = str(cfg.get("objective", {}).get("pretraining", {}).get("_target_", "Classification"))
        by_batch = cfg.get("model", {}).get("norm") == "batch"
        if by_batch or not pretraining.endswith("Classification"):  # nothing to clip there, record by record
            return ("defense=output_noise",)
    if objective == "classification" and model in WITHOUT_BATCH_STATISTICS:
        return ("defense=dp_sgd",)
    return BY_OBJECTIVE.get(objective, ("defense=output_noise",))


def _without_defense(choices: Mapping[str, Any], cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """Return words that take the defence away; what is attacked on twins keeps them, and loses their noise alone."""
    if choices.get("attack") != "nearest_synthetic":
        rivals = (str(rival.get("_target_", "")).rpartition(".")[2] for rival in cfg.get("rivals", {}).values())
        return ("defense=none", *(["rivals=membership"] if any(name in ON_TWINS for name in rivals) else []))
    mechanism = cfg.get("defense", {}).get("mechanism", {})
    if mechanism.get("name") in ("clip", "none"):
        return ("defense.mechanism.name=laplace_l2", "defense.mechanism.epsilon=1")
    if mechanism.get("epsilon") == math.inf:
        return ("defense.mechanism.epsilon=1",)
    return ("defense.mechanism.epsilon=inf", *(["defense.budget=null"] if cfg["defense"].get("budget") else []))


def twins(folder: Path, configuration: Mapping[str, Any], outputs: Path) -> Iterator[Twin]:
    """Yield finished runs beside this one, newest first, that differ in their defence alone.

    folder: of this run; configuration: its own, resolved; outputs: the folder of runs and sweeps.
    """
    places = {*folder.parent.glob("*/metrics.json"), *outputs.glob("runs/*/*/metrics.json")}
    places |= {*outputs.glob("sweeps/*/*/*/metrics.json"), *outputs.glob("sweeps/*/*/metrics.json")}
    files = sorted((file for file in places if file.parent != folder), key=lambda file: -file.stat().st_mtime)
    mine = _comparable(configuration)
    for file in files[:RUNS_READ]:
        try:
            run, found = (_document(file.parent / name) for name in ("run.json", "metrics.json"))
            word = str(run["words"]["defense"])
            if run["status"] == "finished" and _comparable(_read(file.parent / "config.yaml")) == mine:
                yield Twin(word, str(found["answer"]["kind"]), found["target"])
        except (OSError, ValueError, KeyError, TypeError):  # a run of another version, or half a folder
            continue


def _document(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _read(file: Path) -> dict[str, Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, in C
    try:
        return dict(yaml.load(file.read_text(encoding="utf-8"), Loader=loader))
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is no YAML file") from error


def _comparable(configuration: Mapping[str, Any]) -> str:
    compared = {k: v for k, v in configuration.items() if k not in BESIDE}
    return json.dumps(escaped_throughout(compared), sort_keys=True, default=str)


def cost(here: Mapping[str, float], twin: Twin | None, word: str) -> str:
    """Say what a defence costs in accuracy where a twin has measured it, else what it is to be compared with."""
    named = (name for name in here if name.endswith("accuracy") and not name.startswith("train"))
    name = next((name for name in ACCURACIES if name in here), next(named, ""))
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
    typed: Sequence[str],
    cfg: Mapping[str, Any],
    choices: Mapping[str, Any],
    folder: Path,
    available: int,
) -> list[Step]:
    """Return one command to know better and one to try a defence, or to see what the one there is costs.

    evidence: the name of its class; success: how well the model does its own task; words, typed: as in `command`;
    folder: of this run; the rest as in `to_know_better`.
    """
    better = to_know_better(kind, models, more_points, cfg, choices, available, evidence)
    words = [word for word in words if word not in ("-m", "--multirun")]
    found = [Step("to know better", command(words, better, typed))]
    defended = defense_for(evidence, choices, cfg)
    word = defended[0].partition("=")[2]
    outputs = Path(str(cfg.get("paths", {}).get("outputs", folder.parent)))
    twin = next((twin for twin in twins(folder, cfg, outputs) if twin.defense == word), None)
    bare = str(choices.get("defense", "none")) == "none"
    why = "to try a defence" if bare else "to see what the defence does"
    return [*found, Step(why, command(words, defended, typed), cost(success, twin, word))]
