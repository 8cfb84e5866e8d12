"""docs/benchmarks.md: each section is written as soon as it is measured, so that an interrupted run loses nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from telltale.data.molecules.cache import write_whole

HEAD = (
    "# Benchmarks\n\nWritten by `make bench`, section by section; each ratio is from one run, side by side. Each "
    "section says when it was measured, where, and what the load of the machine was before it began.\n"
)
CALM = 1.5  # load average up to which figures are not called provisional
MARK = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)


def sections_of(text: str) -> dict[str, str]:
    """Read the sections of a page by name."""
    _, *parts = MARK.split(text)
    return {name: section.strip() + "\n" for name, section in zip(parts[::2], parts[1::2], strict=True)}


def put(page: Path, name: str, section: str, order: list[str]) -> None:
    """Write one section of a page anew and leave the others; in `order`, which drops those it does not name."""
    kept = sections_of(page.read_text(encoding="utf-8")) if page.exists() else {}
    kept[name] = section.strip() + "\n"
    parts = [f"<!-- {known} -->\n{kept[known]}" for known in order if known in kept]
    page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(page, lambda file: file.write_text("\n".join([HEAD, *parts]), encoding="utf-8"))


def measured(name: str, measure: Callable[[], str]) -> str:
    """Measure a section and say under its heading when, where, at which load and for how long."""
    load, day, began = load_now(), time.strftime("%Y-%m-%d %H:%M"), time.perf_counter()
    heading, _, text = measure().strip().partition("\n")
    seconds = time.perf_counter() - began
    provisional = " **Provisional**: other work ran at the same time." if load >= CALM else ""
    command = f"`python -m scripts.bench --only {name}`, {seconds:.0f} s"
    stamp = f"*{day}, {command}; {machine()}; load average {load:.1f} before.*"
    return f"{heading}\n\n{stamp}{provisional}\n\n{text.strip()}\n"


def load_now() -> float:
    """Return the load average of the last minute, 0 where there is none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def machine() -> str:
    """Name cores, processor and versions."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "numpy", "rdkit"))
    return f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {versions}"


def ordered(sections: Mapping[str, object]) -> list[str]:
    """Return the order of a page: as measured, what was measured on a GPU last."""
    return [*sections, "gpu"]


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
