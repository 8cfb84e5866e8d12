"""A model behind an address: JSON in batches, retries, a budget of queries; what was answered is kept.

The protocol is one page, docs/http_target.md: `POST {"inputs": […]}` is answered by `{"outputs": […]}`.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

import numpy as np

from telltale.checks import number, whole_number
from telltale.data.given import taken
from telltale.errors import InputError
from telltale.targets.target import POPULATION, Target
from telltale.targets.users_code import digest_of

URL, KIND, FILE = "target.url", "endpoint_answers", "outputs.json"
LONGEST_S = 60.0  # between two tries
PASSING = (408, 425, 429, 500, 502, 503, 504)  # states that may be over soon
KEPT = "what was answered is kept; the same command goes on"


class HttpTarget(Target):
    """An endpoint that is asked over HTTP.

    url      http://… or https://…, of the endpoint itself
    timeout  seconds that one answer may take
    retries  how often a batch is asked again; backoff: seconds before the first time, twice as long each further time
    budget   at most so many records are sent, again asked ones counted; None = no limit
    bearer   environment variable with a token, sent as `Authorization: Bearer …`; None = none

    The rest as in `Target`. A batch that the store has is not asked again. Raises InputError where no answer comes.
    """

    def __init__(
        self,
        url: str | None = None,
        timeout: float = 30.0,
        retries: int = 4,
        backoff: float = 1.0,
        budget: int | None = None,
        bearer: str | None = None,
        gives: str = "probabilities",
        batch_size: int = 64,
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
        stand_in: bool = False,
    ) -> None:
        super().__init__(gives, batch_size, population, split, train, shadow_models, processes, stand_in)
        parts = urlsplit(str(url or ""))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(URL, "null" if url is None else url, "an address, e.g. http://127.0.0.1:8000/predict")
        self.timeout = number("target.timeout", timeout, above=0)
        self.retries = whole_number("target.retries", retries, 0)
        self.backoff = number("target.backoff", backoff, least=0)
        self.budget, self.sent = whole_number("target.budget", budget, or_null=True), 0
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"} | _secret(parts, bearer)
        host = parts.netloc.rpartition("@")[2]
        self._shown = urlunsplit((parts.scheme, host, parts.path, "", ""))  # without a password or a key
        self.url = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))

    @property
    def name(self) -> str:
        """Name the address."""
        return self._shown

    def ask(self, inputs: Any, classes: tuple[str, ...] = (), ids: np.ndarray | None = None) -> np.ndarray:
        """Ask as `Target` does. Raises InputError at once where more are to be sent than the budget allows."""
        self.check_budget(inputs)
        return super().ask(inputs, classes, ids)

    def check_budget(self, inputs: Any) -> None:
        """Refuse, by InputError, more records than may be sent."""
        if self.budget is None:
            return
        size, rows = self.batch_size, np.arange(len(inputs))
        batches = [taken(inputs, rows[start : start + size]) for start in range(0, len(inputs), size)]
        asked = sum(len(batch) for batch in batches if self.kept(batch) is None)
        if asked > self.budget - self.sent:
            expected = f"{asked:,} of {len(inputs):,} records are yet to be asked about; raise it, or give fewer"
            raise InputError("target.budget", self.budget, expected)

    def answer(self, inputs: Any) -> np.ndarray:
        """Return the answer about a batch: of the store, or of the endpoint."""
        kept = self.kept(inputs)
        if kept is not None:
            return self._as_array(json.loads((kept / FILE).read_text(encoding="utf-8")))
        said = self._asked(inputs)
        values = self._as_array(said)
        if len(values) == len(inputs) and self.store is not None:

            def make(entry: Path, _: Path) -> None:
                (entry / FILE).write_text(json.dumps(said), encoding="utf-8")

            self.store.find_or_make(KIND, self._document(inputs), make)
        return values

    def _as_array(self, outputs: Any) -> np.ndarray:
        try:
            return np.asarray(outputs, dtype=None if self.gives == "labels" else float)
        except (ValueError, TypeError):
            expected = "outputs are no rows of numbers, all of one length"
            raise InputError(URL, self._shown, expected) from None

    def _document(self, inputs: Any) -> dict[str, Any]:
        return {"url": self._shown, "address": digest_of(self.url), "gives": self.gives, "inputs": digest_of(inputs)}

    def kept(self, inputs: Any) -> Path | None:
        """Return the entry of the answer about a batch; None where the store has none."""
        return None if self.store is None else self.store.find(KIND, self._document(inputs))

    def _asked(self, inputs: Any) -> Any:
        """Ask the endpoint, again where its failure may pass. Raises InputError, saying what the last one was."""
        body = json.dumps({"inputs": as_json(inputs)}, allow_nan=False).encode()
        failure = ""
        for attempt in range(self.retries + 1):
            if self.budget is not None and self.sent + len(inputs) > self.budget:
                expected = f"is spent, asked again ones counted ({failure}); {KEPT}"
                raise InputError("target.budget", self.budget, expected)
            self.sent += len(inputs)
            try:
                with urlopen(Request(self.url, body, self._headers), timeout=self.timeout) as answer:
                    return _outputs(answer.read(), self._shown)
            except HTTPError as error:
                said = error.read(300).decode("utf-8", "replace")
                failure, patience = f"state {error.code}: {said or error.reason}", _patience(error)
                if error.code not in PASSING:
                    raise InputError(URL, self._shown, f"refuses the question ({failure}); {KEPT}") from None
            except (URLError, HTTPException, OSError) as error:
                failure, patience = str(getattr(error, "reason", None) or error or type(error).__name__), 0.0
            if attempt < self.retries:
                time.sleep(min(max(self.backoff * 2**attempt, patience), LONGEST_S))
        tries = f"{self.retries + 1} tries" if self.retries else "one try"
        raise InputError(URL, self._shown, f"no answer after {tries} ({failure}); {KEPT}")


def as_json(inputs: Any) -> list[Any]:
    """Return a batch as JSON knows it: rows of numbers, texts, or for a data frame {column: value}; missing is null."""
    if hasattr(inputs, "iloc"):
        return json.loads(inputs.to_json(orient="records", double_precision=15))
    listed = inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
    return [_without_nan(row) for row in listed]


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _outputs(body: bytes, url: str) -> Any:
    """Return `outputs` of an answer. Raises InputError for anything else."""
    try:
        return json.loads(body)["outputs"]
    except (ValueError, KeyError, TypeError):
        shown = body[:80].decode("utf-8", "replace")
        raise InputError(URL, url, f'answers {shown!r}; expected {{"outputs": […]}} (docs/http_target.md)') from None


def _patience(error: HTTPError) -> float:
    """Return the seconds that the endpoint asks to wait."""
    said = error.headers.get("Retry-After", "") if error.headers else ""
    return float(said) if said.isdigit() else 0.0


def _secret(parts: SplitResult, variable: str | None) -> dict[str, str]:
    """Return the header that opens the door: a token of the environment, or the name and password of the address."""
    if variable is None and parts.username is None:
        return {}
    if variable is None:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    if variable not in os.environ:
        raise InputError("target.bearer", variable, "no such environment variable; it holds the token, not the command")
    return {"Authorization": f"Bearer {os.environ[variable]}"}
