"""Which GPU a run names: the one that its fits may use, and none where they are held to processors."""

from __future__ import annotations

import pytest
import torch
from omegaconf import OmegaConf

from telltale.reporting.run_folder import _gpu


@pytest.mark.parametrize(
    ("accelerator", "there", "said"),
    [("auto", True, "NVIDIA H100"), ("gpu", True, "NVIDIA H100"), ("cpu", True, None), ("auto", False, None)],
)
def test_a_run_names_the_gpu_that_its_fits_may_use(
    accelerator: str, there: bool, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches figures of a processor that are taken for a GPU's because one was there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    assert _gpu(OmegaConf.create({"trainer": {"accelerator": accelerator}})) == said
    assert _gpu(OmegaConf.create({})) == (said if accelerator != "cpu" else "NVIDIA H100")
