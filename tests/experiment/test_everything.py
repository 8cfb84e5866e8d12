"""Everything a user is told of is played whole, at the smallest sizes: commands, attacks, defences, rivals, papers.

Found by globbing: the pages, conf/ and its comments. Runs share a store, so that models are found again.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from scripts import reproduce_paper
from scripts.needs import unmet
from scripts.paper_runs import Job, PaperRuns
from scripts.same_numbers import ON_WHAT_EXISTS, WITH_ATTACK, WITH_DEFENSE, WITHOUT_OWN_WORDS
from telltale.papers.claims import Claim
from tests.experiment.commands import ROOT, command, read

CONF = ROOT / "conf"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SMALL = ("scale=smoke", "debug=fast", "trainer=cpu", "logger=none", "evaluation.replicates=50")  # a few steps a fit
NEEDS = {"defense=torchao": "torchao"}  # a word that asks for a package of its own
MOST_JOBS = 4  # of a sweep; a longer one is slow
LONG = re.compile(r"objective\.epochs=\d{3,}")  # of a command that is about something else


@dataclass(frozen=True)
class Told:
    """A command of a page or of a comment, and why it is not played (empty: it is)."""

    page: str
    words: tuple[str, ...]
    why_not: str = ""


def told() -> Iterator[Told]:
    """Yield every command in a console block of the pages and in the comments of conf/."""
    for page in PAGES:
        for mark, block in re.findall(r"^```console ?(.*)\n((?:.*\n)*?)```$", page.read_text("utf-8"), re.MULTILINE):
            for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
                yield classified(page.name, line, mark)
    for file in sorted(CONF.rglob("*.yaml")):
        for line in re.findall(r"^# (python -m src\.run .*)$", file.read_text("utf-8"), re.MULTILINE):
            yield classified(str(file.relative_to(ROOT)), line, "")


def classified(page: str, line: str, mark: str) -> Told:
    """Read a command line; raises ValueError for one of a kind that no test plays."""
    words = tuple(shlex.split(line, comments=True))
    if mark:
        return Told(page, words, mark)
    if "…" in line:
        return Told(page, words, "a pattern: words are left out")
    if words[:2] == ("python", "-m") and words[2] in ("src.run", "telltale"):
        words = words[3:]
        strange = [word for word in words if not known(word)]
        return Told(page, words, "an example that this page makes, played by its own tests" if strange else "")
    if words[:2] == ("make", "run"):
        given = dict(word.split("=", 1) for word in words[2:])
        default = re.findall(r"^ARGS \?= (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[0]
        return Told(page, tuple(given.get("ARGS", default).split()))
    if words[0] == "make":
        return Told(page, words, "checks, measurements and papers, which have tests of their own")
    raise ValueError(f"{page}: {line}")


def known(word: str) -> bool:
    """Tell whether a group's choice is a file of conf/."""
    group, _, choices = word.partition("=")
    folder = CONF / group
    return not folder.is_dir() or all((folder / f"{choice}.yaml").exists() for choice in listed(choices))


def listed(value: str) -> list[str]:
    """Part what a group is given: of a sweep, or of a list in brackets that are all taken together."""
    return value.strip("[]").split(",")


def names(group: str) -> list[str]:
    return sorted(file.stem for file in (CONF / group).glob("[!_]*.yaml"))


def chosen_by(attack: str) -> dict[str, str]:
    """Return group -> choice where the command line says nothing: what conf/config.yaml has, and the attack's file."""
    entries = defaults(CONF / "config.yaml")
    file = CONF / "attack" / f"{attack}.yaml"
    bases = [file.with_name(f"{entry}.yaml") for entry in defaults(file) if isinstance(entry, str)]
    for source in (*bases, file):
        entries += defaults(source)
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    return {group.removeprefix("override /"): choice for group, choice in pairs}


def defaults(file: Path) -> list:
    document = yaml.safe_load(file.read_text("utf-8")) or {}
    return [entry for entry in document.get("defaults", []) if entry != "_self_"]


