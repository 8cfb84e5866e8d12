"""What is hidden can be read back: each method against closed-form weights, gradients and the bits themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from telltale.attacks.weight_encoding.attack import WeightEncoding, payload_of
from telltale.attacks.weight_encoding.capacity import labels_of, made_up, values_of
from telltale.attacks.weight_encoding.carriers import Carriers, Group, pieces
from telltale.attacks.weight_encoding.correlation import CorrelatedEncoding, carried, correlation, unit
from telltale.attacks.weight_encoding.decoding import decodings, moment, sign_of
from telltale.attacks.weight_encoding.least_significant_bits import read_bits, write_bits
from telltale.attacks.weight_encoding.payload import Payload
from telltale.attacks.weight_encoding.sign import bits_of, pixels_of, read_signs, wrong_signs
from telltale.data.images import digits
from telltale.data.images.records import ImageRecords
from telltale.data.images.tones import WHITE, stretched
from telltale.defenses.quantization.network import QUANTIZERS
from telltale.errors import InputError

RECORDS = digits.load().records.take(np.arange(60))
PIXELS = Payload().pictures(RECORDS)
MLP = {"a.weight": (256, 64), "a.bias": (256,), "b.weight": (128, 256), "c.weight": (10, 128)}
RESNET = {"stem": (16, 1, 3, 3), "one": (16, 16, 3, 3), "two": (32, 16, 3, 3), "three": (64, 32, 3, 3)}
RESNET |= {"four": (64, 64, 3, 3), "head": (10, 64)}


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_that_are_a_line_of_the_pixels_decode_without_an_error(sign: int) -> None:
    """Catches a decoding with a wrong unit or order, and a negative that nobody turns."""
    payload = Payload(permute=True)
    values = payload.values(PIXELS)
    group = Group(("w",), (len(values) + 100,), 1.0)
    weights = {"w": np.append(0.001 * sign * values - 0.07, np.ones(100))}
    carrier = payload.arranged(carried([group], weights, len(values)), PIXELS.shape[1:])
    carrier = carrier * sign_of(carrier, np.zeros(carrier.shape), PIXELS)
    np.testing.assert_allclose(moment(carrier, PIXELS.mean(), PIXELS.std()), PIXELS, atol=1e-6)
    np.testing.assert_allclose(decodings(carrier, PIXELS)["minmax"], stretched(PIXELS), atol=1e-6)


def test_pictures_that_fill_the_range_are_decoded_by_minmax_without_an_error() -> None:
    """Catches min-max decoding over the whole payload instead of picture by picture."""
    full = stretched(PIXELS)
    carrier = 0.3 * full + 5
    np.testing.assert_allclose(decodings(carrier, PIXELS)["minmax"], full, atol=1e-6)


def test_r_and_its_gradient_are_those_of_the_formula() -> None:
    """Catches a mean that takes no part in the gradient: against numpy, autograd's formula and finite differences."""
    rng = np.random.default_rng(0)
    pixels, weights = rng.uniform(0, 255, 40), torch.tensor(rng.normal(size=50), requires_grad=True)
    target = torch.tensor(unit(pixels))
    r = correlation(weights, target)
    r.backward()
    assert weights.grad is not None
    own = weights.detach().numpy()[:40]
    assert float(r.detach()) == pytest.approx(np.corrcoef(own, pixels)[0, 1])
    centred = own - own.mean()
    length = np.linalg.norm(centred)
    formula = (unit(pixels) - float(r.detach()) * centred / length) / length
    np.testing.assert_allclose(weights.grad[:40], formula, atol=1e-10)
    assert (weights.grad[40:] == 0).all()
    step = torch.zeros(50, dtype=torch.float64)
    step[7] = 1e-6
    finite = (correlation(weights.detach() + step, target) - correlation(weights.detach() - step, target)) / 2e-6
    assert float(finite) == pytest.approx(float(weights.grad[7]), rel=1e-5)


class Small(torch.nn.Module):
    """Two matrices of 64 x 64 and 10 x 64, between which nothing is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)
        self.shape = (1, 8, 8)

    @property
    def backbone(self) -> Small:
        return self


class Started(torch.nn.Module):
    """What the encoding sees of an objective."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = Small()


