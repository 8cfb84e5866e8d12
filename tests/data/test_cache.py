"""What is kept on disk between runs is what was written, or made again."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from telltale.data.molecules.cache import through_cache, write_whole
from tests.training.test_damage import DAMAGES

VALUE = ["Fc1ccsc1", "CCO"]


def kept(path: Path, made: list[str]) -> list[str]:
    def make() -> list[str]:
        made.append("made")
        return VALUE

    def save(value: list[str], file: Path) -> None:
        write_whole(file, lambda part: part.write_text(json.dumps(value)))

    return through_cache(path, lambda file: list(json.loads(file.read_text())), save, make)


@pytest.mark.parametrize("damage", [*DAMAGES, "another word"])
def test_a_damaged_file_of_the_cache_is_made_again(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a flipped bit that makes another molecule, or one that no later run can read."""
    monkeypatch.setattr(logging.getLogger("telltale"), "propagate", True)
    path, made = tmp_path / "candidates.json", list[str]()
    kept(path, made)
    assert kept(path, made) == VALUE and made == ["made"]
    DAMAGES.get(damage, lambda file: file.write_text('["CCN", "CCO"]'))(path)
    assert kept(path, made) == VALUE and made == ["made"] * 2
    assert kept(path, made) == VALUE and made == ["made"] * 2
    assert len(caplog.messages) == (damage != "deleted")


def test_a_cache_of_before_digests_serves(tmp_path: Path) -> None:
    """Catches molecules that are all read again after an upgrade."""
    path, made = tmp_path / "candidates.json", list[str]()
    kept(path, made)
    (tmp_path / "candidates.json.digest").unlink()
    assert kept(path, made) == VALUE and made == ["made"]
