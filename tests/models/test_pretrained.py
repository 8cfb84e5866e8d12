"""Trunks have the shapes of the published weights, see pictures as ImageNet's networks do, and refuse other files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from telltale.errors import InputError
from telltale.models import fetched_weights, trunk_options
from telltale.models.efficientnet_lite import in_eights, padded
from telltale.models.pretrained import DEVIATION, MEAN, TRUNKS, FrozenTrunk
from telltale.models.trunk_options import at_hand, trunk_of
from tests.training.trunks import frozen, weights_of

# parameters as torchvision, and of the last two the files to be fetched, have them, with those of the layers
# that no trunk has: fc, or the whole classifier
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite2": 6_092_072,
}


def last(name: str, width: int) -> int:
    sizes = (width, 4096, 4096, 1000) if name.startswith("vgg") else (width, 1000)
    return sum((before + 1) * after for before, after in pairwise(sizes))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return weights_of("resnet18", tmp_path_factory.mktemp("weights"))


def test_every_trunk_has_a_published_count() -> None:
    """Catches a trunk that is compared with nothing."""
    assert PUBLISHED.keys() == TRUNKS.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_trunk_has_the_published_number_of_parameters_and_width(name: str) -> None:
    """Catches a layer too many or too few, biases that should not be, and a projection left out."""
    with torch.device("meta"):  # shapes alone: nothing is allocated
        trunk = TRUNKS[name]()
        features = trunk(torch.empty(2, 3, 64, 64))
    assert sum(one.numel() for one in trunk.parameters()) + last(name, trunk.width) == PUBLISHED[name]
    assert features.shape == (2, trunk.width)
    widths = {"vgg": 25_088, "eff": 1280, "res": 512 if name in ("resnet18", "resnet34") else 2048}
    assert trunk.width == widths[name[:3]]


def test_names_and_shapes_are_those_of_published_files() -> None:
    """Catches a rename: a user's file would be refused."""
    with torch.device("meta"):
        states = {name: TRUNKS[name]().state_dict() for name in ("resnet152", "resnet18", "vgg16")}
    assert states["resnet152"]["layer3.35.conv3.weight"].shape == (1024, 256, 1, 1)
    assert states["resnet152"]["layer1.0.downsample.1.running_var"].shape == (256,)
    assert "layer1.0.downsample.0.weight" not in states["resnet18"]
    assert states["vgg16"]["features.28.weight"].shape == (512, 512, 3, 3) and len(states["vgg16"]) == 26


def test_a_bottleneck_halves_the_picture_by_its_middle_convolution() -> None:
    """Catches the stride of the first paper, which no published file was trained with, and which no shape tells."""
    with torch.device("meta"):
        block = TRUNKS["resnet50"]().get_submodule("layer2.0")
    assert [one.stride for one in (block.conv1, block.conv2, block.conv3)] == [(1, 1), (2, 2), (1, 1)]


def test_pictures_are_resized_and_put_into_imagenets_units(file: str) -> None:
    """Catches levels of 0 to 255, mean and deviation exchanged, and a resize that depends on the place."""
    plain = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 8, 12)
    one_more = plain + torch.tensor(DEVIATION).view(3, 1, 1)
    seen = FrozenTrunk("resnet18", file, 32).prepared(torch.cat([plain, one_more]))
    assert seen.shape == (2, 3, 32, 32)
    assert torch.allclose(seen[0], torch.zeros(()), atol=1e-5) and torch.allclose(seen[1], torch.ones(()), atol=1e-5)
    assert FrozenTrunk("resnet18", file, 32).prepared(torch.rand(1, 1, 8, 8)).shape == (1, 3, 32, 32)


def test_a_loaded_trunk_is_frozen_and_in_eval_mode(file: str) -> None:
    """Catches BatchNorm that takes its statistics from a batch, so that a picture's feature depends on the others."""
    network = FrozenTrunk("resnet18", file, 32).network()
    pictures = torch.rand(4, 3, 32, 32)
    assert not network.training and not any(one.requires_grad for one in network.parameters())
    assert torch.allclose(network(pictures)[:1], network(pictures[:1]), atol=1e-5)


