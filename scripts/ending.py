"""How a script ends that somebody runs: an exit code, and in the place of a traceback one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from telltale.errors import InputError

BAD_INPUT, INTERRUPTED = 2, 130


def exit_code(main: Callable[[], int | None], kept: str = "") -> int:
    """Run a script and return its exit code: its own or 0, 2 for bad input, 130 where it is interrupted.

    kept: what is then said of what it has made.
    """
    try:
        return main() or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stopped:
        line = " ".join(filter(None, ("interrupted", str(stopped))))
        print(": ".join(filter(None, (line, kept))), file=sys.stderr)
        return INTERRUPTED
