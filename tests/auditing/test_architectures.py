"""Networks of others as targets: asked by their weights and SMILES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from telltale.errors import InputError
from telltale.models.released import chemprop, hu2020
from telltale.targets.network import TorchTarget


def test_a_network_of_others_is_asked_by_its_weights_and_smiles(tmp_path: Path) -> None:
    """Catches an architecture whose width has to be said, and a fine-tuned encoder that gives no probabilities."""
    smiles = ["CCO", "c1ccccc1"]
    regression, classifier = chemprop.Chemprop(hidden=8).eval(), hu2020.predictor("gcn", 2, 8).eval()
    for name, network in (("chemprop", regression), ("hu2020_gcn", classifier)):
        kept = {key: part.reshape(1) if not part.ndim else part for key, part in network.state_dict().items()}
        save_file(kept, tmp_path / f"{name}.safetensors")  # a count as (1,), as old files have it
    values, probabilities = (
        TorchTarget(architecture=name, weights=str(tmp_path / f"{name}.safetensors"), device="cpu")
        for name in ("chemprop", "hu2020_gcn")
    )
    with torch.no_grad():
        assert np.allclose(values.ask(smiles), regression(chemprop.graphs_of(smiles)))
        second = classifier(hu2020.graphs_of(smiles)).sigmoid()
    assert np.allclose(probabilities.ask(smiles)[:, 1], second, atol=1e-6)
    assert (values.gives, values.name, probabilities.gives) == ("values", "chemprop", "probabilities")
    assert values._known.prepare(smiles) is values._known.prepare(list(smiles))  # laid out once for shadow models
    with pytest.raises(InputError, match="takes molecules"):
        values.ask(np.zeros((2, 3)))
    with pytest.raises(InputError, match="do not fit Chemprop: message_passing"):
        TorchTarget(architecture="chemprop", weights=str(tmp_path / "hu2020_gcn.safetensors"))