def test_a_file_without_counters_of_batches_is_taken(tmp_path: Path) -> None:
    """Catches older published files refused for what no trunk needs."""
    counters = [name for name in TRUNKS["resnet18"]().state_dict() if name.endswith("num_batches_tracked")]
    older = weights_of("resnet18", tmp_path, **dict.fromkeys(counters))
    assert FrozenTrunk("resnet18", older, 32).network()(torch.rand(1, 3, 32, 32)).shape == (1, 512)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layer4.1.conv2.weight": None}, "layer4.1.conv2.weight is missing"),
        ({"conv1.weight": torch.zeros(64, 3, 3, 3)}, r"conv1.weight has shape \[64, 3, 3, 3\], not \[64, 3, 7, 7\]"),
        ({"layer4.2.conv1.weight": torch.zeros(1)}, "layer4.2.conv1.weight is more than resnet18 has"),
    ],
)
def test_other_weights_are_refused_by_the_first_that_differs(tmp_path: Path, change: dict, told: str) -> None:
    """Catches a deeper network's file of which a part fits, and weights that stay random in silence."""
    file = weights_of("resnet18", tmp_path, **change)
    with pytest.raises(InputError, match=rf"^model\.weights={file}: {told}; expected weights of resnet18"):
        FrozenTrunk("resnet18", file)


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, file: str) -> None:
    """Catches a pickle that is opened, half a download, and a traceback where a file is missing."""
    broken = tmp_path / "half.safetensors"
    broken.write_bytes(Path(file).read_bytes()[:1000])
    for given, told in (
        (broken, "is not a safetensors file"),
        (tmp_path / "none", "is no file"),
        (tmp_path, "is no f"),
    ):
        with pytest.raises(InputError, match=f"^model.weights={given}: {told}"):
            FrozenTrunk("resnet18", str(given))


def test_a_file_that_changed_has_another_digest(tmp_path: Path) -> None:
    """Catches features of old weights served for new ones under the same path, and a path that counts."""
    first = FrozenTrunk("resnet18", weights_of("resnet18", tmp_path))
    before = first.document()
    moved = Path(first.file).rename(tmp_path / "moved.safetensors")
    assert FrozenTrunk("resnet18", str(moved)).document() == before
    Path(weights_of("resnet18", tmp_path, seed=1)).rename(first.file)
    assert FrozenTrunk("resnet18", first.file).document() != before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"trunk": {"residual": "vgg16"}}, r"model\.trunk\.residual=vgg16: one of resnet18"),
        ({"side": 16}, r"model\.side=16: a whole number of pixels from 32"),
        ({"weights": "FILE"}, r"model\.weights=FILE: .*model\.weights\.residual=FILE"),
        ({"encoder": "vgg", "trunk": {"vgg": "vgg16"}}, r"model\.weights\.vgg=null: weights of vgg16"),
    ],
)
def test_options_that_do_not_fit_name_their_field(file: str, options: dict, told: str) -> None:
    """Catches an encoder trained from scratch beside a frozen one, and an option that is silently left aside."""
    with pytest.raises(InputError, match=f"^{told}"):
        trunk_of(frozen(file) | options)
    assert trunk_of(frozen(file) | {"weights": {"residual": None, "vgg": None}}) is None


def test_padding_is_that_of_the_published_weights() -> None:
    """Catches PyTorch's padding on both sides: features of every picture would be shifted."""
    assert padded(torch.zeros(1, 1, 224, 224), 3, 2).shape == (1, 1, 225, 225)  # none above and left
    assert (
        padded(torch.ones(1, 1, 4, 4), 3, 2)[0, 0, -1].eq(0).all()
        and padded(torch.ones(1, 1, 4, 4), 3, 2)[0, 0, 0, 0] == 1
    )
    assert padded(torch.zeros(1, 1, 7, 10), 5, 2).shape == (1, 1, 11, 13)
    assert padded(torch.zeros(1, 1, 8, 8), 5, 1).shape == (1, 1, 12, 12)


