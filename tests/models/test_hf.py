"""A user's language model in a folder: asked, gone on from, and refused where it is pickled or brings code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.data.texts.documents import Documents, Preparation, as_objects, as_records
from telltale.data.texts.folder_tokenizer import in_folder
from telltale.data.texts.records import END, START, TextRecords
from telltale.errors import InputError
from telltale.reporting.masking import masked_text
from telltale.training.batches import LabelledBatch, make_batch

pytest.importorskip("transformers", reason="the extra `hf` is not installed")

from telltale.defenses.dp_sgd import DPSGD
from telltale.models.hf import HFLanguageModel, document_of_folder
from telltale.models.text_backbone import LanguageModel
from telltale.owner.preparation import initial_objective
from telltale.training.private.modes import inexactness, mode_of
from tests.models.hf_language import WORDS, saved
from tests.training.texts import objective_of, recipe_in

TARGET = "telltale.models.hf.HFLanguageModel"
KINDS = ("gpt2", "llama")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {kind: saved(tmp_path_factory.mktemp(kind), kind) for kind in (*KINDS, "bert")}


def records_of(folder: str, number: int = 40) -> TextRecords:
    rng = np.random.default_rng(0)
    texts = as_objects([" ".join(rng.choice(WORDS[3:], rng.integers(3, 9))) for _ in range(number)])
    return as_records(Documents("fox texts", texts), Preparation(context=8, near_equal=None, tokenizer=folder)).records


def model_of(folder: str, records: TextRecords) -> dict[str, Any]:
    of_records = {"vocabulary": records.vocabulary, "tokenizer": records.tokenizer, "shape": [8]}
    return {"_target_": TARGET, "path": folder, **of_records}


def built(options: dict[str, Any]) -> HFLanguageModel:
    return HFLanguageModel(**{name: value for name, value in options.items() if name != "_target_"})


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_network_itself(folders: dict[str, str], kind: str) -> None:
    """Catches tokens that are shifted by the marks, an end that is no end, and weights turned the wrong way."""
    from transformers import AutoModelForCausalLM

    records = records_of(folders[kind])
    model = LanguageModel(built(model_of(folders[kind], records))).eval()
    network = AutoModelForCausalLM.from_pretrained(folders[kind]).eval()
    text = "the lazy fox sleeps"
    tokens, _ = in_folder(Path(folders[kind]), "").encode([text], 8)
    assert tokens[0, 0] == START and tokens[0, 5] == END
    own = [WORDS.index(word) for word in text.split()]
    with torch.no_grad():
        expected = network(input_ids=torch.tensor([[0, *own]])).logits[0]
        found = model(torch.from_numpy(tokens))[0, :5]
    assert found.shape == (5, 3 + len(WORDS))
    assert torch.allclose(found[:, 3 + 2 :], expected[:, 2:], atol=1e-5)
    assert torch.allclose(found[:, END], expected[:, 1], atol=1e-5)
    assert (found[:, [0, START, 3 + 1]] < -1e3).all()


def test_the_last_block_holds_nothing_that_comes_before_the_first(tmp_path: Path) -> None:
    """Catches `last_k` that also tunes what is computed from the embeddings, so that all states below change."""
    for kind, first, last in (
        ("gpt2", {"wte", "wpe", "drop"}, {"ln_f"}),
        ("llama", {"embed_tokens", "rotary_emb"}, {"norm"}),
        ("bloom", {"word_embeddings", "word_embeddings_layernorm"}, {"ln_f"}),
        ("opt", {"decoder.embed_tokens", "decoder.embed_positions", "decoder.project_in"}, {"decoder.project_out"}),
    ):
        model = built(model_of(path := saved(tmp_path / kind, kind), records_of(path)))
        name = {id(part): name for name, part in model.network.named_modules()}
        before, *_, after = model.blocks
        assert {name[id(part)] for part in before.children()} == first, kind
        assert {name[id(part)] for part in list(after.children())[1:]} == last, kind
        trained = {id(weight) for block in model.blocks for weight in block.parameters()}
        assert trained == {id(weight) for weight in model.network.parameters()}


def test_a_tokenizer_whose_numbers_have_gaps_is_as_wide_as_its_last(tmp_path: Path) -> None:
    """Catches a vocabulary that counts tokens, where the largest number is what a network must have a row for."""
    folder = Path(saved(tmp_path))
    whole = json.loads((folder / "tokenizer.json").read_text())
    whole["model"]["vocab"]["fox"] = 40
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    records = records_of(str(folder))
    assert records.vocabulary == 3 + 41 and records.tokens.max() == 3 + 40
    with pytest.raises(InputError, match=rf"its tokenizer has 41 tokens, its network {len(WORDS)}"):
        built(model_of(str(folder), records))


def test_texts_are_cut_by_the_tokenizer_of_the_folder_and_read_again(folders: dict[str, str]) -> None:
    """Catches a tokenizer learned beside the one that was given, and marks that are read as words."""
    records = records_of(folders["gpt2"])
    assert records.codec is not None and records.vocabulary == 3 + len(WORDS)
    whole = (records.tokens != 0).sum(1) < 8
    for text, read in zip(records.texts, records.codec.decode(records.tokens), strict=True):
        assert text.startswith(read)
    assert whole.any() and all(
        text == read
        for text, read in zip(records.texts[whole], records.codec.decode(records.tokens[whole]), strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_private_gradients_of_it_are_those_of_single_texts(folders: dict[str, str], kind: str) -> None:
    """Catches places that the batch shares, and layers that are no linear ones for us."""
    records = records_of(folders[kind])
    objective = initial_objective(model_of(folders[kind], records), objective_of(), 0)
    tokens = make_batch(records, np.arange(8))
    batch = LabelledBatch(tokens, tokens, torch.zeros(8, dtype=torch.int64))
    assert not inexactness("bookkeeping" if kind == "gpt2" else "vmap", objective, batch)
    DPSGD(sigma=1.0, epsilon=None).prepare(objective)
    assert mode_of(objective) == ("bookkeeping" if kind == "gpt2" else "vmap")


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_from_it_alone_as_in_a_fleet(folders: dict[str, str], kind: str, tmp_path: Path) -> None:
    """Catches weights drawn anew, a fleet that keeps what no state has, and a path that stands in a key."""
    records, rows = records_of(folders[kind]), np.arange(30) < np.array([[15], [20]])
    records = records.take(np.arange(30))
    recipe = recipe_in(tmp_path / "a", model=model_of(folders[kind], records), objective=objective_of(epochs=30))
    rows[1, :5] = False
    together = recipe.train_many(records, rows, [1, 2])
    alone = recipe.train(records, np.flatnonzero(rows[0]), 1)
    for name, value in alone.weights().items():
        np.testing.assert_allclose(together[0].weights()[name], value, rtol=0, atol=2e-4)
    told = np.nanmean(alone.text_log_probs(records), 1)
    fresh = initial_objective(recipe.recipe.model, objective_of(), 0).model.eval()
    tokens = torch.from_numpy(records.tokens)
    assert told[:15].mean() > told[15:].mean() and len(fresh(tokens)) == 30
    copy = shutil.copytree(folders[kind], tmp_path / "elsewhere")
    assert document_of_folder({"_target_": TARGET, "path": str(copy)}) == document_of_folder(
        {"_target_": TARGET, "path": folders[kind]}
    )


def edited(name: str, **changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **changes}))

    return edit


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def less(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in state.items() if "ln_f" not in name}, folder / "model.safetensors")


def elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    index = {"weight_map": {"transformer.wte.weight": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def named_elsewhere(name: str) -> Callable[[Path], None]:
    """Have the configuration name other weights; the usual ones stay beside them."""

    def name_them(folder: Path) -> None:
        index = {"weight_map": {"transformer.wte.weight": "../outside.bin"}}
        (folder / "other.safetensors.index.json").write_text(json.dumps(index))
        edited("config.json", transformers_weights=name)(folder)

    return name_them


def linked(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    (folder / "model.safetensors").symlink_to(folder.parent / "outside.safetensors")


def diverged(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    for name in ("transformer.h.1.ln_2.weight", "transformer.h.0.ln_1.bias"):
        held[name][0] = float("nan")
    save_file(held, folder / "model.safetensors", {"format": "pt"})


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickled weights": (pickled, "is a pickle and is not opened"),
    "no tokenizer": (without("tokenizer.json"), "needs its tokenizer: tokenizer.json"),
    "no configuration": (without("config.json"), "needs config.json"),
    "code": (edited("config.json", auto_map={"AutoModel": "model.Net"}), "asks for code of its own"),
    "weights elsewhere": (elsewhere, "no safetensors file of the folder"),
    "an index of weights elsewhere": (named_elsewhere("other.safetensors.index.json"), "names other weights"),
    "a pickle by another name": (named_elsewhere("adapter_model.bin"), "names other weights"),
    "weights in a folder inside": (named_elsewhere("sub/other.safetensors"), "names other weights"),
    "a link out of the folder": (linked, "its model.safetensors is a link to a file outside"),
    "code to be fetched": (edited("config.json", attn_implementation="someone/kernel"), "is not run"),
    "the same, by its other name": (edited("config.json", _attn_implementation="flash_attention_2"), "is not run"),
    "missing weights": (less, "its weights lack 2 of the network's"),
    "an adapter": (lambda folder: (folder / "adapter_config.json").write_text("{}"), "lies elsewhere"),  # type: ignore[dict-item]
    "quantised": (edited("config.json", quantization_config={"bits": 4}), "that they are quantised"),
    "another kind": (edited("config.json", model_type="vit"), "its config.json says vit"),
    "no end": (edited("config.json", eos_token_id=None), "with which token texts end"),
    "an end beyond": (edited("config.json", eos_token_id=99), "by token 99, its network has 17"),
    "an end that is a word": (
        edited("config.json", eos_token_id=6),
        "which its tokenizer makes of words, too",
    ),
    "fewer layers": (
        edited("config.json", n_layer=1),
        r"1\d of its weights have no place in the network .* as transformer\.h\.1\.attn",
    ),
    "no numbers": (diverged, r"2 of its weights hold what is no finite number, as transformer\.h\.0\.ln_1\.bias"),
    "few places": (
        edited("config.json", n_positions=4),
        r"1 of its weights are not as .*wpe\.weight has \d+ x \d+, not 4 x",
    ),
    "other widths": (edited("config.json", vocab_size=40), r"weights are not as its config\.json says"),
    "another tokenizer": (edited("tokenizer.json", normalizer={"type": "Lowercase"}), "dataset.tokenizer"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "no JSON that can be read"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_cannot_be_trusted_or_read_is_refused(case: str, folders: dict[str, str], tmp_path: Path) -> None:
    """Catches a pickle that is opened, code that is run, weights drawn at random, texts of other tokens."""
    records, copy = records_of(folders["gpt2"]), shutil.copytree(folders["gpt2"], tmp_path / "copy")
    spoil, why = REFUSED[case]
    spoil(copy)
    with pytest.raises(InputError, match=why):
        built(model_of(str(copy), records))


def test_an_end_that_no_text_has_is_taken(folders: dict[str, str], tmp_path: Path) -> None:
    """Catches a model that is refused because its tokenizer does not say which of its tokens are special."""
    copy = shutil.copytree(folders["gpt2"], tmp_path / "copy")
    edited("tokenizer.json", added_tokens=[])(copy)
    records = records_of(str(copy))
    assert built(model_of(str(copy), records)).marks[-1] == 1


def test_what_looks_ahead_is_refused(folders: dict[str, str], tmp_path: Path) -> None:
    """Catches a model whose loss of a text is known from the text itself."""
    records = records_of(folders["bert"])
    with pytest.raises(InputError, match=r"causal model|one linear layer"):
        built(model_of(folders["bert"], records))
    copy = shutil.copytree(folders["bert"], tmp_path / "copy")
    edited("config.json", eos_token_id=None, bos_token_id=None)(copy)
    with pytest.raises(InputError, match=r"causal model|one linear layer"):  # not what it would need, were it one
        built(model_of(str(copy), records))


def test_a_buffer_of_an_older_version_is_no_weight(folders: dict[str, str], tmp_path: Path) -> None:
    """Catches a folder that is refused for masks that its package used to save."""
    from safetensors.torch import load_file, save_file

    records, copy = records_of(folders["gpt2"]), shutil.copytree(folders["gpt2"], tmp_path / "copy")
    held = load_file(copy / "model.safetensors")
    more = {"transformer.h.0.attn.bias": torch.ones(1, 1, 12, 12), "transformer.h.0.attn.masked_bias": torch.ones(1)}
    save_file({**held, **more}, copy / "model.safetensors", {"format": "pt"})
    assert built(model_of(str(copy), records)).vocabulary == records.vocabulary


def test_secrets_in_a_configuration_are_not_told(folders: dict[str, str], tmp_path: Path) -> None:
    """Catches a token that an error repeats."""
    secret = "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f"
    records, copy = records_of(folders["gpt2"]), shutil.copytree(folders["gpt2"], tmp_path / "copy")
    for changes in ({"model_type": f"token={secret}"}, {"n_head": 3, "token": secret}):
        edited("config.json", **changes)(copy)
        with pytest.raises(InputError) as refused:
            built(model_of(str(copy), records))
        assert secret not in masked_text(str(refused.value))