@pytest.mark.parametrize("signed", [True, False])
def test_a_group_without_strength_keeps_the_gradient_of_the_task(signed: bool) -> None:
    """Catches a term that reaches layers which are to stay as they are, and the absolute value forgotten."""
    objective: Any = Started()
    encoding = CorrelatedEncoding(Payload(images=60), Carriers(lambdas=(2.0, 0.0)), signed)
    encoding.begin(objective, RECORDS)
    loss = encoding.loss(objective, None, torch.zeros(()))
    loss.backward()
    values = encoding.payload.values(PIXELS)[: 64 * 64]
    r = np.corrcoef(objective.model.first.weight.detach().numpy().ravel()[: len(values)], values)[0, 1]
    assert loss.item() == pytest.approx(-2 * (r if signed else abs(r)), abs=1e-5)
    assert objective.model.second.weight.grad is None and objective.model.first.weight.grad.abs().sum() > 0
    assert not any("payload" in name for name in objective.state_dict())


@pytest.mark.parametrize(
    ("shapes", "options", "strengths"),
    [
        (MLP, {}, [0, 3, 0]),
        (RESNET, {}, [0, 0, 3, 0]),
        (RESNET, {"layers": "all", "strength": 1.0}, [1]),
        (MLP, {"lambdas": (1.0, 0.0, 2.0)}, [1, 0, 2]),
        ({"a": (64, 64), "b": (10, 64)}, {}, [3, 0]),
    ],
)
def test_groups_are_runs_of_equal_width_and_sensitive_layers_are_left_alone(
    shapes: dict, options: dict, strengths: list[float]
) -> None:
    """Catches stem and classifier that carry, and stages that are cut in two."""
    groups = Carriers(**options).groups(shapes)
    assert [group.strength for group in groups] == strengths
    assert sum(group.weights for group in groups) == sum(int(np.prod(s)) for s in shapes.values() if len(s) > 1)


def test_lambdas_that_match_no_groups_are_refused_with_the_groups_there_are() -> None:
    """Catches a strength that ends up on another layer than its owner meant."""
    with pytest.raises(InputError, match=r"attack\.lambdas=\[1.0, 2.0\]: 4 numbers.*stem \(2,448 weights\)"):
        Carriers(lambdas=(1.0, 2.0)).groups(RESNET)


def test_a_payload_is_cut_into_the_groups_in_order() -> None:
    """Catches weights left over in one group while the next is used."""
    groups = [Group(("a",), (10,), 1.0), Group(("b",), (10,), 1.0), Group(("c",), (10,), 1.0)]
    assert pieces(groups, 15) == [slice(0, 10), slice(10, 15), slice(15, 15)]


def test_the_window_is_the_narrowest_of_all_in_deviation() -> None:
    """Catches a window over unsorted pictures."""
    rows = Payload(select="std_window").chosen(RECORDS, 20)
    deviations = np.sort(PIXELS.std((1, 2, 3)))
    narrowest = (deviations[19:] - deviations[:-19]).min()
    assert len(set(rows)) == 20 and np.ptp(PIXELS[rows].std((1, 2, 3))) == pytest.approx(narrowest)


def test_selections_do_what_they_say() -> None:
    """Catches a range that is not kept, and a draw that repeats pictures."""
    middle = Payload(select="std_range", low=90, high=100).chosen(RECORDS, 5)
    assert len(middle) == 5 and ((PIXELS[middle].std((1, 2, 3)) >= 90) & (PIXELS[middle].std((1, 2, 3)) <= 100)).all()
    drawn = Payload(select="random").chosen(RECORDS, 30)
    assert len(set(drawn)) == 30 and not np.array_equal(drawn, np.arange(30))
    assert np.array_equal(Payload().chosen(RECORDS, 5), np.arange(5))
    with pytest.raises(InputError, match=r"attack\.images=61: at most 60"):
        Payload(images=61).chosen(RECORDS, 61)
    with pytest.raises(InputError, match=r"attack\.images=null: at most 60"):
        Payload().chosen(RECORDS, 61)
    with pytest.raises(InputError, match=r"attack\.std_range=\[0\.5, 0\.6\]: "):
        Payload(select="std_range", low=0.5, high=0.6).chosen(RECORDS, 1)
    with pytest.raises(InputError, match=r"attack\.std_range=\[40, 60\]"):
        payload_of(None, "first", [40, 60], False, False, None)


