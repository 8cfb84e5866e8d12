"""`python -m telltale …` is the command `telltale …`."""

from __future__ import annotations

from telltale.command import main

if __name__ == "__main__":
    main()
