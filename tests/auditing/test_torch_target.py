"""A network of the user's and its weights: asked as it stands, and refused in one line where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from telltale.auditing.released import ask, with_shadows
from telltale.data.own_arrays import given_of
from telltale.errors import InputError
from telltale.targets.network import TorchTarget

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, width), nn.Dropout(0.5), nn.Linear(width, classes))

    def forward(self, x):
        return self.body(x)

class Wrapped(Net):
    def forward(self, x):
        return {"loss": None, "logits": self.body(x)}

def no_network():
    return 3

def doubled(x):
    return torch.as_tensor(2 * x, dtype=torch.float32)
"""
RECORDS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(SOURCE)
    return tmp_path


def kept(folder: Path, name: str = "Net", **options: int) -> tuple[nn.Module, Path]:
    """Return a network of the user's file and its weights."""
    space: dict = {}
    exec(compile(SOURCE, "net.py", "exec"), space)
    network = space[name](**options).eval()
    save_file(network.state_dict(), folder / "weights.safetensors")
    return network, folder / "weights.safetensors"


def target(folder: Path, name: str = "Net", **options: object) -> TorchTarget:
    given: dict = {"weights": str(folder / "weights.safetensors"), "device": "cpu"} | options
    return TorchTarget(f"{folder / 'net.py'}:{name}", **given)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def said_by(network: nn.Module, records: np.ndarray = RECORDS) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(records)).double().numpy()


def test_a_network_answers_as_it_does_without_us(folder: Path) -> None:
    """Catches dropout that is left on, logits taken for probabilities, and weights that are not the user's."""
    network, _ = kept(folder)
    logits = said_by(network)
    assert np.allclose(target(folder).ask(RECORDS, ("a", "b", "c")), softmax(logits))
    assert np.array_equal(target(folder, gives="labels").ask(RECORDS), logits.argmax(1))
    assert np.allclose(target(folder, "Wrapped").ask(RECORDS), softmax(logits))
    prepared = target(folder, prepare=f"{folder / 'net.py'}:doubled").ask(RECORDS)
    assert np.allclose(prepared, softmax(said_by(network, 2 * RECORDS)))
    with pytest.raises(InputError, match="probabilities that sum to 1"):
        target(folder, outputs="probabilities").ask(RECORDS)


def test_one_number_a_record_is_a_value_or_the_second_class(folder: Path) -> None:
    """Catches a sigmoid that is forgotten, and a real value that is made a probability."""
    network, _ = kept(folder, classes=1)
    number = said_by(network)[:, 0]
    asked = target(folder, options={"classes": 1}).ask(RECORDS, ("no", "yes"))
    assert np.allclose(asked[:, 1], 1 / (1 + np.exp(-number)))
    assert np.allclose(target(folder, options={"classes": 1}, gives="values").ask(RECORDS), number)


def test_weights_are_found_where_trainers_put_them(folder: Path) -> None:
    """Catches a checkpoint's state dict, or the prefix of a wrapper, that the user would have to take off."""
    network, _ = kept(folder)
    wrapped = {f"module.{key}": part for key, part in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, folder / "weights.pt")
    there = target(folder, weights=str(folder / "weights.pt"))
    assert np.allclose(there.ask(RECORDS), softmax(said_by(network)))


def test_pictures_of_eight_bits_reach_the_network_between_0_and_1() -> None:
    """Catches levels up to 255 in a network that was trained on shares of white."""
    from telltale.targets.network import tensor_of

    assert tensor_of(np.full((2, 1, 4, 4), 255, np.uint8)).max() == 1
    assert tensor_of(np.full((2, 4), 255, np.uint8)).max() == 255  # a table's numbers stay what they are


