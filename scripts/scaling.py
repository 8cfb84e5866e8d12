"""What a shadow model, a molecule and a privacy budget cost, measured here; what that makes at the papers' own sizes.

Three runs tell two costs apart, by processor time of all their processes: more epochs of the same models give what an
epoch of a record takes, and more models what each takes beside (to save it, to ask it, to attack it). What every run
takes once, such as to start, is in neither. Writes the tables of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir

from scripts.ending import exit_code
from scripts.pages import machine
from telltale.command import CONFIGURATION

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- from here on written by scripts/scaling.py -->", "<!-- to here -->"
QUIET = ("logger=none", "controls=none", "rivals=none", "trainer=cpu", "evaluation.replicates=100")
POOLS = ("pools.non_members=200", "pools.auxiliary=200", "pools.test=100", "pools.disjoint=0")


Row = tuple[str, int, int, int, float, float]  # what, models, records, epochs, seconds of a core, bytes a model


@dataclass(frozen=True)
class Unit:
    """What is counted, in runs of the paper's own network.

    word     the option that says how many there are; counts: few and many
    records  that one of them adds to an epoch; epochs: few and many
    """

    name: str
    words: Sequence[str]
    word: str
    counts: tuple[int, int]
    records: int
    epochs: tuple[int, int]


SHADOW = (
    *("attack=threshold", "dataset=fashion_mnist", "model=mlp", "scale=paper", *QUIET, *POOLS),
    *("pools.members=500", "pools.population=200"),
)
MOLECULE = ("attack=molextract", "scale=paper", *QUIET, *POOLS)
FEW = ("attack.rings=4", "attack.motifs=10", "attack.cuts=0", "attack.k=[5]", "attack.k_within_ring=[2]")
UNITS = (
    Unit("shadow model: MLP, 784-512-256-128-10", SHADOW, "victims", (8, 40), 500, (4, 16)),
    Unit(
        "the same at an ε: DP-SGD", (*SHADOW, "defense=dp_sgd", "defense.epsilon=8"), "victims", (4, 12), 500, (4, 16)
    ),
    Unit("molecule: GIN of 5 layers, 300 wide, InfoGraph", (*MOLECULE, *FEW), "pools.members", (256, 1024), 1, (2, 6)),
)


@dataclass(frozen=True)
class Measured:
    """What one more of a unit takes.

    own      seconds of a core, however many epochs there are
    epoch    seconds of a core that an epoch of one of its records takes
    stored   bytes of the store; memory: bytes, the most that a run took
    machine  where and when
    """

    own: float
    epoch: float
    stored: float
    memory: float
    machine: str

    def seconds(self, number: int, records: int, epochs: int) -> float:
        """Return what so many take: number · (own + records · epochs · epoch)."""
        return number * (self.own + records * epochs * self.epoch)


@dataclass(frozen=True)
class Spent:
    """One run: seconds of a core, bytes in the store, bytes of memory."""

    seconds: float
    stored: float
    memory: float


def measured(unit: Unit) -> Measured:
    """Play the three runs, after one that fills the cache of the data, and tell the costs apart.

    Each is played twice, and the one counts that took less: other work can only add. Raises RuntimeError where it added
    so much that a cost comes out below nothing.
    """
    (few, many), (short, long) = unit.counts, unit.epochs
    played(unit, few, short)
    small, large, longer = (
        min((played(unit, count, epochs) for _ in range(2)), key=lambda spent: spent.seconds)
        for count, epochs in ((few, short), (many, short), (many, long))
    )
    epoch = (longer.seconds - large.seconds) / (many * unit.records * (long - short))
    one = (large.seconds - small.seconds) / (many - few)
    stored, memory = (large.stored - small.stored) / (many - few), max(large.memory, longer.memory)
    own = one - unit.records * short * epoch
    if min(own, epoch) < 0:
        raise RuntimeError(f"{unit.name}: {own:.3g} s and {epoch:.3g} s cannot be; measure when nothing else runs")
    return Measured(own, epoch, stored, memory, machine("torch"))


def played(unit: Unit, count: int, epochs: int) -> Spent:
    """Run it from an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*unit.words, f"{unit.word}={count}", f"objective.epochs={epochs}", f"paths.outputs={folder}"]
        place = [f"paths.cache={ROOT}/outputs/cache", f"hydra.run.dir={folder}/run"]
        command = [sys.executable, "-m", "src.run", *words, *place]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{' '.join(command)} failed")
        stored = sum(file.stat().st_size for file in (Path(folder) / "store").rglob("*") if file.is_file())
    spent = Spent(usage.ru_utime + usage.ru_stime, stored, usage.ru_maxrss * 1024)
    print(f"{unit.name}: {count}, {epochs} epochs: {spent.seconds:.1f} s of a core", file=sys.stderr)
    return spent