def without_defaults(words: Sequence[str]) -> frozenset[str]:
    """Leave out the words that change nothing, so that each distinct run is played once."""
    attack = next((word.partition("=")[2] for word in words if word.startswith("attack=")), "molextract")
    chosen = {"seed": "0", "scale": "small"} | (
        chosen_by(attack) if known(f"attack={attack}") and "," not in attack else {}
    )
    return frozenset(word for word in words if chosen.get(word.partition("=")[0]) != word.partition("=")[2])


def of_attacks() -> Iterator[tuple[str, ...]]:
    """Yield each attack with the rivals that its file names: once with each set, else alone."""
    met: set[str] = set()
    for attack in names("attack"):
        if attack in ON_WHAT_EXISTS:  # played by tests/auditing, which make what they attack
            continue
        rivals = chosen_by(attack)["rivals"]
        yield (f"attack={attack}", *WITH_ATTACK.get(attack, ()), *(["rivals=none"] if rivals in met else []))
        met.add(rivals)


def of_defenses() -> Iterator[tuple[str, ...]]:
    for defense in names("defense"):
        yield (f"defense={defense}", *WITH_DEFENSE.get(defense, WITHOUT_OWN_WORDS))


COMMANDS = list(told())


def to_play() -> list[str]:
    """List each distinct run once, whoever tells of it; what is a job of a sweep that is played is none of its own."""
    runs = [given.words for given in COMMANDS if not given.why_not] + [*of_attacks(), *of_defenses()]
    by_jobs = {frozenset(jobs(words)): shlex.join(words) for words in runs}
    played = [found for found in by_jobs if len(found) <= MOST_JOBS]  # a longer sweep is slow, and stands for no other
    return sorted(run for found, run in by_jobs.items() if not any(found < other for other in played))


def jobs(words: Sequence[str]) -> Iterator[frozenset[str]]:
    """Yield the words of each job of a command line, more than one with -m, without those that change nothing."""
    sweep = "-m" in words
    swept = [[word] if not sweep or "=[" in word else choices(word) for word in words if word != "-m"]
    for job in itertools.product(*swept):
        yield without_defaults(job) - {"scale=smoke"}


def choices(word: str) -> list[str]:
    name, equals, value = word.partition("=")
    return [f"{name}{equals}{one}" for one in value.split(",")]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """One store for all runs of this process."""
    return (f"paths.outputs={tmp_path_factory.mktemp('everything')}", "paths.cache=outputs/cache")


def small(words: Sequence[str]) -> list[str]:
    return [LONG.sub("objective.epochs=3", word) for word in words]


def marked(run: str) -> object:
    return pytest.param(run, marks=pytest.mark.slow) if jobs_of_sweep(shlex.split(run)) > MOST_JOBS else run


def jobs_of_sweep(words: Sequence[str]) -> int:
    """Return how many runs a command line makes: the product of its choices with -m, else 1."""
    count = 1
    for word in words if "-m" in words else ():
        value = word.partition("=")[2]
        count *= 1 if value.startswith("[") else value.count(",") + 1
    return count


