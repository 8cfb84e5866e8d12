"""Show that a change which should change no number changed none: play every attack, defence and paper, and compare.

python -m scripts.same_numbers record FOLDER [--only WORD …] [--jobs 2]    before the change
python -m scripts.same_numbers compare FOLDER    after it: plays what was recorded and prints what differs; exit code 1
    if anything does

Runs are at `scale=smoke`, on one thread of a CPU, from empty stores: one store for the attacks, one for the defences,
one a paper, and the runs of a store one after the other, so that what a run finds there is always the same. Kept are,
of each run, digests of its weights, the content of its evidence, and its metrics less all that a clock measured.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scripts.ending import exit_code
from scripts.jobs import ROOT, command, environment
from scripts.needs import unmet
from telltale.errors import InputError
from telltale.writing import write_text

RECORDED = "recorded.json"  # the runs of a recording, by title
ALWAYS = ("scale=smoke", "logger=none", "trainer=cpu", "evaluation.replicates=100", "executor.way=auto")
# what fits what; any other attack needs no word beside its own
WITH_ATTACK = {
    "nearest_synthetic": ("defense=vae_metric_privacy",),
    "canary_audit": ("defense=dp_sgd",),
}
WITH_DEFENSE = {
    "output_noise": ("attack=embedding_membership",),
    "query_limit": ("attack=embedding_membership",),
    "top_dimensions": ("attack=embedding_membership",),
    "torchao": ("attack=quantized_encoding",),
}
WITHOUT_OWN_WORDS = ("attack=threshold", "rivals=none")  # what every other defence is played under
CLOCKS = {"seconds", "costs"}  # of metrics.json
ON_WHAT_EXISTS = ("audit", "scores")  # attacks on a model or answers that a user brings: nothing of ours to play
LEFT_OUT = {"torchao": "the extra `quant` is not installed"}


@dataclass(frozen=True)
class Job:
    """One run: the group, whose runs share a store, and its words."""

    group: str
    name: str
    words: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name the run among all."""
        return f"{self.group}/{self.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Record or compare; returns 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("record", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="record attacks, defenses, papers by name, or group/run")
    parser.add_argument("--jobs", type=int, default=2, help="groups at a time")
    options = parser.parse_args(arguments)
    if options.verb == "record":
        jobs = chosen(options.only)
        options.folder.mkdir(parents=True, exist_ok=True)
        write_text(options.folder / RECORDED, json.dumps([job.title for job in jobs]))
        play(jobs, options.folder, options.jobs)
        return 0
    if options.only:
        raise InputError("--only", options.only[0], "nothing with compare, which plays what was recorded")
    jobs = recorded_in(options.folder)
    with tempfile.TemporaryDirectory() as again:
        play([job for job in jobs if job.words], Path(again), options.jobs)
        return compare(jobs, options.folder, Path(again))


def chosen(only: Sequence[str]) -> list[Job]:
    """Return the runs of these groups, or these runs; all where none is named. InputError for a name that is none."""
    jobs = all_jobs()
    known = {name for job in jobs for name in (job.group, job.title)}
    if unknown := [name for name in only if name not in known]:
        raise InputError("--only", unknown[0], f"one of {', '.join(sorted({job.group for job in jobs}))}, or group/run")
    return [job for job in jobs if not only or {job.group, job.title} & {*only}]


def recorded_in(folder: Path) -> list[Job]:
    """Return the runs that were to be recorded; one that is no more has no words, and differs."""
    if not (folder / RECORDED).exists():
        raise InputError("FOLDER", folder, "a folder that `record` has written")
    jobs = {job.title: job for job in all_jobs()}
    titles = json.loads((folder / RECORDED).read_text(encoding="utf-8"))
    return [jobs.get(title, Job(title.partition("/")[0], title.partition("/")[2], ())) for title in titles]


def all_jobs() -> list[Job]:
    """List one run of each attack and defence, and each experiment of each paper whose data comes along or is there."""
    attacks, defenses = (sorted(file.stem for file in (ROOT / "conf" / group).glob("[!_]*.yaml")) for group in GROUPS)
    ours = [name for name in attacks if name not in ON_WHAT_EXISTS]
    jobs = [Job("attacks", name, (f"attack={name}", *WITH_ATTACK.get(name, ()))) for name in ours]
    jobs += [
        Job("defenses", name, (f"defense={name}", *WITH_DEFENSE.get(name, WITHOUT_OWN_WORDS)))
        for name in defenses
        if name not in LEFT_OUT
    ]
    for file in sorted((ROOT / "conf" / "paper").glob("*.yaml")):
        paper = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not unmet(paper) and not paper.get("fetches"):
            jobs += [Job(file.stem, name, tuple(words)) for name, words in paper["experiments"].items()]
    return jobs


