"""What a shadow model, a molecule and a privacy budget cost, measured here; what that makes at the papers' own sizes.

Each is measured as the difference of two runs that differ in nothing but how many there are, by processor time of all
their processes, so that neither start nor attack nor other load counts. Writes the tables of docs/scaling.md.
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

from scripts.pages import machine
from telltale.command import CONFIGURATION

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- from here on written by scripts/scaling.py -->", "<!-- to here -->"
QUIET = ("logger=none", "controls=none", "rivals=none", "trainer=cpu", "evaluation.replicates=100")
POOLS = ("pools.non_members=200", "pools.auxiliary=200", "pools.test=100", "pools.disjoint=0")


@dataclass(frozen=True)
class Unit:
    """What is counted: two runs of the paper's own network, and how many records they train on.

    word    the option that says how many there are; counts: the two
    passes  records a model is trained on, times epochs, for one of what is counted
    """

    name: str
    words: Sequence[str]
    word: str
    counts: tuple[int, int]
    passes: int


SHADOW = (
    *("attack=threshold", "dataset=fashion_mnist", "model=mlp", "scale=paper", *QUIET, *POOLS),
    *("pools.members=500", "pools.population=200", "objective.epochs=4"),
)
MOLECULE = ("attack=molextract", "scale=paper", *QUIET, *POOLS, "objective.epochs=2")
FEW = ("attack.rings=4", "attack.motifs=10", "attack.cuts=0", "attack.k=[5]", "attack.k_within_ring=[2]")
UNITS = (
    Unit("shadow model: MLP, 784-512-256-128-10", SHADOW, "victims", (8, 40), 500 * 4),
    Unit("the same at an ε: DP-SGD", (*SHADOW, "defense=dp_sgd", "defense.epsilon=8"), "victims", (4, 12), 500 * 4),
    Unit("molecule: GIN of 5 layers, 300 wide, InfoGraph", (*MOLECULE, *FEW), "pools.members", (256, 1024), 2),
)


@dataclass(frozen=True)
class Measured:
    """What one more of a unit takes: seconds of a core, bytes of the store; memory: the most that a run took."""

    seconds: float
    stored: float
    memory: float


def measured(unit: Unit) -> Measured:
    """Run both sizes and divide their difference by how many more there are."""
    (few, many), spent = unit.counts, []
    for count in unit.counts:
        with tempfile.TemporaryDirectory() as folder:
            words = [
                *unit.words,
                f"{unit.word}={count}",
                f"paths.outputs={folder}",
                f"paths.cache={ROOT}/outputs/cache",
            ]
            command = [sys.executable, "-m", "src.run", *words, f"hydra.run.dir={folder}/run"]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise RuntimeError(f"{' '.join(command)} failed")
            store = Path(folder) / "store"
            stored = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
            spent.append((usage.ru_utime + usage.ru_stime, stored, usage.ru_maxrss * 1024))
            print(f"{unit.name}: {count} took {spent[-1][0]:.1f} s of a core", file=sys.stderr)
    (first, small, _), (last, large, memory) = spent
    return Measured((last - first) / (many - few), (large - small) / (many - few), memory)


def table(found: dict[str, Measured]) -> str:
    """Write what was measured, and what follows for the papers' own sizes and for 10,000 shadow models."""
    lines = [
        "| one more | seconds of a core | of that, µs a record and epoch | MB in the store | GB of memory, at most |"
    ]
    lines.append("| --- | --- | --- | --- | --- |")
    rates = {}
    for unit in UNITS:
        of_unit = found[unit.name]
        rates[unit.name] = of_unit.seconds / unit.passes
        cells = (f"{of_unit.seconds:.3g}", f"{1e6 * rates[unit.name]:,.0f}", f"{of_unit.stored / 1e6:.3g}")
        lines.append(f"| {unit.name} | {' | '.join(cells)} | {of_unit.memory / 2**30:.2f} |")
    shadow, private, molecule = (rates[unit.name] for unit in UNITS)
    weights = found[UNITS[0].name].stored
    lines += ["", f"Measured on {machine('torch')} What follows at the papers' own sizes (`scale=paper`):", ""]
    lines.append("| what | models × records × epochs | core hours | GB in the store |")
    lines.append("| --- | --- | --- | --- |")
    mole, tmi = _sizes("molextract"), _sizes("tmi")
    rows = [
        ("Molextract: one victim", *mole, molecule, 0.0),
        ("TMI: its models, pre-trained", *tmi, shadow, weights),
        ("TMI: the same at an ε", *tmi, private, weights),
        ("10,000 shadow models like TMI's", 10_000, *tmi[1:], shadow, weights),
        ("10,000 at an ε", 10_000, *tmi[1:], private, weights),
    ]
    for name, models, records, epochs, rate, size in rows:
        hours, stored = models * records * epochs * rate / 3600, f"{models * size / 1e9:.3g}" if size else "under 0.1"
        lines.append(f"| {name} | {models:,} × {records:,} × {epochs:,} | {hours:,.1f} | {stored} |")
    return "\n".join(lines)


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
    main()
