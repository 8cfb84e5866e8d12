"""The language model: no look ahead, places, tying, features, and the same numbers under vmap."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from telltale.errors import InputError
from telltale.models.text_backbone import LanguageModel, pooled, shortened
from telltale.models.transformer import Transformer, turned, turns_of

WORDS = 20


def backbone(**options: object) -> Transformer:
    """Return a tiny one, its weights drawn from one seed."""
    torch.manual_seed(0)
    settings = {"layers": 2, "width": 16, "heads": 2, "vocabulary": WORDS, "shape": (10,), **options}
    return Transformer(**settings)  # type: ignore[arg-type]


def tokens(texts: int = 3, length: int = 8) -> Tensor:
    """Return texts that begin with START."""
    drawn = torch.randint(3, WORDS, (texts, length), generator=torch.Generator().manual_seed(1))
    drawn[:, 0] = 1
    return drawn


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_later_token_changes_no_earlier_logit(positions: str) -> None:
    """Catches attention that looks ahead: every loss would be a copy."""
    model, text = LanguageModel(backbone(positions=positions)), tokens()
    other = text.clone()
    other[:, 5:] = (other[:, 5:] - 3 + 7) % (WORDS - 3) + 3
    first, second = model(text), model(other)
    assert torch.equal(first[:, :5], second[:, :5])
    assert (first[:, 5:] - second[:, 5:]).abs().amin() > 0


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_order_of_earlier_tokens_matters(positions: str) -> None:
    """Catches places that never reach the attention: a bag of words."""
    model, text = backbone(positions=positions), tokens()
    swapped = text[:, [0, 2, 1, *range(3, 8)]]
    assert (model.states(text)[:, -1] - model.states(swapped)[:, -1]).abs().max() > 1e-4


def test_rotary_products_depend_on_distance_alone() -> None:
    """Catches an angle that is not linear in the place."""
    one, other = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    turns = turns_of(12, 8, one)
    products = turned(one.expand(12, 8), turns) @ turned(other.expand(12, 8), turns).T
    for distance in range(-5, 6):
        assert products.diagonal(distance).std() < 1e-5
    assert products[0].std() > 1e-2
    assert torch.allclose(products.diagonal(), one @ other, atol=1e-5)


def test_tied_logits_are_products_with_the_embeddings() -> None:
    """Catches a second matrix in the store, or a head that is not the embedding."""
    tied, untied = LanguageModel(backbone()), LanguageModel(backbone(tied=False))
    assert not list(tied.head.parameters())
    weight = tied.backbone.embedding.weight
    assert torch.allclose(tied(tokens()), tied.backbone.states(tokens()) @ weight.T)
    extra = sum(map(torch.numel, untied.parameters())) - sum(map(torch.numel, tied.parameters()))
    assert extra == weight.numel()


def test_padding_changes_no_feature() -> None:
    """Catches a feature that is read off a pad, or a mean that counts pads."""
    text = tokens(2, 6)
    padded = torch.nn.functional.pad(text, (0, 4))
    for pooling in ("last", "mean"):
        model = backbone(pooling=pooling)
        assert torch.allclose(model(padded), model(text), atol=1e-6)
        assert torch.allclose(pooled(model.states(padded), padded, pooling), model(text), atol=1e-6)
    assert torch.equal(pooled(model.states(text), text, "last"), model.states(text)[:, -1])


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_texts_that_have_begun_go_on_to_the_same_features(pooling: str, positions: str) -> None:
    """Catches a block that is left out or taken twice, and states of other texts than the tokens."""
    model, text = backbone(layers=3, pooling=pooling, positions=positions), tokens(5)
    text[1, 4:] = 0
    text[3, 6:] = 0
    rows = torch.tensor([3, 0, 1])
    for blocks in range(3):
        begun = model.begun(torch.nn.functional.pad(text, (0, 2)), blocks)
        assert torch.allclose(model(begun[rows]), model(text)[rows], atol=1e-6)


def test_columns_without_a_token_are_cut() -> None:
    """Catches a cut into a text."""
    padded = torch.tensor([[1, 4, 2, 0, 0], [1, 5, 6, 2, 0]])
    assert torch.equal(shortened(padded), padded[:, :4])
    assert shortened(torch.zeros(2, 5, dtype=torch.int64)).shape == (2, 1)


def test_blocks_hold_every_weight_once_and_the_last_one_the_norm() -> None:
    """Catches tune=last_k that leaves the last norm frozen, or an embedding that belongs to no block."""
    for positions in ("rotary", "learned"):
        model = backbone(positions=positions)
        held = [id(weight) for block in model.blocks for weight in block.parameters()]
        assert sorted(held) == sorted(map(id, model.parameters()))
        assert len(model.blocks) == 3
        assert id(model.norm.weight) in map(id, model.blocks[-1].parameters())


def test_projections_are_the_linear_layers() -> None:
    """Catches a name that no layer has."""
    model = backbone()
    named = [name for names in model.projections().values() for name in names]
    assert sorted(named) == sorted(name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear))


@pytest.mark.filterwarnings("error")
def test_many_models_in_one_step_have_the_gradients_of_each_alone() -> None:
    """Catches shapes that follow from values, and a batched attention that is another."""
    models = [LanguageModel(backbone(positions="learned")) for _ in range(2)]
    with torch.no_grad():
        models[1].backbone.embedding.weight.mul_(2)
    text = torch.nn.functional.pad(torch.stack([tokens(), tokens() - 1]), (0, 2))
    parameters, _ = stack_module_state(models)

    def loss(weights: dict[str, Tensor], text: Tensor) -> Tensor:
        return functional_call(models[0], weights, (text,)).square().mean()

    stacked = vmap(grad(loss))(parameters, text)
    for place, model in enumerate(models):
        alone = torch.autograd.grad(model(text[place]).square().mean(), list(model.parameters()))
        for (name, _), gradient in zip(model.named_parameters(), alone, strict=True):
            assert torch.allclose(stacked[name][place], gradient, atol=1e-6), name
    features = vmap(lambda weights, text: functional_call(models[0].backbone, weights, (text,)))
    own = {name.removeprefix("backbone."): value for name, value in parameters.items()}
    together = features(own, text)
    assert torch.allclose(together[1], models[1].embed(text[1]), atol=1e-6)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("model.width", {"width": 18, "heads": 2}),
        ("model.width", {"width": 15, "heads": 2}),
        ("model.positions", {"positions": "sinusoid"}),
        ("model.pooling", {"pooling": "first"}),
        ("model.vocabulary", {"vocabulary": None}),
        ("model.shape", {"shape": (3, 4, 4)}),
        ("model.shape", {"shape": None}),
        ("model.layers", {"layers": 0}),
        ("model.dropout", {"dropout": 1.0}),
    ],
)
def test_options_out_of_range_are_refused(field: str, options: dict[str, object]) -> None:
    """Catches a traceback instead of one line."""
    with pytest.raises(InputError) as mistake:
        backbone(**options)
    assert mistake.value.field == field
