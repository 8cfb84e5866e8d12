"""CIFAR-100 as mosaics of each class: tiny files of that layout, and the 25,000 pictures where a machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telltale.data.downstream import OtherClasses, OtherRecords
from telltale.data.images.cifar import load_cifar100
from telltale.data.images.cifar_mosaics import CLASSES_OF_GROUP, COARSE, FINE, GROUP_OF, SPLITS
from telltale.data.pools import PoolSizes
from telltale.data.records import input_digests
from telltale.errors import InputError
from tests.experiment.commands import ROOT

ROOT_OF_PICTURES = Path(os.environ.get("CIFAR100_ROOT", ROOT.parent / "shared" / "data" / "cifar100"))
SOME = ("apple", "bear", "beaver", "train")  # of three groups


def planted(folder: Path, rows: int = 1, names: tuple[str, ...] = SOME) -> dict[tuple[str, str], np.ndarray]:
    """Write mosaics of random pictures: (split, class) -> (10 · rows, 32, 32, 3), as they are cut out again."""
    rng, pictures = np.random.default_rng(0), {}
    for split in SPLITS:
        (folder / split).mkdir(parents=True)
        for name in names:
            tiles = rng.integers(0, 256, (rows, 10, 32, 32, 3), dtype=np.uint8)
            mosaic = np.concatenate([np.concatenate(list(row), axis=1) for row in tiles], axis=0)
            Image.fromarray(mosaic).save(folder / split / f"{name}.webp", lossless=True)
            pictures[split, name] = tiles.reshape(-1, 32, 32, 3)
    return pictures


def test_each_picture_is_cut_out_whole_with_its_class_and_group(tmp_path: Path) -> None:
    """Catches rows taken for columns, colours last, and the group of another class."""
    written = planted(tmp_path, rows=2)
    records = load_cifar100(str(tmp_path)).records
    assert (records.shape, len(records)) == ((3, 32, 32), 2 * len(SOME) * 20)
    assert records.source == "CIFAR-100 (160 of 60,000)" and records.classes == FINE
    for at, (_, name) in enumerate(written):
        np.testing.assert_array_equal(
            records.pixels[at * 20 : at * 20 + 20].transpose(0, 2, 3, 1), written[SPLITS[at // 4], name]
        )
        assert FINE[records.labels[at * 20]] == name
    groups = {name: COARSE[records.coarse[records.labels == FINE.index(name)][0]] for name in SOME}  # type: ignore[index]
    assert groups == {
        "apple": "fruit_and_vegetables",
        "bear": "large_carnivores",
        "beaver": "aquatic_mammals",
        "train": "vehicles_1",
    }
    assert load_cifar100(str(tmp_path), "coarse").records.classes == COARSE


def test_mosaics_that_are_not_lossless_are_counted(tmp_path: Path) -> None:
    """Catches pictures that are nearly those of CIFAR-100 under its name; a profile makes the layout another."""
    pictures, options = planted(tmp_path), {"icc_profile": b"a profile"}
    assert len(load_cifar100(str(tmp_path)).told) == 1
    for name, how in (("apple", {}), ("bear", options), ("beaver", {"lossless": True, **options})):
        mosaic = np.concatenate(list(pictures["train", name]), axis=1)
        Image.fromarray(mosaic).save(tmp_path / "train" / f"{name}.webp", **how)
    read = load_cifar100(str(tmp_path))
    assert read.told[1:] == (
        "2 of 8 mosaics are compressed with loss: their pictures are not those of CIFAR-100 pixel by pixel",
    )
    held = read.records.pixels[20:30].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(held, pictures["train", "beaver"])
    assert not np.array_equal(read.records.pixels[:10].transpose(0, 2, 3, 1), pictures["train", "apple"])


def test_there_are_a_hundred_classes_in_twenty_groups_of_five() -> None:
    """Catches a class that is left out of the table, or in two groups."""
    assert (len(COARSE), len(set(FINE))) == (20, 100) and {len(names) for names in CLASSES_OF_GROUP.values()} == {5}
    assert np.bincount(GROUP_OF).tolist() == [5] * 20 and FINE[0] == "apple" and FINE[-1] == "worm"


def test_what_is_missing_is_told_and_what_is_no_mosaic_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Catches four classes taken for a hundred in silence, and a picture of any size unpacked."""
    planted(tmp_path)
    assert load_cifar100(str(tmp_path)).told[0].endswith("of CIFAR-100 not there: 8 of 200 files were read")
    apple = tmp_path / "train" / "apple.webp"
    whole = apple.read_bytes()
    for size in ((320, 33), (310, 32), (320, 32 * 61)):
        Image.new("RGB", size).save(apple, lossless=True)
        with pytest.raises(InputError, match=rf"apple\.webp: is no mosaic: {size[0]} x {size[1]} pixels"):
            load_cifar100(str(tmp_path))
    for data in (whole[: len(whole) // 2], b"", b"not a picture"):
        apple.write_bytes(data)
        with pytest.raises(InputError, match=r"apple\.webp: is no WebP file that can be read \("):
            load_cifar100(str(tmp_path))
    apple.write_bytes(whole)
    apple.rename(tmp_path / "train" / "unicorn.webp")
    with pytest.raises(InputError, match=r"unicorn\.webp: its name is no class of CIFAR-100"):
        load_cifar100(str(tmp_path))


def test_no_link_is_followed_out(tmp_path: Path) -> None:
    """Catches a private picture that is read as one of the set."""
    planted(tmp_path / "root")
    apple = tmp_path / "root" / "train" / "apple.webp"
    apple.rename(tmp_path / "apple.webp")
    apple.symlink_to(tmp_path / "apple.webp")
    with pytest.raises(InputError, match=r"train/apple\.webp is a link to .*apple\.webp, outside of it"):
        load_cifar100(str(tmp_path / "root"))


@pytest.mark.skipif(not (ROOT_OF_PICTURES / "train").is_dir(), reason=f"no pictures of CIFAR-100 in {ROOT_OF_PICTURES}")
def test_the_pictures_at_hand_are_25_000_and_no_challenge_point_is_fine_tuned_on() -> None:
    """Catches a transfer within CIFAR-100 that measures membership in the fine-tuning set instead."""
    records = load_cifar100(str(ROOT_OF_PICTURES)).records
    assert records.source == "CIFAR-100 (25,000 of 60,000)" and np.bincount(records.labels).tolist() == [250] * 100
    assert records.pixels.mean() / 255 == pytest.approx(0.478, abs=0.003)  # of all 60,000: 0.4777
    sizes = PoolSizes(members=500, non_members=500, auxiliary=100, test=500, finetune=1500, finetune_test=500)
    for task, learned in ((OtherRecords(coarse=True), COARSE), (OtherClasses(), FINE[50:])):
        pools = task.transfer(records).deal(sizes, seed=0)
        assert pools.finetune.classes == learned
        digests = np.concatenate([input_digests(part) for part in (pools.challenge, pools.finetune, pools.test)])
        assert len(np.unique(digests)) == len(digests)
