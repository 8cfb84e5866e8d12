"""Run other tools' own functions on our models' answers and write docs/peers.md: `python -m scripts.peers`."""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.ending import exit_code
from scripts.peers import bounds, leakpro, metrics, privacy_guard, privacy_meter, sacro, tensorflow_privacy
from scripts.peers.answers import play
from scripts.peers.comparison import Comparison, compare
from scripts.peers.page import Measured, page
from telltale.progress import track

PAGE = Path(__file__).resolve().parents[2] / "docs" / "peers.md"
SOURCES: dict[str, Callable[[Path], list[Comparison]]] = {
    "leakpro": leakpro.load,
    "privacy_guard": privacy_guard.load,
    "privacy_meter": privacy_meter.load,
    "tensorflow_privacy": tensorflow_privacy.load,
}
SHIFTS = (1.0, 2.0, 3.0, 0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", nargs="*", default=[], metavar="NAME=FOLDER", help=f"names: {', '.join(SOURCES)}")
    parser.add_argument("--victims", type=int, default=3)
    parser.add_argument("--scale", default="small")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    sources, missing = _sources(options.source), dict[str, str]()
    comparisons, versions, loaded = list[Comparison](), list[str](), set[str]()
    for name in (*INSTALLED, *SOURCES):
        try:
            comparisons += INSTALLED[name]() if name in INSTALLED else SOURCES[name](sources[name])
        except KeyError:
            missing[name] = "no checkout was given"
            continue
        except ImportError as error:
            missing[name] = f"it requires {error.name or error}"
            continue
        loaded.add(name)
        versions.append(f"{name} {_commit(sources[name]) if name in sources else importlib.metadata.version(name)}")
    cases = play(options.victims, [f"scale={options.scale}"])
    found = known_bounds(loaded)
    models, points = len(cases[0].shadows), len(cases[0].truth)
    measured = Measured(
        rows=[compare(one, cases) for one in track(comparisons, "other tools")],
        game=f"`attack=lira scale={options.scale}`, {len(cases)} victims with {models} shadow models each, {points:,} "
        f"points, {len(cases[0].population):,} records of a population",
        versions=versions,
        missing=missing,
        metrics=metrics.table(cases[0], metrics.readings(frozenset(loaded))),
        signals=[["", *found], *bounds.on_signals(found, SHIFTS)],
        alarms=bounds.false_alarms(found),
    )
    text = page(measured)
    options.page.write_text(text, encoding="utf-8")
    print(text)
    return 0


def known_bounds(loaded: set[str]) -> dict[str, bounds.Bound]:
    """Return the bounds on ε of all that was loaded, ours first."""
    found = bounds.ours()
    if "jax_privacy" in loaded:
        found |= bounds.of_jax_privacy()
    if "privacy_meter" in loaded:
        found["Privacy Meter, δ = 0"] = privacy_meter.one_run_audit
    if "privacy_guard" in loaded:
        found["PrivacyGuard, no interval"] = partial(privacy_guard.epsilon, delta=bounds.DELTA)
    return found


def _jax_privacy() -> list[Comparison]:
    """Import jax_privacy, which has bounds and no attack."""
    import jax_privacy.auditing  # noqa: F401

    return []


INSTALLED: dict[str, Callable[[], list[Comparison]]] = {"sacroml": sacro.load, "jax_privacy": _jax_privacy}


def _sources(given: Sequence[str]) -> dict[str, Path]:
    sources = dict[str, Path]()
    for entry in given:
        name, _, folder = entry.partition("=")
        if name not in SOURCES or not Path(folder).is_dir():
            sys.exit(f"error: --source {entry}: expected NAME=FOLDER, a folder that is there and one of {[*SOURCES]}")
        sources[name] = Path(folder)
    return sources


def _commit(folder: Path) -> str:
    named = folder / "COMMIT"  # of a checkout without its history
    if named.exists():
        return named.read_text().strip()
    told = subprocess.run(["git", "-C", folder, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return told.stdout.strip() or "of no known commit"


if __name__ == "__main__":
    sys.exit(exit_code(main))
