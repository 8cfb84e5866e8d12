"""CIFAR-100 as mosaics: of each class and split a WebP file, ten pictures of 32 x 32 a row; lossless, or it is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from telltale.data.folders import is_hidden, missing, require_all_inside
from telltale.errors import InputError
from telltale.writing import counted

if TYPE_CHECKING:
    from PIL.Image import Image

SPLITS, ENDING = ("train", "test"), ".webp"
SIDE, ACROSS = 32, 10  # pixels of a picture, pictures a row
MOST_ROWS = 60  # 600 pictures a class are all there are
LAYOUT = "train/<class>.webp and test/<class>.webp, ten pictures a row"
CLASSES_OF_GROUP = {  # Krizhevsky 2009: 20 groups of five classes
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
COARSE = tuple(CLASSES_OF_GROUP)
FINE = tuple(sorted(name for names in CLASSES_OF_GROUP.values() for name in names))  # in the order of the original
GROUP_OF = np.array([next(at for at, group in enumerate(COARSE) if name in CLASSES_OF_GROUP[group]) for name in FINE])


class Mosaics(NamedTuple):
    """All pictures of a folder: pixels (n, 3, 32, 32) uint8, labels (n,) positions in FINE.

    told: what is missing, and how many mosaics are not lossless.
    """

    pixels: np.ndarray
    labels: np.ndarray
    told: tuple[str, ...]


def has_mosaics(folder: Path) -> bool:
    """Tell whether a folder holds any."""
    return any((folder / split).is_dir() and any((folder / split).glob(f"*{ENDING}")) for split in SPLITS)


def read_mosaics(folder: Path) -> Mosaics:
    """Return the pictures of both splits, class by class.

    Raises InputError for a file that is no mosaic, or of no class of CIFAR-100, and for a link out of the folder.
    """
    places = [folder / split / f"{name}{ENDING}" for split in SPLITS for name in FINE]
    there = [file for split in SPLITS for file in sorted((folder / split).glob(f"*{ENDING}"))]
    for file in there:
        if not is_hidden(file.name) and file not in set(places):
            raise InputError("dataset.root", file, "its name is no class of CIFAR-100; expected e.g. apple.webp")
    files = [file for file in places if file.is_file()]
    require_all_inside(files, folder)
    parts = [_pictures(file) for file in files]
    labels = [np.full(len(part), FINE.index(file.stem)) for file, part in zip(files, parts, strict=True)]
    names = [f"{file.parent.name}/{file.name}" for file in places]
    told = missing(names, {f"{file.parent.name}/{file.name}" for file in files}, "CIFAR-100")
    if lossy := sum(map(is_lossy, files)):
        fate = "compressed with loss: their pictures are not those of CIFAR-100 pixel by pixel"
        told += (f"{lossy} of {counted(len(files), 'mosaic')} {'is' if lossy == 1 else 'are'} {fate}",)
    return Mosaics(np.concatenate(parts), np.concatenate(labels), told)


def is_lossy(file: Path) -> bool:
    """Tell whether a WebP file holds a chunk `VP8 `, of which decoding gives other pixels than were encoded; RFC 9649.

    Chunks lie behind the twelve bytes of the heading, each a name, a size, and so many bytes made even.
    """
    with file.open("rb") as content:
        content.seek(12)
        while len(heading := content.read(8)) == 8:
            if heading[:4] == b"VP8 ":
                return True
            size = int.from_bytes(heading[4:], "little")
            content.seek(size + size % 2, os.SEEK_CUR)
    return False


def _pictures(file: Path) -> np.ndarray:
    """Cut a mosaic into its pictures: (10 · rows, 3, 32, 32) uint8. Its size is looked at before it is decoded."""
    from PIL import Image

    try:
        with Image.open(file, formats=["WEBP"]) as mosaic:
            _check(file, mosaic)
            pixels = np.asarray(mosaic.convert("RGB"))
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen kinds on a damaged file
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError("dataset.root", file, f"is no WebP file that can be read ({why})") from error
    tiles = pixels.reshape(-1, SIDE, ACROSS, SIDE, 3)  # (row, down, column, across, colour)
    return np.ascontiguousarray(tiles.transpose(0, 2, 4, 1, 3)).reshape(-1, 3, SIDE, SIDE)


def _check(file: Path, mosaic: Image) -> None:
    width, height = mosaic.size
    rows, rest = divmod(height, SIDE)
    if width != ACROSS * SIDE or rest or not 0 < rows <= MOST_ROWS or getattr(mosaic, "n_frames", 1) > 1:
        expected = f"{ACROSS * SIDE} across and 1 to {MOST_ROWS} times {SIDE} down, one frame"
        raise InputError("dataset.root", file, f"is no mosaic: {width} x {height} pixels, expected {expected}")