def test_no_more_pictures_are_hidden_than_there_are_and_this_is_told() -> None:
    """Catches a network of the paper's size that is refused for its room, and a payload cut in silence."""
    weights = [(name, torch.zeros(shape)) for name, shape in MLP.items()]
    model = SimpleNamespace(named_parameters=lambda: weights, backbone=SimpleNamespace(shape=(1, 8, 8)))
    recipe: Any = SimpleNamespace(initial=lambda: SimpleNamespace(model=model))
    knowledge: Any = SimpleNamespace(recipe=recipe)
    room = WeightEncoding().encoding.fitting(recipe.initial())
    attack = WeightEncoding(most=room - 1)
    assert attack.encoding.fitting(recipe.initial()) == room - 1
    assert attack.notes(knowledge)[0].startswith(f"there is room for {room:,} pictures, and {room - 1:,} training")
    assert WeightEncoding(most=room + 1).notes(knowledge) == ()
    with pytest.raises(InputError, match=r"attack\.images"):
        WeightEncoding(images=room + 1, most=room - 1).encoding.fitting(recipe.initial())


def test_colour_needs_a_rule() -> None:
    """Catches three channels that are hidden as one without a word."""
    with pytest.raises(InputError, match=r"attack\.colour=null: grey .* or channels"):
        Payload().check((3, 8, 8))
    colours = ImageRecords(np.full((2, 3, 4, 4), 200, np.uint8), np.array([0, 1]), "colours", ("a", "b"))
    assert Payload(colour="grey").pictures(colours).shape == (2, 1, 4, 4)
    np.testing.assert_allclose(Payload(colour="grey").pictures(colours), 200)
    assert Payload(colour="channels").pictures(colours).shape == (2, 3, 4, 4)


def test_signs_of_the_weights_are_the_bits_of_the_pixels() -> None:
    """Catches bits in another order, and a penalty on signs that are right already."""
    values = np.arange(256.0)
    signs = 2.0 * bits_of(values) - 1
    group = Group(("w",), (len(signs) + 3,), 1.0)
    weights = np.append(signs * np.random.default_rng(0).uniform(0.1, 1, len(signs)), np.ones(3))
    np.testing.assert_array_equal(read_signs([group], {"w": weights}, 256), values)
    torch_weights, torch_signs = torch.from_numpy(weights), torch.from_numpy(signs)
    assert float(wrong_signs(torch_weights, torch_signs)) == 0
    assert float(wrong_signs(-torch_weights, torch_signs)) == pytest.approx(np.abs(weights[:-3]).mean())


@pytest.mark.parametrize("bits", [1, 8, 16, 20])
def test_the_lowest_bits_hold_the_payload_and_hardly_move_a_weight(bits: int) -> None:
    """Catches a mask that reaches the exponent, and bits that are read from the other end."""
    weights = np.random.default_rng(1).normal(0, 0.05, 999).astype(np.float32)
    payload = np.random.default_rng(2).integers(0, 2, 999 * bits - 3)
    written = write_bits(weights, payload, bits)
    np.testing.assert_array_equal(read_bits(written, bits)[: len(payload)], payload)
    assert np.abs(written / weights - 1).max() < 2.0 ** (bits - 23)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_after_any_quantizer_the_lowest_bits_are_a_coin(quantizer: str) -> None:
    """Catches a quantizer that leaves weights as they are: bit error one half, whatever the method."""
    weights = np.random.default_rng(3).normal(0, 0.05, 20_000).astype(np.float32)
    payload = np.random.default_rng(4).integers(0, 2, 20_000 * 8)
    stored = QUANTIZERS[quantizer](write_bits(weights, payload, 8), 8).values()
    assert (read_bits(stored, 8) != payload).mean() == pytest.approx(0.5, abs=0.01)


def test_two_labels_hold_a_pixel_to_four_bits() -> None:
    """Catches labels above 8, which nine classes do not have."""
    values = np.arange(256.0)
    labels = labels_of(values)
    assert labels.max() == 8 and labels.min() == 0
    np.testing.assert_array_equal(values_of(labels), values // 16 * 16)
    np.testing.assert_array_equal(pixels_of(bits_of(values)), values)


def test_made_up_inputs_are_all_different_and_need_no_data() -> None:
    """Catches two inputs that ask for different labels."""
    inputs = made_up(130, 64, (1, 8, 8))
    assert inputs.shape == (260, 1, 8, 8) and len(np.unique(inputs.reshape(260, -1), axis=0)) == 260
    assert inputs.max() == 130 // 64 + 1 and (inputs != 0).sum((1, 2, 3)).max() == 2


def test_the_full_range_is_the_scale() -> None:
    """Catches pictures of bytes and of shares that come out on two scales."""
    bytes_of = ImageRecords(np.full((1, 1, 2, 2), 255, np.uint8), np.array([0]), "bytes", ("a",))
    assert Payload().pictures(bytes_of).max() == WHITE == Payload().pictures(RECORDS).max()
