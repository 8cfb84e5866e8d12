"""`telltale store`: which run needs what, how large it is, and what no run needs, deleted when asked to."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from telltale.errors import InputError
from telltale.reporting.status import RUNNING
from telltale.store.digests import ENTRY
from telltale.verbs.found import Run, runs_below, table

COMPANY = "company"  # says which models were trained together: needed as long as one of them is
SHOWN = 5  # runs or entries that a message names


def list_needs(root: Path, outputs: Path, shared: Path | None = None) -> None:
    """Print a line a run: how many entries it needs, how large they are, and what it alone needs.

    shared: a store of others; what runs need of it and is not here is counted in a column of its own.
    """
    sizes, runs = _sizes(root), runs_below(outputs)
    needs = {run: (run.needs or frozenset()) & sizes.keys() for run in runs}
    times: dict[str, int] = defaultdict(int)
    for entries in needs.values():
        for entry in entries:
            times[entry] += 1
    theirs = {entry: size for entry, size in (_sizes(shared) if shared else {}).items() if entry not in sizes}
    rows = []
    for run, entries in needs.items():
        alone = [entry for entry in entries if times[entry] == 1]
        told = (f"{len(entries):,}", _bytes(sizes, entries), _bytes(sizes, alone))
        there = [entry for entry in theirs if entry in (run.needs or ())]
        beside = (f"{len(there):,}, {_bytes(theirs, there)}",) if shared else ()
        rows.append((run.name, run.status, *(told if run.needs is not None else ("does not say", "", "")), *beside))
    unused = _unused(root, sizes, frozenset().union(*needs.values()))
    of_shared = ("of the shared store",) if shared else ()
    rows.append(("no run", "", f"{len(unused):,}", _bytes(sizes, unused), "", *("" for _ in of_shared)))
    print(table(("run", "status", "entries", "size", "of it alone", *of_shared), rows))


def list_sizes(root: Path, shared: Path | None = None) -> None:
    """Print a line a kind of entry, and what was set aside as damaged or lies unfinished.

    shared: a store of others, counted in lines of its own, and not in those of all.
    """
    sizes = _sizes(root)
    kinds: dict[str, list[str]] = defaultdict(list)
    for entry in sizes:
        kinds[entry.partition("/")[0]].append(entry)
    rows = [(kind, f"{len(entries):,}", _bytes(sizes, entries)) for kind, entries in sorted(kinds.items())]
    for name, meaning in ((".partial", "unfinished, gone on from"), (".damaged", "damaged, set aside")):
        if size := _size(root / name):
            rows.append((meaning, "", _written(size)))
    rows.append(("all", f"{len(sizes):,}", _bytes(sizes, sizes)))
    if shared:
        theirs = _sizes(shared)
        both = [entry for entry in theirs if entry in sizes]
        rows.append(("shared", f"{len(theirs):,}", _bytes(theirs, theirs)))
        rows.append(("of them here, too", f"{len(both):,}", _bytes(theirs, both)))
    print(table(("kind", "entries", "size"), rows))


def prune(root: Path, outputs: Path, yes: bool, older: bool) -> None:
    """Print what no run below `outputs` needs, and delete it where `yes`; the same commands would make it again.

    older: also where a run does not say what it needs, because an older version or a killed process left it. Raises
    InputError where one is running, or does not say and `older` is not given.
    """
    sizes, runs = _sizes(root), runs_below(outputs)
    if not runs:
        raise InputError(
            "--outputs", outputs, "holds no run, so nothing says what is needed; to empty a store, delete it"
        )
    if running := [run for run in runs if run.status == RUNNING]:
        raise InputError("store", root, f"{_named(running)} running; what they need is known at their end")
    silent = [run for run in runs if run.needs is None]
    if silent and not older:
        expected = (
            f"{_named(silent)} of an older version or killed, and may need any of it; add --older to prune anyway"
        )
        raise InputError("store", root, expected)
    needed = frozenset().union(*(run.needs or frozenset() for run in runs))
    unused = _unused(root, sizes, needed)
    if not unused:
        print(f"nothing: all {len(sizes):,} entries of {root} are needed by a run below {outputs}")
        return
    for entry in unused[:SHOWN]:
        print(f"{entry}  {_written(sizes[entry])}")
    if len(unused) > SHOWN:
        print(f"and {len(unused) - SHOWN:,} more")
    told = f"{len(unused):,} of {len(sizes):,} entries, {_bytes(sizes, unused)}: no run below {outputs} needs them"
    if not yes:
        print(f"{told}. Nothing was deleted; add --yes")
        return
    for entry in unused:
        _delete(root, entry)
    print(f"deleted {told}")


def _named(runs: list[Run]) -> str:
    names = ", ".join(run.name for run in runs[:SHOWN]) + (", …" if len(runs) > SHOWN else "")
    return f"{len(runs):,} run{'s are' if len(runs) > 1 else ' is'} ({names})"


def _sizes(root: Path) -> dict[str, int]:
    """Return kind/key -> bytes. Raises InputError where there is no store."""
    if not root.is_dir():
        raise InputError("--store", root, "no such folder; it is the one that paths.store names")
    folders = sorted(folder for folder in root.glob("[!.]*/*") if folder.is_dir())
    return {f"{folder.parent.name}/{folder.name}": _size(folder) for folder in folders}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _unused(root: Path, sizes: Mapping[str, int], needed: frozenset[str]) -> list[str]:
    """Return the entries that none needs; what says who was trained together stays as long as one of them does."""
    kept = {
        entry
        for entry in sizes
        if entry.startswith(f"{COMPANY}/") and any(f"release/{model}" in needed for model in _company(root / entry))
    }
    return [entry for entry in sizes if entry not in needed and entry not in kept]


def _company(entry: Path) -> Iterable[str]:
    try:
        return list(json.loads((entry / ENTRY).read_text(encoding="utf-8"))["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _delete(root: Path, entry: str) -> None:
    """Delete an entry: it is gone at once, and what a broken-off deletion leaves is swept later."""
    partial = root / ".partial"
    place = partial / f"pruned-{uuid.uuid4().hex[:12]}"
    try:
        partial.mkdir(exist_ok=True)
        os.replace(root / entry, place)  # noqa: PTH105 (atomic on every platform)
        shutil.rmtree(place)
    except OSError as error:
        raise InputError("store", root / entry, f"cannot be deleted ({error.strerror})") from error


def _bytes(sizes: Mapping[str, int], entries: Iterable[str]) -> str:
    return _written(sum(sizes[entry] for entry in entries))


def _written(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