def test_what_does_not_fit_is_told_in_one_line(folder: Path) -> None:
    """Catches a traceback of torch, a pickle that is opened, and a mismatch that does not name its key."""
    network, _ = kept(folder)
    torch.save(network.body, folder / "whole.pt")
    (folder / "broken.pt").write_bytes(b"no weights")
    (folder / "broken.safetensors").write_bytes(b"no weights")
    torch.save({"epoch": 3}, folder / "epoch.pt")
    for options, said in (
        (
            {"options": {"width": 8}},
            r"fit Net: body.0.weight is \(4, 5\), and the network has \(8, 5\) \(2 more",
        ),
        ({"weights": str(folder / "whole.pt")}, "is a pickle that would run code .*Sequential.* and is not opened"),
        ({"weights": str(folder / "broken.pt")}, "cannot be read as weights"),
        ({"weights": str(folder / "broken.safetensors")}, "is no safetensors file"),
        ({"weights": str(folder / "epoch.pt")}, "holds epoch, no state dict"),
        ({"weights": str(folder / "none.pt")}, "no such file"),
        ({"weights": None}, "the trained weights"),
        ({"name": "no_network"}, "makes a int; expected a torch.nn.Module"),
        ({"name": "Nit"}, "net.py has no Nit; it has Net"),
        ({"options": {"depth": 2}}, "unexpected keyword argument 'depth'"),
        ({"device": "tpu"}, "auto, or one of cpu"),
    ):
        with pytest.raises(InputError, match=said):
            target(folder, **options)
    with pytest.raises(InputError, match=r"the function fails: RuntimeError: .*net.py, line 11"):
        target(folder).ask(RECORDS[:, :3])
    with pytest.raises(InputError, match=r"target.prepare=null: a function that makes tensors"):
        target(folder).ask(["CCO", "CC"])


def test_shadow_models_of_the_users_are_asked_about_the_same_records(folder: Path) -> None:
    """Catches answers of the target under a shadow's name, and members of another file, or of another record."""
    kept(folder)
    logits = []
    for name in ("b", "a", "c"):
        network, file = kept(folder)
        file.rename(folder / f"shadow_{name}.safetensors")
        logits.append(said_by(network))
    kept(folder)
    given = given_of(RECORDS, np.array([0, 1, 2, 0, 1, 2]), ids=list("uvwxyz")).with_members(np.arange(6) < 3)
    members = np.array([[1, 0, 0, 1, 0, 1], [0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 0, 1]], bool)  # of a, b, c
    np.save(folder / "members.npy", members)
    rows = "\n".join(f"{name},{b:d},{a:d},{c:d}" for name, (a, b, c) in zip("uvwxyz", members.T, strict=True))
    (folder / "members.csv").write_text(f"id,shadow_b,shadow_a.safetensors,shadow_c\n{rows}\n")
    for file in ("members.npy", "members.csv"):
        options = {"shadows": str(folder / "shadow_*"), "shadow_members": str(folder / file), "population": 0.0}
        there = target(folder, **options)
        asked = with_shadows(there, ask(there, given, seed=0))
        order = asked.table.rows
        assert np.allclose(asked.answers.answers[1:], [softmax(logits[at])[order] for at in (1, 0, 2)])
        assert np.array_equal(asked.answers.membership[1:], members[:, order])
        assert asked.answers.victims == 1 and "second of three tiers" in asked.notes[0]
        by_name = (
            "rows of members.npy by name as text: shadow_a.safetensors, shadow_b.safetensors, shadow_c.safetensors"
        )
        assert (by_name in asked.notes[0]) == file.endswith(".npy")
    same = {"shadow_members": str(folder / "members.npy")}
    for name, pattern, said in (
        ("weights.safetensors", "*.safetensors", "weights.safetensors: is the file of the model audited"),
        ("shadow_a.safetensors", "shadow_*", "shadow_a.safetensors: is the file of the model audited"),
    ):
        with pytest.raises(InputError, match=said):
            target(folder, **options | same | {"weights": str(folder / name), "shadows": str(folder / pattern)})
    (folder / "copy.safetensors").write_bytes((folder / "shadow_c.safetensors").read_bytes())
    there = target(folder, **options | {"weights": str(folder / "copy.safetensors")})
    with pytest.raises(InputError, match=r"shadow_c\.safetensors: holds the weights of the model audited"):
        with_shadows(there, ask(there, given, seed=0))
    np.save(folder / "members.npy", members[:2])
    (folder / "other.csv").write_text("name,shadow_b\n")
    (folder / "twice.csv").write_text(f"id,shadow_b,shadow_a,shadow_c\n{rows}\nv,1,1,1\n")
    for changed, said in (
        ({"shadow_members": None}, "target.shadow_members=null: goes with target.shadows"),
        ({"shadows": str(folder / "none_*")}, "matches 0 files"),
        ({"shadow_members": str(folder / "members.npy")}, r"an array \(2, 6\); expected \(3, 6\)"),
        ({"shadow_members": str(folder / "other.csv")}, "there is no column id"),
        ({"shadow_members": str(folder / "twice.csv")}, "1 id stands there twice: v"),
    ):
        with pytest.raises(InputError, match=said):
            there = target(folder, **options | changed)
            with_shadows(there, ask(there, given, seed=0))
