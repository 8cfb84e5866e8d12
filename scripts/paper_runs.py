"""A paper's runs: which are there, made by this code or kept from earlier, and what they were made by."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from scripts.jobs import ROOT, Run, code_digest, digest_of_commit
from telltale.errors import InputError
from telltale.papers.kept import UNKNOWN, KeptRun, Maker, read_kept, write_kept
from telltale.papers.results import Results, read_run
from telltale.papers.results import Run as Figures
from telltale.writing import counted

CODE = ("src", "conf", ":(exclude)conf/paper")  # what `code_digest` covers


@dataclass(frozen=True)
class Job:
    """One run of a paper's experiments."""

    experiment: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path

    def run(self, code: str) -> Run:
        """Return the run that this digest of the code makes."""
        made_by = {"overrides": list(self.overrides), "code": code}
        return Run(self.overrides, self.folder, self.folder / "output.log", made_by)


def jobs_of(paper: dict, scale: str, folder: Path, seeds: Sequence[int] | None = None) -> list[Job]:
    """List the runs, seed by seed, so that every experiment has a result before any has a second; None: all seeds."""
    return [
        Job(name, seed, (*overrides, f"scale={scale}", f"seed={seed}", "logger=none"), folder / name / f"seed{seed}")
        for seed in (paper["seeds"][scale] if seeds is None else seeds)
        for name, overrides in paper["experiments"].items()
    ]


def this_code() -> Maker:
    """Return what makes runs now: the code's digest, and the commit that is checked out, where there is one."""
    digest, top = code_digest(), _git("rev-parse", "--show-toplevel")
    if not top or Path(top) != ROOT:  # no repository, or somebody else's around it
        return Maker(digest)
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *CODE)
    return Maker(digest, commit or UNKNOWN, changed=bool(status))


@cache
def maker_of(code: str, commit: str | None) -> Maker:
    """Say what made a run with code of this digest while this commit was checked out, as far as can be checked."""
    committed = digest_of_commit(commit) if commit else None
    return Maker(code) if committed is None else Maker(code, commit or UNKNOWN, changed=committed != code)


def _git(*words: str) -> str:
    try:
        told = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


