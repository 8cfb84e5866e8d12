"""A search learns from what it found, asks for the same again, and reports no seed that it chose on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.defend.__main__ import SPACES, Setting, best_of, main, strongest
from scripts.defend.page import Chosen, Searched, write
from scripts.defend.search import Found, front, middle, search
from telltale.errors import InputError
from tests.rules.house import CONF

SPACE = {"none": {}, "noise": {"defense.sigma": {"low": 0.1, "high": 10.0, "log": True}}}
Tried = Sequence[tuple[str, tuple[str, ...]]]


def played(tried: Tried) -> list[tuple[float, ...] | None]:
    """Give noise of 1 the least leak, and let half of all words fail where they are above 5."""
    values: list[tuple[float, ...] | None] = []
    for _, options in tried:
        sigma = float(options[0].partition("=")[2]) if options else 0.01
        values.append(None if sigma > 5 else (abs(math.log(sigma)) / 4, 1 - sigma / 10))
    return values


def test_a_search_tries_every_word_first_and_the_same_every_time() -> None:
    """Catches a search whose suggestions hang on a clock, on the number of cores, or on failed trials."""
    pytest.importorskip("optuna", reason="the extra `optuna` is not installed")
    once, again = (search(SPACE, ["minimize", "maximize"], 14, 0, played) for _ in range(2))
    assert once == again and len(once) == 14
    assert [one.word for one in once[:2]] == ["none", "noise"] and once[1].options == ("defense.sigma=1",)
    assert len({one.options for one in once}) > 6


def test_a_search_finds_what_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a search that turns a direction round, or does not learn."""
    pytest.importorskip("optuna", reason="the extra `optuna` is not installed")
    space = {"a": {"x": {"low": -10.0, "high": 6.0}}}
    found = search(space, ["maximize"], 40, 0, lambda tried: [(-((float(o[0][2:]) - 3) ** 2),) for _, o in tried])
    assert min(abs(float(one.options[0][2:]) - 3) for one in found) < 0.25
    late = [abs(float(one.options[0][2:]) - 3) for one in found[-12:]]
    assert np.median(late) < np.median([abs(x - 3) for x in np.linspace(-10, 6, 100)]) / 2


def test_fewer_trials_than_words_are_refused() -> None:
    """Catches a word that a search never tried and calls beaten."""
    with pytest.raises(InputError, match="--trials=1: at least 2"):
        search(SPACE, ["minimize", "maximize"], 1, 0, played)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_else_beats(points: list[tuple[int, int]]) -> None:
    """Catches a front with a point that another beats, or without one that none does."""

    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return one[0] <= other[0] and one[1] >= other[1] and one != other

    expected = [place for place, point in enumerate(points) if not any(beats(other, point) for other in points)]
    assert front(points) == expected


def test_what_is_reported_is_below_the_ceiling_by_its_interval(tmp_path: Path) -> None:
    """Catches a defence praised for a leak that was low by chance."""
    found = [Found("none", (), (0.2, 0.9)), Found("noise", ("defense.sigma=1",), (0.0, 0.8)), Found("bad", (), None)]
    wide = Chosen(found[0], "rmia", (0.05, -0.1, 0.2), (0.9, 0.8, 1.0), 3)
    narrow = Chosen(found[1], "lira", (0.06, 0.05, 0.07), (0.8, 0.7, 0.9), 3)
    searched = Searched("defense", ["attack=lira"], "smoke", found, [wide, narrow], 0.1)
    assert searched.below == [narrow] and "noise, sigma 1; leak 0.060 [0.05, 0.07]" in searched.told()[-2]
    assert "utility 0.800 [0.70, 0.90], undefended 0.900 [0.80, 1.00]" in searched.told()[-2]
    assert searched.told()[-1].startswith("more useful, and perhaps below it, which more seeds would tell: none; leak")
    none = Searched("defense", ["attack=lira"], "smoke", found, [wide], 0.1)
    assert none.told()[-1].startswith("no defence is surely below the ceiling of 0.1: the nearest is none")
    page, table, picture = write(searched, tmp_path)
    assert "1 failed" in page.read_text() and "noise, sigma 1" in page.read_text()
    assert table.read_text().splitlines()[1].startswith("none,,rmia,0.05,-0.1,0.2") and picture.stat().st_size > 9000


def test_a_choice_that_was_tried_twice_is_played_again_once() -> None:
    """Catches a front of five equal points: neither of two equals beats the other."""
    twice = [Found("noise", ("defense.sigma=1",), (0.0, 0.8))] * 3
    found = [Found("none", (), (0.2, 0.9)), *twice, Found("bad", (), None)]
    setting = Setting("defense", ("attack=lira",), "smoke", Path("outputs"), 1, "code")
    assert best_of(setting, found) == [twice[0], found[0]]
    assert best_of(replace(setting, find="attack"), [found[0], *twice]) == [found[0], twice[0]]


def test_a_game_that_nothing_is_compared_in_is_told_in_one_line(tmp_path: Path) -> None:
    """Catches a traceback after a round of training."""
    document = {"metrics": {"novel_auc": {"value": 0.7, "low": 0.6, "high": 0.8}}, "target": {}}
    setting = Setting("defense", ("attack=molextract", "controls=none"), "smoke", tmp_path, 1, "code")
    run = setting.run("none", (), 0)
    run.folder.mkdir(parents=True)
    (run.folder / "metrics.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="--game=attack=molextract controls=none: a game whose attacks are compared"):
        strongest(setting, "none", run)


def test_spaces_are_of_words_that_there_are() -> None:
    """Catches a word that was renamed, and a range that ends before it begins."""
    for group, space in SPACES.items():
        words = {file.stem for file in (CONF / group.removesuffix("s")).glob("*.yaml")}
        assert set(space) <= words
        for given_options in (one for options in space.values() for one in options.values()):
            if isinstance(given_options, dict):
                assert given_options["low"] <= middle(given_options) <= given_options["high"]


def test_bad_words_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback, or a search of what cannot be searched."""
    assert main(["--find", "model"]) == 2 and main(["--seeds", "1"]) == 2 and main(["--game", "model=mlp"]) == 2
    told = capsys.readouterr().err
    assert "--find=model: one of defense, attack" in told and "--seeds=1: at least 2" in told
    assert "--game=model=mlp: words of the command line, attack=" in told
