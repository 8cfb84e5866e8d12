"""Bad input to attacks by malicious training code ends in one line before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.commands import command

WORDS = ("scale=smoke", "logger=none", "evaluation.replicates=100")
LINES = {
    "attack=weight_encoding attack.images=5000": ("attack.images=5000", "at most 74", "4,736 weights"),
    "attack=weight_encoding attack.method=sign attack.images=60": ("attack.images=60", "at most 9"),
    "attack=weight_encoding attack.method=ink": ("attack.method=ink", "correlated, sign, lsb, capacity"),
    "attack=weight_encoding attack.lambdas=[1,2,3]": ("attack.lambdas=[1, 2, 3]", "2 numbers", "backbone.layers.0"),
    "attack=weight_encoding attack.strength=0": ("attack.strength=0", "above 0"),
    "attack=weight_encoding attack.layers=outer": ("attack.layers=outer", "inner, all"),
    "attack=weight_encoding dataset=photo_tiles": ("attack.colour=null", "grey", "channels"),
    "attack=weight_encoding attack.select=std_range": ("attack.std_range=null", "two numbers"),
    "attack=weight_encoding attack.decode=eyes": ("attack.decode=eyes", "moment, minmax"),
    "attack=weight_encoding attack.method=lsb attack.lowest_bits=30": ("attack.lowest_bits=30", "1 to 23"),
    "attack=weight_encoding attack.method=capacity dataset=photo_tiles attack.colour=grey": (
        "attack.method=capacity",
        "9 classes, the data has 8",
    ),
    "attack=weight_encoding attack.method=sign variants=both_owners": ("variants.compression.modes=", "variants=none"),
    "attack=weight_encoding dataset=census": ("attack=weight_encoding", "works on images"),
    "attack=quantized_encoding attack.bits=0": ("attack.bits=0", "1 to 8"),
    "attack=quantized_encoding attack.quantizer=ternary": ("attack.quantizer=ternary", "histogram, affine"),
    "attack=quantized_encoding attack.compression=nobody": ("attack.compression=nobody", "attacker, owner"),
    "attack=quantized_encoding attack.fine_tuning=some": ("attack.fine_tuning=some", "none, task, correlated"),
    "attack=lira controls=benign": ("controls=benign", "malicious training code"),
}


@pytest.mark.parametrize("line", LINES)
def test_bad_input_is_told_in_one_line_and_trains_nothing(line: str, tmp_path: Path) -> None:
    """Catches a traceback, a field that is not named, and a payload found too large only after training."""
    ended = command(*WORDS, f"paths.outputs={tmp_path}", "paths.cache=outputs/cache", *line.split())
    assert ended.code == 2, ended.err
    told = [text for text in ended.err.splitlines() if text.startswith("error:")]
    assert len(told) == 1 and all(part in told[0] for part in LINES[line]), ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "store" / "release").exists()