@pytest.mark.parametrize("run", [marked(run) for run in to_play()])
def test_every_command_attack_and_defence_runs(run: str, places: tuple[str, ...], tmp_path: Path) -> None:
    """Catches a capability that every test of its parts passes and no user can use."""
    missing = [package for word, package in NEEDS.items() if word in run.split() and find_spec(package) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    words = small(shlex.split(run))
    ended = command(*words, *SMALL, *places, f"hydra.run.dir={tmp_path}", f"hydra.sweep.dir={tmp_path}")
    assert ended.code == 0, ended.err[-2000:]
    reports = sorted(tmp_path.rglob("metrics.json"))
    assert len(reports) == jobs_of_sweep(words)
    for report in reports:
        assert read(report)["metrics"] and report.with_name("report.html").exists()
        assert read(report.with_name("run.json"))["status"] == "finished"


@pytest.mark.parametrize(
    ("paper", "whole"),
    [
        pytest.param(paper, whole, marks=[pytest.mark.slow] if whole else [], id=f"{paper}-{part}")
        for paper in names("paper")
        for whole, part in ((False, "each_kind"), (True, "whole"))
    ],
)
def test_every_paper_can_be_reproduced(
    paper: str, whole: bool, places: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches an experiment that is refused, and results that a claim, grid, table or curve cannot read."""
    if mistake := unmet(reproduce_paper.read_paper(paper, "smoke")):
        pytest.skip(str(mistake))
    if reproduce_paper.read_paper(paper, "smoke").get("fetches"):
        pytest.skip("its data is fetched, and tests fetch nothing")
    errors = {}

    def in_this_process(runs: PaperRuns, *_: object) -> list[Job]:
        for job in runs.jobs if whole else one_of_each_kind(runs.jobs):
            side = ["model.side=64"] * ("model=captioner_frozen" in job.overrides)  # of pictures for a frozen trunk
            ended = command(*job.overrides, *SMALL, *side, *places, f"hydra.run.dir={job.folder}")
            if ended.code:
                errors[job] = ended.err
        return list(errors)

    monkeypatch.setattr(reproduce_paper, "run_all", in_this_process)
    assert reproduce_paper.main([paper, "--scale", "smoke", "--folder", str(tmp_path), "--unplanned"]) == 0, errors
    claims = map(Claim.of, reproduce_paper.read_paper(paper, "smoke")["claims"])
    table = (tmp_path / paper / "smoke" / "claims.md").read_text("utf-8")
    assert not [claim.text for claim in claims if claim.text.replace("|", "\\|") not in table]


def one_of_each_kind(jobs: Sequence[Job]) -> list[Job]:
    """Choose few experiments that have every option, and every choice, of all: the one with most new ones first.

    Numbers make no kind.
    """
    kinds = [{(name, re.sub(r"[\d.]+", "#", value)) for name, _, value in pairs(job.overrides)} for job in jobs]
    chosen: list[int] = []
    while missing := set().union(*kinds) - set().union(*(kinds[place] for place in chosen)):
        chosen.append(max(range(len(jobs)), key=lambda place: len(kinds[place] & missing)))
    return [jobs[place] for place in sorted(chosen)]


def pairs(words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    return (word.partition("=") for word in words)


def test_every_rival_is_played() -> None:
    """Catches a rival that is in no set, or a set that neither an attack nor a documented command asks for."""
    played = {chosen_by(attack)["rivals"] for attack in names("attack")}
    words = [word for run in to_play() for word in shlex.split(run) if word.startswith("rivals=")]
    played |= {choice for word in words for choice in listed(word.partition("=")[2])}
    while more := {entry for name in played for entry in defaults(CONF / "rivals" / f"{name}.yaml")} - played:
        played |= more
    assert played == set(names("rivals"))


def test_what_is_not_played_is_known_and_why() -> None:
    """Catches a mark on a block that keeps a command from ever being tried."""
    assert Counter(given.why_not for given in COMMANDS if given.why_not) == {
        "needs-your-files": 42,
        "needs-network": 10,
        "needs-a-cluster": 2,
        "checks, measurements and papers, which have tests of their own": 11,
        "a plan, whose output stands below": 1,
        "an example that this page makes, played by its own tests": 6,
        "a pattern: words are left out": 1,
    }


def test_attacks_on_published_rows_are_among_them() -> None:
    """Catches the refusal of `attack=nearest_synthetic` and `rivals=synthetic`, which every test passed once."""
    runs = [run.split() for run in to_play()]
    assert any("attack=nearest_synthetic" in run and "rivals=none" not in run for run in runs)
    assert any("rivals=synthetic" in run for run in runs) and chosen_by("nearest_synthetic")["rivals"] == "synthetic"