def test_channels_are_rounded_to_eights_and_never_far_down() -> None:
    """Catches a network whose published weights do not fit."""
    assert [in_eights(1.1 * one) for one in (16, 24, 40, 80, 112, 192, 320)] == [16, 24, 48, 88, 120, 208, 352]


def test_what_can_be_fetched_is_put_in_the_place_of_the_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches weights that are fetched for networks that nobody offers, and a folder of downloads in a model's key."""
    monkeypatch.setattr(trunk_options, "fetched_weights", lambda name, downloads, field: f"{downloads}/{name}")
    options = {"trunk": {"residual": "efficientnet_lite0", "vgg": "vgg16"}, "downloads": str(tmp_path)}
    found = at_hand({**options, "weights": {"residual": "fetched", "vgg": None}})
    assert found["weights"] == {"residual": str(tmp_path / "efficientnet_lite0"), "vgg": None}
    assert found["downloads"] is None
    with pytest.raises(InputError, match=r"model\.weights\.vgg=fetched: a safetensors file.*efficientnet_lite0"):
        at_hand({**options, "weights": {"residual": None, "vgg": "fetched"}})


def test_fetched_weights_are_kept_as_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a file that is read by pickle at each run, and a damaged one that is used in silence."""
    published = tmp_path / "efficientnet-lite0-57934424.pth"
    torch.save({"a": torch.arange(3.0)}, published)
    monkeypatch.setattr(fetched_weights, "fetch", lambda name, folder, field, value: folder)
    file = Path(fetched_weights.fetched_weights("efficientnet_lite0", str(tmp_path), "model.weights.residual"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"?")
    assert fetched_weights.fetched_weights("efficientnet_lite0", str(tmp_path), "x") == str(file)
    published.unlink()  # from here on nothing is left to convert
    fetched_weights.fetched_weights("efficientnet_lite0", str(tmp_path), "x")
    assert file.read_bytes() == whole and load_file(file)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"trunk": "resnet18", "weights": {"residual": "x"}}, r"model\.trunk=resnet18: one for each encoder"),
        ({"weights": "x"}, r"model\.weights=x: one for each encoder, as model\.weights\.residual=x"),
        ({"trunk": {"residual": ["a"]}, "weights": {"residual": "x"}}, r"model\.trunk\.residual=\['a'\]"),
        ({"weights": {"residual": 5}}, r"model\.weights\.residual=5: a safetensors file"),
        (
            {"trunk": {"residual": "resnet18"}, "weights": {"residual": "a\0b"}},
            r"residual=.*a.b: is no file",
        ),
        (
            {"trunk": {"residual": "efficientnet_lite0"}, "weights": {"residual": "fetched"}, "downloads": 5},
            r"model\.downloads=5",
        ),
    ],
)
def test_options_of_the_wrong_kind_are_refused(options: dict, field: str) -> None:
    """Catches a traceback where one trunk is named for both encoders, the mistake that comes first."""
    with pytest.raises(InputError, match=field):
        trunk_of(at_hand({"encoder": "residual", **options}))


def test_a_lite_network_sees_its_own_units_and_has_its_own_parts(tmp_path: Path) -> None:
    """Catches ImageNet's means, PyTorch's epsilon, a shortcut left out, and a head without norm and bound."""
    file = weights_of("efficientnet_lite0", tmp_path)
    levels = torch.tensor([127 / 255, 1.0]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    seen = FrozenTrunk("efficientnet_lite0", file, 32).prepared(levels)
    assert torch.allclose(seen[0], torch.zeros(()), atol=1e-6) and torch.allclose(seen[1], torch.ones(()), atol=1e-6)
    network = FrozenTrunk("efficientnet_lite0", file, 32).network()
    assert {one.eps for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)} == {1e-3}
    block, x = network._blocks[2], torch.rand(1, 24, 8, 8)
    torch.nn.init.zeros_(block._project_conv.weight)
    torch.nn.init.zeros_(block._bn2.bias)
    assert torch.equal(block(x), x)  # nothing but the shortcut is left
    torch.nn.init.zeros_(network._conv_head.weight)
    torch.nn.init.constant_(network._bn1.bias, 9.0)
    assert torch.equal(network(seen), torch.full((2, 1280), 6.0))
