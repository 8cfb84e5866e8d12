"""The collector of garbage looks rarely while a command loads its libraries, and as usual behind that."""

from __future__ import annotations

import gc

from telltale.process import start_quickly, started


def test_garbage_is_looked_for_as_usual_once_a_command_has_started() -> None:
    """Catches a long training in which nothing is given back, and a program that embeds us and finds it changed."""
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    started()
    assert gc.get_threshold() == usual and gc.get_freeze_count() <= frozen, "nothing was begun"  # frozen ones may go
    start_quickly()
    start_quickly()
    assert gc.get_threshold() > usual
    started()
    assert gc.get_threshold() == usual
    gc.unfreeze()
