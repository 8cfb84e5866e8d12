"""The fetched trunk sees what it should: with its own last layer it names photographs that anybody can look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from telltale.data.artefacts import ARTEFACTS
from telltale.models.efficientnet_lite import EfficientNetLiteTrunk
from telltale.models.fetched_weights import fetched_weights
from telltale.models.pretrained import FrozenTrunk

NAME = "efficientnet_lite0"
DOWNLOADS = Path(__file__).parents[2] / "outputs" / "cache" / "downloads"
FETCHED = DOWNLOADS / NAME / ARTEFACTS[NAME].files[0].name
EGYPTIAN_CAT, ESPRESSO = 285, 967  # of ImageNet's 1,000 classes, in their usual order


def named(photograph: str, trunk: torch.nn.Module, prepared: FrozenTrunk) -> list[int]:
    """Return the five classes that the network finds most probable, the first first."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed, and tests fetch nothing")
    levels = getattr(data, photograph)()
    height, width = levels.shape[:2]
    side, top, left = min(height, width), (height - min(height, width)) // 2, (width - min(height, width)) // 2
    square = np.ascontiguousarray(levels[top : top + side, left : left + side].transpose(2, 0, 1))
    stored = load_file(prepared.file)
    features = trunk(prepared.prepared(torch.from_numpy(square)[None].float() / 255))
    scores = features @ stored["_fc.weight"].T + stored["_fc.bias"]
    return scores[0].topk(5).indices.tolist()


@pytest.mark.skipif(not FETCHED.is_file(), reason=f"not fetched, as by: python -m scripts.fetch_data {NAME}")
@pytest.mark.parametrize(("photograph", "expected"), [("cat", EGYPTIAN_CAT), ("coffee", ESPRESSO)])
def test_the_fetched_network_names_a_cat_and_a_cup_of_coffee(photograph: str, expected: int) -> None:
    """Catches units, or layers put together otherwise, that fit the shapes of the file and not its weights."""
    prepared = FrozenTrunk(NAME, fetched_weights(NAME, str(DOWNLOADS), "model.weights"))
    network = prepared.network()
    assert isinstance(network, EfficientNetLiteTrunk)
    assert named(photograph, network, prepared)[0] == expected