@dataclass(frozen=True)
class PaperRuns:
    """The runs of one paper at one scale. A run of this code comes before one that was kept.

    asked   experiment -> what the paper's file asks of its runs
    shelf   folder where figures are kept, seed<number>/<experiment>.csv; None: nowhere
    kept    those of the jobs that were made earlier, with the same words, and are taken
    fresh   whether to run again what is there
    """

    jobs: Sequence[Job]
    code: Maker
    asked: Mapping[str, Sequence[str]]
    shelf: Path | None = None
    kept: Mapping[Job, KeptRun] = field(default_factory=dict)
    fresh: bool = False

    def with_kept(self) -> tuple[PaperRuns, list[str]]:
        """Take what is kept, or what other code has left in the run's folder, where there is a place to keep it.

        That folder may know what was not asked when it was kept.

        Returns a line for each reason why a file is not taken. InputError for a damaged one.
        """
        if self.fresh:
            return self, []
        kept, reasons = {}, dict[str, list[Path]]()
        for job in self.jobs:
            file = self._file(job)
            if file is None:
                continue
            found = [read_kept(file)] if file.exists() else []
            asked = self.asked.get(job.experiment, [])
            if not found or found[0].unlike(job.overrides, asked):
                found = [*filter(None, [self._of_other_code(job)]), *found]
            if fitting := [run for run in found if not run.unlike(job.overrides, asked)]:
                kept[job] = fitting[0]
            elif found:
                reasons.setdefault(found[-1].unlike(job.overrides, asked), []).append(file)
        refused = [
            f"{files[0]}{f' (and {len(files) - 1} more)' * (len(files) > 1)} is not taken: {reason}"
            for reason, files in reasons.items()
        ]
        return replace(self, kept=kept), refused

    def left(self) -> list[Job]:
        """List the jobs to run."""
        return [job for job in self.jobs if self.fresh or not self.is_there(job)]

    def of_whole_seeds(self) -> PaperRuns:
        """Leave out the seeds of which a job is left to run."""
        left = {job.seed for job in self.jobs if not self.is_there(job)}
        return replace(self, jobs=[job for job in self.jobs if job.seed not in left])

    def is_there(self, job: Job) -> bool:
        """Tell whether there are figures that may be taken for its own."""
        return job in self.kept or self.is_made(job)

    def is_made(self, job: Job) -> bool:
        """Tell whether this code has made it, and its folder is there."""
        return job.run(self.code.code).is_finished()

    def play(self, job: Job, threads: int) -> bool:
        """Run it, and keep its figures; tell whether it ended well."""
        ended_well = job.run(self.code.code).play(threads)
        if ended_well:
            self.keep(job)
        return ended_well

    def keep(self, job: Job) -> None:
        """Keep the figures of a finished run, where there is a place and not the same run in it already.

        One of the same code is left as it is, so that nothing changes but what is new: its commit had that code too.
        """
        run, file = read_run(job.folder), self._file(job)
        if run is not None and file is not None and not self._is_kept(job):
            asked = self.asked.get(job.experiment, [])
            self._write(file, KeptRun.of(run, job.overrides, self.code, asked, gpu_of(job.folder)))

    def keep_what_is_made(self) -> None:
        """Keep what was made before, be it that its command was killed or did not say where."""
        for job in self.jobs:
            file = self._file(job)
            if file is not None and self.is_made(job):
                self.keep(job)
            elif file is not None and job in self.kept and not (file.exists() and read_kept(file) == self.kept[job]):
                self._write(file, self.kept[job])

    def results(self) -> Results:
        """Read the figures of every run that is there, and its owners' success."""
        runs = {(job.experiment, job.seed): self._figures(job) for job in self.jobs}
        return {place: run for place, run in runs.items() if run is not None}

    def taken(self) -> list[Job]:
        """List the jobs whose figures are those kept."""
        return [job for job in self.jobs if job in self.kept and not self.is_made(job)]

    def told(self) -> str:
        """Say what is taken from where it was kept; "" for nothing."""
        if not (taken := self.taken()):
            return ""
        commits = commits_in_words([self.kept[job].maker for job in taken])
        are = "is" if len(taken) == 1 else "are"
        return f"{len(taken)} of {counted(len(self.jobs), 'run')} {are} taken from {self.shelf}, made at {commits}"

    def made_at(self) -> str:
        """Say at which commits the runs were made that are there, and on which GPUs, as a sentence."""
        there = [job for job in self.jobs if self._figures(job) is not None]
        makers = [self._maker(job) for job in there]
        were = "Its run was" if len(makers) == 1 else f"Its {len(makers)} runs were"
        on = devices_in_words([self._device(job) for job in there])
        return f"{were} made at {commits_in_words(makers)}{on}"

    def _maker(self, job: Job) -> Maker:
        if self.is_made(job) and not self._is_kept(job):
            return self.code
        return self.kept[job].maker if job in self.kept else Maker("")

    def _device(self, job: Job) -> str:
        return gpu_of(job.folder) if self.is_made(job) else self.kept[job].device

    def _is_kept(self, job: Job) -> bool:
        """Tell whether what this code makes is kept already, and from files as a commit has them if these are so."""
        if job not in self.kept:
            return False
        maker = self.kept[job].maker
        return maker.code == self.code.code and maker.changed <= self.code.changed

    def _figures(self, job: Job) -> Figures | None:
        """Read its figures; None where they are not there, be it that a run of other words or code left some."""
        if self.is_made(job):
            return read_run(job.folder)
        return self.kept[job].figures if job in self.kept else None

    def _of_other_code(self, job: Job) -> KeptRun | None:
        """Read a run that other code has finished in its folder; None where there is none of these words."""
        made_by, run, about = job.folder / "made_by.json", read_run(job.folder), job.folder / "run.json"
        if run is None or not made_by.exists() or self.is_made(job):
            return None
        said = json.loads(made_by.read_text("utf-8"))
        if said.get("overrides") != list(job.overrides):
            return None
        commit = json.loads(about.read_text("utf-8")).get("git_commit") if about.exists() else None
        maker = maker_of(said["code"], commit)
        return KeptRun.of(run, job.overrides, maker, self.asked.get(job.experiment, []), gpu_of(job.folder))

    def _write(self, file: Path, run: KeptRun) -> None:
        try:
            write_kept(file, run)
        except OSError as error:
            raise InputError("--measured", file, f"a file that can be written, but {error}") from error

    def _file(self, job: Job) -> Path | None:
        return None if self.shelf is None else self.shelf / f"seed{job.seed}" / f"{job.experiment}.csv"


def gpu_of(folder: Path) -> str:
    """Return the GPU that a run's fits may have used, by its run.json; "" for none."""
    about = folder / "run.json"
    document = json.loads(about.read_text("utf-8")) if about.exists() else {}
    return str(document.get("machine", {}).get("gpu") or "")


def devices_in_words(devices: Sequence[str]) -> str:
    """Say how many runs used which GPU; "" where none used any.

    >>> devices_in_words(["NVIDIA H100", "NVIDIA H100"]), devices_in_words(["NVIDIA H100", ""]), devices_in_words([""])
    (', on NVIDIA H100', ', 1 of them on NVIDIA H100', '')
    """
    counts = Counter(filter(None, devices))
    if len(counts) == 1 and counts.total() == len(devices):
        return f", on {devices[0]}"
    return "".join(f", {number} of them on {name}" for name, number in counts.most_common())


def commits_in_words(makers: Sequence[Maker]) -> str:
    """Name commits, those of most runs first, and of several how many runs each.

    >>> commits_in_words([Maker("", "5f1c0ffee"), Maker("", "a11ce5eed"), Maker("", "a11ce5eed")])
    'commits a11ce5e (2) and 5f1c0ff (1)'
    """
    counts = Counter(map(str, makers)).most_common()
    if len(counts) <= 1:
        return f"commit {counts[0][0] if counts else UNKNOWN}"
    *first, last = (f"{name} ({number})" for name, number in counts)
    return f"commits {', '.join(first)} and {last}"
