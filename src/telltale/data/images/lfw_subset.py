"""Faces: 100 of Labeled Faces in the Wild (Huang et al. 2007) and 100 patches without one, 25 x 25 grey."""

from __future__ import annotations

import numpy as np

from telltale.data.images.records import ReadImages, distinct
from telltale.data.images.scikit_image import files_of

FACES = 100


def load(downloads: str | None = None) -> ReadImages:
    """Return the 200 pictures that come with scikit-image, else out of `downloads`; the faces are first there.

    Raises InputError where they are not to be had.
    """
    (file,) = files_of(["lfw_subset.npy"], downloads)
    pixels = np.load(file, allow_pickle=False).astype(np.float32)[:, None]
    labels = (np.arange(len(pixels)) < FACES).astype(np.int64)
    return distinct(pixels, labels, "LFW subset", ("no face", "face"))