def table(found: dict[str, Measured]) -> str:
    """Write what was measured, and what follows for the papers' own sizes and for 10,000 shadow models."""
    lines = [
        "| one more | seconds of a core, beside training | µs an epoch of a record | MB in the store | GB of memory |"
    ]
    lines.append("| --- | --- | --- | --- | --- |")
    for unit in UNITS:
        one = found[unit.name]
        cells = (f"{one.own:.3g}", f"{1e6 * one.epoch:,.0f}", f"{one.stored / 1e6:.3g}", f"{one.memory / 2**30:.2f}")
        lines.append(f"| {unit.name} | {' | '.join(cells)} |")
    shadow, private, molecule = (found[unit.name] for unit in UNITS)
    machines = " ".join(dict.fromkeys(found[unit.name].machine for unit in UNITS))
    lines += ["", f"Measured on {machines} What follows at the papers' own sizes (`scale=paper`):", ""]
    lines.append("| what | models × records × epochs | core hours | GB in the store |")
    lines.append("| --- | --- | --- | --- |")
    (victims, molecules, passes), (models, members, epochs) = _sizes("molextract"), _sizes("tmi")
    rows = [
        ("Molextract: one victim", victims, molecules, passes, molecule.seconds(victims * molecules, 1, passes), 0.0),
        _row("TMI: its models, pre-trained", models, members, epochs, shadow),
        _row("TMI: the same at an ε", models, members, epochs, private),
        _row("10,000 shadow models like TMI's", 10_000, members, epochs, shadow),
        _row("10,000 at an ε", 10_000, members, epochs, private),
    ]
    for name, number, records, times, seconds, size in rows:
        stored = f"{number * size / 1e9:.3g}" if size else "under 0.1"
        lines.append(f"| {name} | {number:,} × {records:,} × {times:,} | {seconds / 3600:,.1f} | {stored} |")
    return "\n".join(lines)


def _row(name: str, models: int, records: int, epochs: int, one: Measured) -> Row:
    return name, models, records, epochs, one.seconds(models, records, epochs), one.stored


def _sizes(attack: str) -> tuple[int, int, int]:
    """Return models, records of each and epochs of a paper's attack at its own sizes."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        cfg = compose("config", [f"attack={attack}", "scale=paper"])
    first = cfg.objective.get("pretraining") or cfg.objective
    return cfg.victims + cfg.shadow_models, cfg.pools.members, first.epochs


def main() -> None:
    """Measure, keep the figures beside the page, and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, default=ROOT / "docs" / "scaling.json", help="that are kept")
    parser.add_argument("--again", action="store_true", help="measure what is kept, too")
    options = parser.parse_args()
    kept = json.loads(options.figures.read_text("utf-8")) if options.figures.exists() and not options.again else {}
    for unit in UNITS:
        if unit.name not in kept:
            kept[unit.name] = vars(measured(unit))
            options.figures.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    written = table({name: Measured(**values) for name, values in kept.items()})
    PAGE.write_text(f"{head}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
