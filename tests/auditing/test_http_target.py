"""A model behind an address: asked in batches, asked again, never for more than allowed, and never twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from telltale.errors import InputError
from telltale.store.store import Store
from telltale.targets.endpoint import HttpTarget, as_json

RECORDS = np.random.default_rng(0).normal(size=(25, 3))


def right(inputs: Any) -> np.ndarray:
    second = 1 / (1 + np.exp(-np.asarray(inputs)[:, 0]))
    return np.stack([1 - second, second], 1)


class Served(ThreadingHTTPServer):
    """An endpoint that fails as it is told to: `plan` holds a state or a body for each coming request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.plan: list[Any] = []
        self.asked: list[int] = []
        self.headers: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/predict"


class Answering(BaseHTTPRequestHandler):
    server: Served

    def do_POST(self) -> None:
        inputs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        self.server.asked.append(len(inputs))
        self.server.headers.append(self.headers)
        planned = self.server.plan.pop(0) if self.server.plan else 200
        state, body = (planned, b"tired") if isinstance(planned, int) else (200, planned)
        if planned == 200:
            body = json.dumps({"outputs": right(inputs).tolist()}).encode()
        if planned == 0:  # hangs up
            self.connection.close()
            return
        self.send_response(state)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("no_proxy", "*")
    with Served() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def target(served: Served, store: Path | None = None, **options: Any) -> HttpTarget:
    asked = HttpTarget(**{"url": served.url, "batch_size": 10, "backoff": 0.0} | options)
    asked.store = None if store is None else Store(store)
    return asked


def test_an_endpoint_answers_in_batches(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches batches out of order, and a token that is not sent."""
    monkeypatch.setenv("MY_TOKEN", "let me in")
    assert np.allclose(target(served, bearer="MY_TOKEN").ask(RECORDS, ("no", "yes")), right(RECORDS))
    assert served.asked == [10, 10, 5]
    assert served.headers[0]["Authorization"] == "Bearer let me in"
    named = target(served, url=served.url.replace("http://", "http://me:secret@"))
    named.ask(RECORDS)
    assert served.headers[-1]["Authorization"] == "Basic bWU6c2VjcmV0" and "secret" not in named.name


def test_a_failure_that_passes_is_asked_again(served: Served) -> None:
    """Catches one bad gateway, or a line that breaks, that ends an audit."""
    served.plan = [503, 0, 200, 429]
    assert np.allclose(target(served).ask(RECORDS), right(RECORDS))
    assert served.asked == [10, 10, 10, 10, 10, 5]


def test_the_same_command_goes_on_after_a_failure(served: Served, tmp_path: Path) -> None:
    """Catches answers that are lost with the endpoint, and asked for, and paid, again."""
    served.plan = [200, 200, 500, 500]
    with pytest.raises(InputError, match=r"no answer after 2 tries \(state 500: tired\); what was answered is kept"):
        target(served, tmp_path, retries=1).ask(RECORDS)
    assert np.allclose(target(served, tmp_path, budget=5).ask(RECORDS), right(RECORDS))
    assert served.asked == [10, 10, 5, 5, 5]
    assert np.allclose(target(served, tmp_path, budget=1).ask(RECORDS), right(RECORDS))
    assert len(served.asked) == 5
    assert not np.allclose(target(served, tmp_path, url=f"{served.url}?model=b").ask(-RECORDS), right(RECORDS))


def test_no_more_is_sent_than_the_budget(served: Served) -> None:
    """Catches a budget that is noticed when it is spent, and tries that do not count."""
    with pytest.raises(InputError, match=r"target.budget=24: 25 of 25 records are yet to be asked about"):
        target(served, budget=24).ask(RECORDS)
    assert served.asked == []
    served.plan = [503, 503]
    with pytest.raises(InputError, match=r"target.budget=25: is spent, asked again ones counted \(state 503"):
        target(served, budget=25).ask(RECORDS)
    assert sum(served.asked) == 20


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ([404], "refuses the question .state 404: tired.; what was answered is kept"),
        ([b"<html>"], "answers '<html>'; expected"),
        ([b'{"predictions": [1]}'], "expected ..outputs"),
        ([b'{"outputs": [[0.5, 0.5], [1]]}'], "no rows of numbers"),
        ([b'{"outputs": [[0.5, 0.5]]}'], "about 10 records"),
    ],
)
def test_what_an_endpoint_says_otherwise_is_told_in_one_line(served: Served, plan: list[Any], said: str) -> None:
    """Catches a traceback of ours, and a bad answer that is asked for again and again."""
    served.plan = plan
    with pytest.raises(InputError, match=said):
        target(served).ask(RECORDS)
    assert len(served.asked) == 1


def test_an_endpoint_that_is_down_is_told_in_one_line(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a traceback of urllib, and options that no endpoint can have."""
    with pytest.raises(InputError, match=r"127.0.0.1:9/x: no answer after one try \(.*refused"):
        target(served, url="http://me:secret@127.0.0.1:9/x?key=secret", retries=0).ask(RECORDS)
    for options, said in (
        ({"url": None}, "an address"),
        ({"url": "file:///etc/passwd"}, "an address"),
        ({"bearer": "NOT_THERE"}, "no such environment variable"),
        ({"timeout": 0}, "target.timeout=0"),
    ):
        with pytest.raises(InputError, match=said):
            target(served, **options)


def test_records_of_every_kind_are_json() -> None:
    """Catches NaN, which JSON has not, and columns that lose their names."""
    frame = pd.DataFrame({"age": [1.5, np.nan], "sex": ["f", "m"]})
    assert as_json(frame) == [{"age": 1.5, "sex": "f"}, {"age": None, "sex": "m"}]
    assert as_json(np.array([[1.0, np.nan]])) == [[1.0, None]]
    assert as_json(["CCO"]) == ["CCO"]
