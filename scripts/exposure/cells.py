"""The cells of the exposure map: the design read, the words of each cell's runs, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from scripts.jobs import ROOT
from telltale.store.sources import source_digest

DESIGN = Path(__file__).with_name("design.yaml")
SCALES = ("smoke", "small", "paper")  # paper: small and the large cells
PARTS = ("membership", "extraction")
HEADLINES = {"membership": "auc", "extraction": "novel_discordant_auc"}  # what the page says of a part
SCORING = ("scripts/exposure/playing.py", "src/telltale/evaluation/memory_gain.py")  # what makes extraction's figures
WIDTH_POWER = 1.5  # by which the time of a step grows with the width
STEP_S = 0.025  # of six stacked encoders and their batches of 128, measured: one H200, one core beside it


@dataclass(frozen=True)
class Cell:
    """Encoders of one recipe on one number of molecules, and what attacks find in them.

    kept_back: fitted to nothing; large: for a GPU; why: which terms of the law it tells apart
    """

    objective: str
    members: int
    epochs: int
    width: int
    seed: int
    kept_back: bool
    large: bool
    why: str

    @property
    def name(self) -> str:
        """Name the cell by what tells it from the others."""
        return f"{self.objective}-{self.members}x{self.epochs}-w{self.width}-s{self.seed}"

    @property
    def ratio(self) -> float:
        """Return epochs by training molecules."""
        return self.epochs / self.members


class Design:
    """The named cells of one scale, as `design.yaml` has them."""

    def __init__(self, scale: str, file: Path = DESIGN) -> None:
        self.scale, self.options = scale, yaml.safe_load(file.read_text(encoding="utf-8"))
        self.small = self.options["smoke"] if scale == "smoke" else {}
        self.victims: int = self.small.get("victims", self.options["victims"])
        self.objectives: Mapping[str, Mapping[str, Any]] = self.options["objectives"]
        self.reference: Mapping[str, int] = self.options["reference"]

    @cached_property
    def cells(self) -> list[Cell]:
        """Return the cells, cheapest first. ValueError for two of one name."""
        cells = sorted(self._cells(), key=self.seconds)
        if len({cell.name for cell in cells}) < len(cells):
            raise ValueError("two cells of the design have one name")
        return cells

    def _cells(self) -> Iterator[Cell]:
        for group in self.small.get("groups", self.options["groups"]):
            if group.get("large") and self.scale != "paper":
                continue
            named = list(self.objectives) if group["objectives"] == "all" else group["objectives"]
            for objective in named:
                for members, epochs in group["sizes"]:
                    for width in group.get("widths", [self.usual_width(objective)]):
                        kinds = bool(group.get("kept_back")), bool(group.get("large"))
                        yield Cell(objective, members, epochs, width, group.get("seed", 1), *kinds, group["why"])

    def usual_width(self, objective: str) -> int:
        """Return the width that an objective's cells have, where they name none."""
        return int(self.small.get("width", self.objectives[objective].get("width", self.reference["width"])))

    def words(self, cell: Cell, part: str) -> tuple[str, ...] | None:
        """Return the command line of a cell's run; None where that part is not asked of it."""
        own = self.objectives[cell.objective].get("words", ())
        attack = self._attack(cell, part)
        if attack is None:
            return None
        chosen: tuple[str, ...] = (
            () if any(word.startswith("objective=") for word in own) else (f"objective={cell.objective}",)
        )
        if cell.objective == "mole_bert":  # its tokeniser takes the share of epochs that it has by default
            chosen += (f"objective.tokenizer_epochs={max(1, round(0.375 * cell.epochs))}",)
        pools = (f"pools.{role}={cell.members}" for role in ("members", "non_members", "disjoint"))
        full = ("dataset.full=true",) if cell.members >= self.options["full_data_from"] else ()
        return (
            *attack,
            "model=gin",
            *chosen,
            *self.options["words"],
            *self.small.get("words", ()),
            *own,
            f"model.width={cell.width}",
            f"objective.epochs={cell.epochs}",
            *pools,
            *full,
            f"victims={self.victims}",
            f"seed={cell.seed}",
        )

    def _attack(self, cell: Cell, part: str) -> Sequence[str] | None:
        if part == "membership":
            stronger = self.options["stronger"]
            rivals = stronger["rival"] if cell.members <= stronger["most_members"] else ""
            return (*self.options["membership"], f"attack.rivals=[{rivals}]")
        extraction = self.options["extraction"]
        least = self.small.get("extraction_least_members", extraction["least_members"])
        within = least <= cell.members <= extraction["most_members"]
        words: Sequence[str] = extraction["words"]
        return words if within and cell.width == self.usual_width(cell.objective) else None

    def seconds(self, cell: Cell) -> float:
        """Guess the seconds of one core, or of a GPU for a large cell of what is stacked there."""
        passes = self.passes(cell)
        if self.on_gpu(cell):
            return 2 * STEP_S * cell.epochs * max(1, cell.members // 128) + 4 * float(self.options["fixed_seconds"])
        wider = (cell.width / self.usual_width(cell.objective)) ** WIDTH_POWER
        return passes * float(self.objectives[cell.objective]["ms"]) / 1000 * wider + self.options["fixed_seconds"]

    def on_gpu(self, cell: Cell) -> bool:
        """Say whether a cell is for a GPU, where encoders of two objectives take their steps together."""
        return cell.large and cell.objective in ("infograph", "supervised")

    def passes(self, cell: Cell) -> int:
        """Count molecules times epochs of all encoders, those of the control among them."""
        return 2 * self.victims * cell.members * cell.epochs

    def made_by(self, cell: Cell, part: str) -> dict[str, Any] | None:
        """Say what decides a part's figures: its words, the code of its models, and the attack's."""
        words = self.words(cell, part)
        return None if words is None else {"words": list(words), "code": _code(cell.objective, part)}


def _code(objective: str, part: str) -> str:
    named = "classification" if objective == "supervised" else objective
    target = yaml.safe_load((ROOT / "conf" / "objective" / f"{named}.yaml").read_text(encoding="utf-8"))["_target_"]
    model = "grover.Grover" if objective == "grover" else "gin.GIN"
    package = "embedding_membership" if part == "membership" else "molextract"
    files = sorted((ROOT / "src" / "telltale" / "attacks" / package).glob("*.py"))
    files += [] if part == "membership" else [ROOT / name for name in SCORING]
    attack = blake2b(b"".join(file.read_bytes() for file in files), digest_size=8).hexdigest()
    return f"{source_digest([f'telltale.models.{model}', target])}-{attack}"


def plan(design: Design, jobs: int) -> str:
    """Say what all cells take: a line for each group of objective and kind, and totals."""
    lines = [
        f"{'objective':20} {'cells':>5} {'kept back':>9} {'molecule-epochs':>16} {'core hours':>10} {'GPU hours':>9}"
    ]
    totals = [0.0] * 5
    for objective in design.objectives:
        cells = [cell for cell in design.cells if cell.objective == objective]
        if not cells:
            continue
        hours = {gpu: sum(design.seconds(c) for c in cells if design.on_gpu(c) is gpu) / 3600 for gpu in (False, True)}
        passes, kept = sum(map(design.passes, cells)), sum(cell.kept_back for cell in cells)
        row = (len(cells), kept, passes, hours[False], hours[True])
        totals = [total + value for total, value in zip(totals, row, strict=True)]
        lines.append(f"{objective:20} {row[0]:5} {row[1]:9} {row[2]:16,} {row[3]:10.2f} {row[4]:9.2f}")
    lines.append(f"{'all':20} {totals[0]:5.0f} {totals[1]:9.0f} {totals[2]:16,.0f} {totals[3]:10.2f} {totals[4]:9.2f}")
    models = 2 * design.victims * len(design.cells)
    lines.append(
        f"{models:,} encoders; with {jobs} at a time about {totals[3] / jobs:.1f} h, and {totals[4]:.1f} h of a GPU"
    )
    return "\n".join(lines)
