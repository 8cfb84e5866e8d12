"""The report of a run as one HTML file: pictures inside, no script, no outside address."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale.reporting.gallery import Gallery, RecordCard
from telltale.reporting.sentences import data_sentence, interval, metric_title
from telltale.reporting.summary import Summary
from telltale.writing import write_text

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATE = "report.html.jinja"
VERDICTS = ("hit", "novel hit", "miss", "not known")


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    caption   above the table
    columns   their titles; the first column is set left, the others right
    rows      lines of the table, a text for each column
    emphasis  positions of the lines that are printed bold
    texts     positions of the columns that hold sentences: set left and folded
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    emphasis: Sequence[int] = ()
    texts: Sequence[int] = ()


@dataclass(frozen=True)
class PageFigure:
    """A PNG file of the run, copied into the page."""

    name: str
    caption: str
    path: Path | str


@dataclass(frozen=True)
class MoleculeCard:
    """One extracted molecule, and whether it was really there.

    smiles    the molecule
    rank      its place in the list, from 1
    score     by which it was ranked
    verdict   "hit", "novel hit" (not contained in the attacker's own molecules), "miss" or "not known"
    template  the ring it was grown from
    joins     how many it takes to make it, as far as is known
    """

    smiles: str
    rank: int
    score: float
    verdict: str
    template: str
    joins: int = 1

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r}: one of {', '.join(VERDICTS)}")


def write_page(
    summary: Summary,
    path: Path | str,
    *,
    figures: Sequence[PageFigure] = (),
    molecules: Sequence[MoleculeCard] = (),
    gallery: Gallery | None = None,
    footer: Mapping[str, str] | None = None,
    configuration: str = "",
) -> Path:
    """Write the page and return its path; every text is escaped.

    figures         PNG files of the run
    molecules       what was extracted, drawn
    gallery         single records, after the figures
    footer          name -> value, e.g. the seed; the queries are added
    configuration   the resolved YAML, folded away
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    title, subtitle = summary.heading.lines()
    queries = ", ".join(f"{call} {count:,}" for call, count in summary.queries.items())
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalise"] = lambda text: text[:1].upper() + text[1:]
    text = environment.get_template(TEMPLATE).render(
        data=data_sentence(summary.data),
        answer=summary.answer,
        title=title,
        subtitle=subtitle,
        summary=summary.sentences(),
        tables=[_comparison(summary), *_guarantee(summary.guarantee)],
        appendix=[_all_metrics(summary)],
        figures=[(figure, _base64(figure.path)) for figure in figures],
        cards=[(card, draw_molecule(card.smiles)) for card in molecules],
        gallery=gallery,
        records=[(card, _drawn(card)) for card in (gallery.cards if gallery else ())],
        footer={**(footer or {}), "queries": queries},
        configuration=configuration,
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def draw_molecule(smiles: str, width: int = 200, height: int = 140) -> Markup | None:
    """Return the molecule as an SVG element for the middle of a page, or None if RDKit cannot read it."""
    from markupsafe import Markup
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():  # an unreadable SMILES is told on its card, not on the console
        molecule = Chem.MolFromSmiles(str(smiles))
    if molecule is None:
        return None
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground, options.padding = False, 0.08
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
    drawer.FinishDrawing()
    svg = drawer.GetDrawingText()
    # Inside HTML an SVG needs no XML declaration and no name spaces, which look like outside addresses.
    body = svg[svg.index("<!-- END OF HEADER -->") :]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="structure of the molecule">'
    return Markup(head + body.removeprefix("<!-- END OF HEADER -->"))  # RDKit's drawing: numbers and atom symbols


def _comparison(summary: Summary) -> PageTable:
    """Lay the first metrics of all evidence side by side."""
    lines = [
        [
            title if summary.roles[name] == "target" else f"{summary.roles[name]} {title}",
            *(interval(summary.evidence[name].get(metric)) for metric in summary.present),
            *(texts.get(name, "–") for texts in summary.columns.values()),
        ]
        for name, title in summary.titles.items()
    ]
    titles = ["", *map(metric_title, summary.present), *summary.columns]
    return PageTable("Attack, rivals and controls, with 95 % intervals", titles, lines, emphasis=[0])


def _all_metrics(summary: Summary) -> PageTable:
    titles = ["metric", "value [95 % interval]", "n", "note"]
    lines = [[name, interval(estimate), estimate.n, estimate.note] for name, estimate in summary.target.items()]
    return PageTable(f"All metrics of {summary.titles['target']}", titles, lines, texts=[3])


def _guarantee(guarantee: Mapping[str, Any] | None) -> list[PageTable]:
    if guarantee is None:
        return []
    lines = [[name.replace("_", " "), _in_words(value)] for name, value in guarantee.items() if value is not None]
    return [PageTable("What is guaranteed, and on what grounds", ["", ""], lines, texts=[1])]


def _in_words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}".replace("inf", "∞")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, list | tuple) else str(value)


def _drawn(card: RecordCard) -> Markup | None:
    from markupsafe import Markup

    if card.smiles is not None:
        return draw_molecule(card.smiles)
    if card.png is None:
        return None
    data = base64.b64encode(card.png).decode("ascii")
    return Markup(f'<img class="pixels" alt="the record" src="data:image/png;base64,{data}">')


def _base64(path: Path | str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode("ascii")