GROUPS = ("attack", "defense")


def play(jobs: Sequence[Job], folder: Path, at_once: int) -> None:
    """Run all groups, `at_once` at a time, and write what is kept of each run into `folder`."""
    groups = {job.group: [other for other in jobs if other.group == job.group] for job in jobs}
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda group: _play_group(group, folder), sorted(groups.values(), key=len, reverse=True)))


def _play_group(jobs: Sequence[Job], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for job in jobs:
            kept = _play(job, Path(scratch))
            file = folder / job.group / f"{job.name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
            print(f"{job.title}: {kept['ended']}", file=sys.stderr, flush=True)


def _play(job: Job, scratch: Path) -> dict[str, Any]:
    """Run one job in a process of its own: what is kept of it."""
    run, release = scratch / "run", scratch / "store" / "release"
    before = set(release.glob("*/weights.safetensors"))
    line = command((*job.words, *ALWAYS, f"paths.store={scratch / 'store'}"), run)
    ended = subprocess.run(line, cwd=ROOT, env=environment(threads=1), capture_output=True, text=True, check=False)
    if ended.returncode:
        return {"ended": f"exit code {ended.returncode}: {ended.stderr.strip().splitlines()[-1][:300]}"}
    made = sorted(digest(file) for file in set(release.glob("*/weights.safetensors")) - before)
    kept = {"ended": "finished", "weights": made, **figures_of(run)}
    shutil.rmtree(run)
    return kept


def figures_of(run: Path) -> dict[str, Any]:
    """Return what a run's folder says of the models: its evidence, digested, and metrics less all that a clock said."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return {
        "evidence": {file.name: content(file) for file in sorted(run.glob("evidence*.np[yz]"))}
        | {file.name: digest(file) for file in sorted(run.glob("*.csv"))}
        | {"replicates.npz": content(run / "replicates.npz")},
        "metrics": {name: value for name, value in metrics.items() if name not in CLOCKS},
    }


def digest(file: Path) -> str:
    """Digest a file."""
    return blake2b(file.read_bytes(), digest_size=8).hexdigest()


def content(file: Path) -> dict[str, str]:
    """Digest each array of a file: compressed files of equal content may differ."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: blake2b(arrays[name].tobytes(), digest_size=8).hexdigest() for name in arrays.files}


def compare(jobs: Sequence[Job], before: Path, after: Path) -> int:
    """Print what differs between two recordings, run by run; 1 where anything does."""
    unlike = 0
    for job in jobs:
        one, other = (_read(folder / job.group / f"{job.name}.json") for folder in (before, after))
        found = list(differences(one, other))
        unlike += bool(found)
        if found:
            print(f"{job.title} differs in {len(found)} places: {moved(one, other)}")
            print("".join(f"    {place}\n" for place in sorted(found, key=_digested)[:12]), end="")
    print(f"{len(jobs)} runs compared: {len(jobs) - unlike} equal bit for bit, {unlike} differ")
    return 1 if unlike else 0


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Name the places in which two documents differ, and their values there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), f"{place}.{name}" if place else name)
    elif one != other:
        yield f"{place}: {_short(one)} -> {_short(other)}"


def _digested(place: str) -> bool:
    """Put behind all others what is only a digest, which says that it differs and not by how much."""
    return not place.startswith(("ended", "metrics"))


def moved(one: Any, other: Any) -> str:
    """Say how many of the metrics' numbers moved, and the one that moved furthest."""
    was, now = (dict(_numbers(document.get("metrics", {}), "metrics")) for document in (one, other))
    both = was.keys() & now.keys()
    far = {place: abs(was[place] - now[place]) for place in both if was[place] != now[place]}
    if not far:
        return f"none of {len(both)} numbers moved"
    furthest = max(sorted(far), key=far.__getitem__)
    return f"{len(far)} of {len(both)} numbers moved, by at most {far[furthest]:.2g} ({furthest})"


def _numbers(value: Any, place: str) -> Iterator[tuple[str, float]]:
    """Name the numbers of a document that are finite."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _numbers(part, f"{place}.{name}")
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield place, float(value)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 90 else f"{text[:90]}…"


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"ended": "not there"}
    return document


if __name__ == "__main__":
    sys.exit(exit_code(main))
