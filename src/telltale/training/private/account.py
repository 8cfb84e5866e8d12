"""What private training has spent, kept beside the weights it led to, and read again for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "privacy.json"


def write_account(entry: Path, ledger: Mapping[str, Any] | None, records: int, start: Path | None) -> None:
    """Write an entry's account: its own ledger and, under `start`, the account of what it started from."""
    before = read_account(start) if start else None
    if ledger or before:
        account = {"ledger": ledger, "records": records, "start": before}
        (entry / FILE).write_text(json.dumps(account, indent=1), encoding="utf-8")


def read_account(entry: Path) -> dict[str, Any] | None:
    """Read an entry's account; None where nothing in it was trained privately."""
    file = entry / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
