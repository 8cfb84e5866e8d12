"""claims.json: a paper's verdicts for other programs, and for the same command later, which says what flipped."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale import __version__
from telltale.errors import InputError
from telltale.papers.claims import Verdict
from telltale.papers.judging import Tested
from telltale.papers.seeds import LEVEL
from telltale.reporting.metrics_file import write_json

REFERRING = ("The same", "So ", "And ", "It ", "Its ")  # how a text begins that says nothing without the one before


@dataclass(frozen=True)
class Tally:
    """What a paper's verdicts come to, those that another paper's runs decide apart.

    holds, fails, unknown  verdicts
    tested                 claims to which the rule was applied and whose verdict was not held back
    survive                verdicts that stand after Holm over the paper's claims
    elsewhere              claims that another paper decides, which counts them
    """

    holds: int
    fails: int
    unknown: int
    tested: int
    survive: int
    elsewhere: int = 0

    @classmethod
    def of(cls, tested: Sequence[Tested]) -> Tally:
        """Count."""
        own = [test for test in tested if test.claim.elsewhere is None]
        count = Counter(test.verdict for test in own)
        put_to_it = sum(test.p is not None and not test.withheld for test in own)
        survive = sum(bool(test.survives) for test in own)
        decided = count[Verdict.HOLDS], count[Verdict.FAILS], count[Verdict.UNKNOWN]
        return cls(*decided, put_to_it, survive, len(tested) - len(own))

    @property
    def claims(self) -> int:
        """All of its own."""
        return self.holds + self.fails + self.unknown

    @property
    def wrong(self) -> float:
        """Expected number of wrong verdicts, at most: 2.5 % of the claims that were tested.

        Not 2.5 % of the verdicts that were reached: a claim whose truth lies at its bound reaches one by error alone.
        """
        return LEVEL * self.tested


def write_json_of(title: str, tested: Sequence[Tested], folder: Path) -> Path:
    """Write claims.json: the version whose rules judged, then each claim's figures, p, verdict and reason."""
    tally = Tally.of(tested)
    entries = [
        {
            "id": id_,
            "text": test.claim.text,
            "source": test.claim.source,
            "paper": test.claim.paper,
            "value": test.value,
            "low": test.low,
            "high": test.high,
            "rows": test.rows,
            "seeds": test.seeds,
            "verdict": str(test.verdict),
            "decided_by": f"{test.claim.elsewhere.paper}: {test.claim.elsewhere.claim}"
            if test.claim.elsewhere
            else None,
            "reason": test.reason,
            "p": test.p,
            "p_holm": test.adjusted,
            "survives_holm": test.survives,
        }
        for id_, test in zip(ids(test.claim.text for test in tested), tested, strict=True)
    ]
    counts = {**vars(tally), "expected_wrong": tally.wrong}
    document = {"paper": title, "judged_by": __version__, "verdicts": counts, "claims": entries}
    return write_json(folder / "claims.json", document)


def ids(texts: Iterable[str]) -> list[str]:
    """Name claims by their texts, after what they refer to; a name that comes again is numbered.

    >>> ids(["It leaks.", "The same on digits.", "The same on digits."])
    ['It leaks.', 'It leaks. The same on digits.', 'It leaks. The same on digits. (2)']
    """
    seen: Counter[str] = Counter()
    named, whole = [], ""
    for text in texts:
        refers = bool(whole) and text.startswith(REFERRING)
        name = f"{whole} {text}" if refers else text
        whole = whole if refers else text
        seen[name] += 1
        named.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return named


def read_verdicts(file: Path) -> dict[str, str]:
    """Read earlier verdicts, id -> verdict: of a claims.json, or of a Markdown page with such a table.

    InputError where the file is neither.
    """
    try:
        text = file.read_text("utf-8")
        if file.suffix == ".md":
            return _of_page(text)
        return {entry["id"]: entry["verdict"] for entry in json.loads(text)["claims"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "--against", file, "a claims.json that this command wrote, or a page with its table"
        ) from error


def _of_page(text: str) -> dict[str, str]:
    """Read the table of a page, whose columns are claim, paper, ours, verdict. ValueError where there is none."""
    lines = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")]
    start = next((place for place, cells in enumerate(lines) if cells[:2] == ["claim", "paper"]), len(lines))
    rows = [(cells[0], cells[3].partition(":")[0]) for cells in lines[start + 2 :] if len(cells) >= 4]
    rows = [(claim, verdict) for claim, verdict in rows if verdict in set(Verdict)]  # other tables may come below
    if not rows:
        raise ValueError("no table of claims")
    names = ids(claim.partition("<br>")[0].replace("\\|", "|") for claim, _ in rows)
    return dict(zip(names, (verdict for _, verdict in rows), strict=True))


@dataclass(frozen=True)
class Flips:
    """What changed since earlier verdicts.

    changed    claim, verdict then, verdict now with its reason
    new, gone  claims that only one of both has: a claim that was reworded is both
    """

    changed: Sequence[tuple[str, str, str]]
    new: int
    gone: int


def flipped(tested: Sequence[Tested], earlier: Mapping[str, str]) -> Flips:
    """Compare verdicts with earlier ones, claim by claim."""
    now = dict(zip(ids(test.claim.text for test in tested), tested, strict=True))
    changed = [
        (id_, earlier[id_], f"{test.verdict}{f' ({test.reason})' if test.reason else ''}")
        for id_, test in now.items()
        if id_ in earlier and earlier[id_] != test.verdict
    ]
    return Flips(changed, len([id_ for id_ in now if id_ not in earlier]), len([i for i in earlier if i not in now]))
