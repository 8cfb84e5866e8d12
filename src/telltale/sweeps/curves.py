"""What a sweep says of a swept number: a metric against it, a line for each setting of the other swept options."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from telltale.sweeps.grid import option_of

AT_MOST = 6  # figures on a page
Interval = tuple[float, float, float]  # a value, and the ends of its interval


@dataclass(frozen=True)
class Measured:
    """A finished job: words that make it, by option, and (value, low, high) of its metrics."""

    words: Mapping[str, str]
    metrics: Mapping[str, tuple[float, float, float]]

    @classmethod
    def of(cls, words: Sequence[str], metrics: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Measured:
        """Read a job; metrics: those of metrics.json, of which `names` are taken where they have a value."""
        present = {name: metrics[name] for name in names if name in metrics and metrics[name]["value"] is not None}
        limits = {
            name: tuple(metric["value"] if metric[end] is None else metric[end] for end in ("value", "low", "high"))
            for name, metric in present.items()
        }
        return cls({option_of(word): word.partition("=")[2] for word in words}, limits)


@dataclass(frozen=True)
class Curve:
    """A metric against a swept option.

    lines   setting of the other options -> (x, value, low, high) by x
    seeds   of the points, the largest number: one = a run's own interval, several = Student's over them
    """

    option: str
    metric: str
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]]
    seeds: int = field(default=1)

    @property
    def caption(self) -> str:
        """Say what is drawn."""
        from telltale.reporting.sentences import metric_title

        over_seeds = f"mean and 95 % interval over up to {self.seeds} seeds"
        spread = over_seeds if self.seeds > 1 else "each run's own 95 % interval"
        return f"{metric_title(self.metric)} against {self.option}: {spread}"


def curves_of(jobs: Sequence[Measured]) -> list[Curve]:
    """Return a curve for each swept number and metric: numbers in the order of the words, metrics in theirs."""
    options = list(dict.fromkeys(option for job in jobs for option in job.words))
    swept = [option for option in options if len({job.words.get(option) for job in jobs}) > 1]
    numeric = [o for o in swept if o != "seed" and all(_number(job.words.get(o)) is not None for job in jobs)]
    metrics = list(dict.fromkeys(name for job in jobs for name in job.metrics))
    curves = [_curve(jobs, option, metric, swept) for option in numeric for metric in metrics]
    return [curve for curve in curves if any(len(line) > 1 for line in curve.lines.values())][:AT_MOST]


def _curve(jobs: Sequence[Measured], option: str, metric: str, swept: Sequence[str]) -> Curve:
    others = [name for name in swept if name not in (option, "seed")]
    found: dict[str, dict[float, dict[str, Interval]]] = defaultdict(lambda: defaultdict(dict))
    for job in jobs:
        x = _number(job.words.get(option))
        if metric in job.metrics and x is not None:
            label = " ".join(f"{name}={job.words.get(name, '')}" for name in others)
            found[label][x][job.words.get("seed", "")] = job.metrics[metric]  # equal jobs say the same, once
    most = max((len(seeds) for points in found.values() for seeds in points.values()), default=1)
    lines = {
        label: [(x, *_point(list(seeds.values()), most)) for x, seeds in sorted(points.items())]
        for label, points in found.items()
    }
    return Curve(option, metric, lines, most)


def _point(values: Sequence[Interval], most: int) -> Interval:
    """Return a point over seeds; beside points over several, one of a single seed has no interval."""
    value = values[0][0]
    return (value, value, value) if len(values) < 2 <= most else over_seeds(values)


def over_seeds(values: Sequence[Interval]) -> Interval:
    """Return a mean with its 95 % interval by Student's t; of one run, its own.

    >>> [round(end, 2) for end in over_seeds([(0.5, 0.4, 0.6), (0.7, 0.6, 0.8), (0.6, 0.5, 0.7)])]
    [0.6, 0.35, 0.85]
    """
    if len(values) == 1:
        return values[0]
    from telltale.evaluation.variance import students_quantile

    middle = sum(value for value, _, _ in values) / len(values)
    variance = sum((value - middle) ** 2 for value, _, _ in values) / (len(values) - 1)
    reach = students_quantile(len(values) - 1) * math.sqrt(variance / len(values))
    return middle, middle - reach, middle + reach


def drawn(curve: Curve) -> bytes:
    """Return a curve as a PNG file: lines with bands, a logarithmic axis where numbers span a hundredfold."""
    from telltale.reporting.figures import RIVALS, TARGET, legend_below, new_figure
    from telltale.reporting.sentences import metric_title

    figure, axes = new_figure("", curve.option, metric_title(curve.metric))
    for place, (label, points) in enumerate(curve.lines.items()):
        colour = (TARGET, *RIVALS)[place % (1 + len(RIVALS))]
        x, value, low, high = zip(*points, strict=True)
        axes.plot(x, value, color=colour, marker="o", markersize=4, linewidth=1.6, label=label or None)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    every = [point[0] for points in curve.lines.values() for point in points]
    if min(every) > 0 and max(every) >= 100 * min(every):
        axes.set_xscale("log")
    legend_below(axes)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, bbox_inches="tight", facecolor="white")
    return written.getvalue()


def _number(text: str | None) -> float | None:
    """Return a value of the command line as a number; None where it is none."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
