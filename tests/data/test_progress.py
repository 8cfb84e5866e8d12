"""The progress bar stays out of the way."""

from __future__ import annotations

import pytest

from telltale import progress
from telltale.progress import track


def test_quick_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_slow_work_without_terminal_tells_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    assert len(list(track(iter(range(50)), "counting", total=50))) == 50
    assert capsys.readouterr().err == "counting: 50 in 0 s\n"


def test_work_given_up_says_how_far_it_came(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    with pytest.raises(ZeroDivisionError):
        for item in track([2, 1, 0], "dividing"):
            1 / item
    assert capsys.readouterr().err == "dividing: 2 of 3 in 0 s\n"


def test_calls_from_python_are_silent_and_only_they(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches lines on a notebook's stderr, and a bar that stays away for good."""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)

    @progress.silently()
    def called() -> list[int]:
        return list(track([1, 2], "inside"))

    assert called() == [1, 2] and list(track([3], "outside")) == [3]
    assert capsys.readouterr().err == "outside: 1 in 0 s\n"
