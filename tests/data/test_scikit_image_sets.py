"""Faces and tiles are those of scikit-image's files, found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from telltale.data.images import lfw_subset, photo_tiles
from telltale.errors import InputError
from tests.experiment.commands import process

if find_spec("skimage") is None:
    pytest.skip("scikit-image is not installed, and tests fetch nothing", allow_module_level=True)


def test_the_first_hundred_are_faces() -> None:
    """Catches labels that are turned."""
    records = lfw_subset.load().records
    assert (len(records), records.shape) == (200, (1, 25, 25))
    assert (records.labels[:100] == 1).all() and (records.labels[100:] == 0).all()
    assert records.pixels.min() >= 0 and records.pixels.max() <= 1


@pytest.mark.parametrize("name", ["lfw_subset", "photo_tiles"])
def test_the_package_is_not_imported(name: str) -> None:
    """Catches the seconds that importing it takes; asked of a process of its own, as another test may import it."""
    program = f"import sys; from telltale.data.images import {name}; {name}.load(); print('skimage' in sys.modules)"
    ended = process(program=program)
    assert (ended.code, ended.out.strip()) == (0, "False"), ended.err[-500:]


def test_tiles_lie_where_they_were_cut() -> None:
    """Catches rows and columns, or channels, that are exchanged."""
    from PIL import Image

    from telltale.data.images.scikit_image import files_of

    records = photo_tiles.load(tiles=10_000).records
    with Image.open(files_of(["astronaut.png"], None)[0]) as opened:
        photo = np.asarray(opened.convert("RGB"))
    own = records.pixels[records.labels == 0]
    assert np.array_equal(own[0].transpose(1, 2, 0), photo[:32, :32])
    assert np.array_equal(own[1].transpose(1, 2, 0), photo[:32, 32:64])


def test_tiles_are_few_of_each_photograph_and_grey_on_demand() -> None:
    """Catches one photograph that makes up most of the set."""
    records = photo_tiles.load(size=16, tiles=40, grey=True).records
    assert records.shape == (1, 16, 16) and np.bincount(records.labels).max() <= 40 and len(records.classes) == 8


def test_options_out_of_range_name_their_field() -> None:
    """Catches a crash inside Pillow or numpy."""
    with pytest.raises(InputError, match=r"^dataset\.size=2: "):
        photo_tiles.load(size=2)
    with pytest.raises(InputError, match=r"^dataset\.tiles=0: "):
        photo_tiles.load(tiles=0)
