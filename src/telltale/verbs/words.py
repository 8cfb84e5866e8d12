"""The words after `telltale` that are no experiment: runs, sweep, compare, store, export.

Read by argparse before Hydra is asked; what a verb needs is imported when it is played.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from telltale.errors import InputError
from telltale.writing import escape_rest

LAYOUTS = ("npz", "lira", "privacy_meter", "leakpro")


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusals are one line, as all of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError; the usage stands in it."""
        usage = " ".join(self.format_usage().split()).removeprefix("usage: ")
        raise InputError("command line", shlex.join(sys.argv[1:]), f"{message}; usage: {usage}")


def play(words: Sequence[str]) -> None:
    """Play a verb and its arguments. Raises InputError for what cannot be read, found or done."""
    escape_rest(sys.stdout)
    verb, *arguments = words
    parser = PARSERS[verb]()
    given = parser.parse_intermixed_args(arguments)
    RUNNERS[verb](parser, given)


def _parser(verb: str, about: str) -> Parser:
    parser = Parser(prog=f"telltale {verb}", description=about, allow_abbrev=False)
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), metavar="FOLDER", help="of runs, sweeps and store (outputs)"
    )
    return parser


def _of_runs() -> Parser:
    parser = _parser("runs", "List the runs that there are, newest first, or show one.")
    parser.add_argument("what", nargs="?", choices=("list", "show"), default="list")
    parser.add_argument("run", nargs="?", metavar="RUN", help="its folder, or a part of its name that no other has")
    parser.add_argument("--last", type=int, default=20, metavar="N", help="how many are listed (20)")
    return parser


def _of_sweep() -> Parser:
    parser = _parser("sweep", "List the sweeps that have a name (-m … sweep=NAME), or show how the jobs of one stand.")
    parser.add_argument("name", nargs="?", metavar="SWEEP", help="its name, or its folder")
    return parser


def _of_compare() -> Parser:
    about = "Compare two runs number by number: paired where they judge the same points with the same draws."
    parser = _parser("compare", about)
    parser.add_argument("first", metavar="A", help="a run's folder, or a part of its name that no other has")
    parser.add_argument("second", metavar="B")
    parser.add_argument("--evidence", default="target", metavar="NAME", help="of a rival or control instead (target)")
    return parser


def _of_store() -> Parser:
    parser = _parser("store", "Show which run needs what of the store, how large it is, or delete what no run needs.")
    parser.add_argument("what", nargs="?", choices=("list", "size", "prune"), default="list")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="(store in --outputs)")
    parser.add_argument(
        "--shared", type=Path, metavar="FOLDER", help="a store of others, as paths.shared_store: counted"
    )
    parser.add_argument("--unused", action="store_true", help="prune: what no run below --outputs needs")
    parser.add_argument("--yes", action="store_true", help="prune: delete it; without, it is only listed")
    parser.add_argument("--older", action="store_true", help="prune: also where runs do not say what they need")
    return parser


def _of_export() -> Parser:
    about = "Write what the models of a run answered in the files of another tool (a run with report.answers=true)."
    parser = _parser("export", about)
    parser.add_argument("run", metavar="RUN", help="its folder, or a part of its name that no other has")
    parser.add_argument("--to", required=True, choices=LAYOUTS, help="layout, see docs/scores.md")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new one")
    return parser


def _runs(parser: Parser, given: Any) -> None:
    from telltale.verbs.runs import list_runs, show_run

    if (given.run is None) == (given.what == "show"):
        parser.error("show needs a RUN" if given.run is None else f"list takes no RUN ({given.run}); show does")
    if given.last < 1:
        parser.error(f"--last {given.last}: expected 1 or more")
    if given.what == "show":
        show_run(given.run, given.outputs)
    else:
        list_runs(given.outputs, given.last)


def _sweep(parser: Parser, given: Any) -> None:
    from telltale.verbs.sweep import list_sweeps, show

    if given.name is None:
        list_sweeps(given.outputs)
    else:
        show(given.name, given.outputs)


def _compare(parser: Parser, given: Any) -> None:
    from telltale.verbs.compare import compare

    compare(given.first, given.second, given.outputs, given.evidence)


def _store(parser: Parser, given: Any) -> None:
    from telltale.verbs.store import list_needs, list_sizes, prune

    root = given.outputs / "store" if given.store is None else given.store
    if given.what == "prune":
        if not given.unused:
            parser.error("prune needs --unused: what no run needs")
        prune(root, given.outputs, given.yes, given.older)
    elif given.unused or given.yes or given.older:
        parser.error(f"--unused, --yes and --older are of prune, not of {given.what}")
    elif given.what == "size":
        list_sizes(root, given.shared)
    else:
        list_needs(root, given.outputs, given.shared)


def _export(parser: Parser, given: Any) -> None:
    from telltale.verbs.export import export

    export(given.run, given.outputs, given.to, given.folder)


PARSERS = {"runs": _of_runs, "sweep": _of_sweep, "compare": _of_compare, "store": _of_store, "export": _of_export}
RUNNERS = {"runs": _runs, "sweep": _sweep, "compare": _compare, "store": _store, "export": _export}
