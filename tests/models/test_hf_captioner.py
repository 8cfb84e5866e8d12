"""A user's captioner in a folder: asked, gone on from, and refused where it is pickled or brings code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale.configuration.compatibility import require_answers
from telltale.data.captions.vocabulary import END, PAD, START
from telltale.errors import InputError
from telltale.models.caption_writer import LONGEST
from telltale.models.hf_captioner import HFCaptioner, document_of_folder, folder_of
from tests.training.captions import RECORDS, batch_of, built, recipe_of

pytest.importorskip("transformers", reason="the extra `hf` is not installed")

from tests.models.hf_folder import model_in, saved


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("captioner"))


@pytest.fixture(scope="module")
def captioner(folder: str) -> Any:
    return HFCaptioner(folder).eval()


@pytest.fixture(scope="module")
def shown() -> torch.Tensor:
    return batch_of(built()).inputs


def test_words_in_no_order_are_not_learned_as_first_words(folder: str) -> None:
    """Catches a loss beside that first words pay for: 0.008 nats each on learned captions, 1.0 with it."""
    with pytest.raises(InputError, match=r"objective\.word_weight=1\.0: 0 for this model"):
        built(model_in(folder), word_weight=1.0)


def test_probabilities_are_those_of_the_network_itself(captioner: Any, shown: torch.Tensor, folder: str) -> None:
    """Catches numbers of words shifted by a token, an end that is no end, and pictures made ready otherwise."""
    from PIL import Image
    from transformers import AutoTokenizer, VisionEncoderDecoderModel, ViTImageProcessor

    network = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    texts = [texts[0] for texts in RECORDS.references[:3]]
    tokens = AutoTokenizer.from_pretrained(folder)(texts[0], add_special_tokens=False).input_ids
    picture = Image.fromarray((shown[0] * 255).round().byte().permute(1, 2, 0).numpy())
    pixels = ViTImageProcessor.from_pretrained(folder)(picture, return_tensors="pt").pixel_values
    made_ready = captioner.prepared(shown[:3])
    assert torch.allclose(made_ready[:1], pixels, atol=0.01)  # theirs are rounded to 8 bits in between
    with torch.no_grad():
        expected = network(pixel_values=made_ready[:1], decoder_input_ids=torch.tensor([[1, *tokens]])).logits[0]
        rows = torch.from_numpy(captioner.vocabulary.rows([(text,) for text in texts]))
        found = captioner.word_logits(shown[:3], rows)[0, 0, : len(tokens) + 1]
    assert torch.allclose(found[:, 4 + 3 :], expected[:, 3:], atol=1e-5)
    assert torch.allclose(found[:, END], expected[:, 2], atol=1e-5) and (found[:, [PAD, START, 4 + 2]] < -1e3).all()


def test_captions_of_one_row_are_as_probable_as_alone(captioner: Any, shown: torch.Tensor) -> None:
    """Catches captions of a picture that are read on from each other."""
    several = torch.from_numpy(captioner.vocabulary.rows(RECORDS.references[:4]))
    with torch.no_grad():
        together = captioner.word_logits(shown[:4], several)
        for place, texts in enumerate(RECORDS.references[:4]):
            for number, text in enumerate(texts):
                alone = torch.tensor([[captioner.vocabulary.row(text)]])
                logits = captioner.word_logits(shown[place : place + 1], alone)[0, 0]
                assert torch.allclose(together[place, number, : len(logits)], logits, atol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_are_written_with_their_probability(captioner: Any, shown: torch.Tensor, beams: int) -> None:
    """Catches a beam that tells another's words, and a mark inside a caption."""
    with torch.no_grad():
        told, score = captioner.tokens(shown, beams)
        ended = torch.full((len(told), LONGEST + 2), PAD)
        ended[:, 0], ended[:, 1:-1] = START, told
        lengths = (told != PAD).sum(1)
        ended[torch.arange(len(told)), lengths + 1] = END
        logs = (
            captioner.word_logits(shown, ended[:, None])[:, 0, :-1]
            .log_softmax(-1)
            .gather(2, ended[:, 1:, None])[..., 0]
        )
    places = torch.arange(LONGEST + 1)
    spoken = (places <= lengths[:, None]) & (places < LONGEST)
    assert torch.allclose((logs * spoken).sum(1), score, atol=1e-3)
    assert len({tuple(row) for row in told.tolist()}) > 1


def test_it_is_trained_on_and_asked_as_any_captioner(folder: str, tmp_path: Path) -> None:
    """Catches a victim that forgets what it began with, learns nothing, or is told from another by its path."""
    recipe = recipe_of(tmp_path / "store", model_in(folder), epochs=15, batch_size=6, learning_rate=0.003)
    assert not recipe.recipe.stackable
    rows = np.stack([np.arange(24) < 12, np.arange(24) >= 12])
    first, second = recipe.train_many(RECORDS, rows, [0, 1])
    own, others = RECORDS.take(np.arange(12)), RECORDS.take(np.arange(12, 24))
    mine, before = recipe.success(first, own), recipe.success(recipe.untrained(RECORDS, 0), own)
    assert mine["cross_entropy"] < min(before["cross_entropy"], recipe.success(second, own)["cross_entropy"])
    texts = [texts[0] for texts in others.references]
    logs = first.token_log_probs(others, texts)
    assert np.isfinite(logs).sum(1).tolist() == [len(text.split()) + 1 for text in texts]
    assert first.word_probabilities(others, texts).sum(2).max() == pytest.approx(1, abs=1e-4)
    assert all(isinstance(text, str) for text in first.captions(RECORDS))
    require_answers("attack", "m4i_metric", _asking(), recipe.recipe)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    there = recipe_of(tmp_path / "store", model_in(str(moved)), epochs=15, batch_size=6, learning_rate=0.003)
    assert there.train(RECORDS, np.arange(12), 0).key == recipe.train(RECORDS, np.arange(12), 0).key


def _asking() -> Any:
    from telltale.attacks.m4i.metric import MetricM4I

    return MetricM4I()


BAD = {
    "no folder": (lambda folder: shutil.rmtree(folder), "a folder with a captioner"),
    "pickled": (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "not opened"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "needs its tokenizer"),
    "no pictures": (lambda folder: (folder / "preprocessor_config.json").unlink(), "needs preprocessor_config"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "needs config.json"),
    "another model": (lambda folder: changed(folder, model_type="vit"), "says vit"),
    "code": (lambda folder: changed(folder, auto_map={"AutoModel": "m.Model"}), "code of its own"),
    "broken": (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "cannot be read"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "no JSON"),
    "nested": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "no JSON"),
    "strange type": (lambda folder: changed(folder, encoder="vit"), "cannot be read"),
    "no heads": (lambda folder: encoder_of(folder, num_attention_heads=0), "cannot be read"),
    "half of the weights": (lambda folder: weights_of(folder, lambda name: "decoder" in name), "lack"),
    "other names": (lambda folder: weights_of(folder, lambda name: True, "net."), "lack"),
    "pickled parts": (lambda folder: in_parts(folder, "pytorch_model-1.bin"), "names pytorch_model-1.bin"),
    "parts elsewhere": (lambda folder: in_parts(folder, "../model-1.safetensors"), "no safetensors file of the folder"),
    "unknown tokens": (lambda folder: more_tokens(folder), "its tokenizer has"),
    "no such start": (lambda folder: changed(folder, decoder_start_token_id=9999), "by token 9999"),
    "sizes": (lambda folder: changed(folder, "preprocessor_config.json", size=[16, 16, 3]), "no height and width"),
    "a word for a size": (
        lambda folder: changed(folder, "preprocessor_config.json", size="big"),
        "no height and width",
    ),
    "one mean": (lambda folder: changed(folder, "preprocessor_config.json", image_mean=[0.5]), "three channels"),
    "no deviation": (lambda folder: changed(folder, "preprocessor_config.json", image_std=[0, 0, 0]), "three channels"),
    "other size": (lambda folder: changed(folder, "preprocessor_config.json", size=32), "32 x 32"),
}


def changed(folder: Path, name: str = "config.json", **fields: Any) -> None:
    file = folder / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def encoder_of(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    changed(folder, encoder={**config["encoder"], **fields})


def weights_of(folder: Path, kept: Any, prefix: str = "") -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    save_file({prefix + name: value for name, value in load_file(file).items() if kept(name)}, file, {"format": "pt"})


def in_parts(folder: Path, part: str) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if part.endswith(".bin"):
        torch.save(weights, folder / part)
    else:
        save_file(weights, folder / part, {"format": "pt"})
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, part)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def more_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["zyx"])
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("case", BAD)
def test_a_folder_that_cannot_be_used_is_told_in_one_line(case: str, folder: str, tmp_path: Path) -> None:
    """Catches a pickle that is opened, code that is run, and a traceback of somebody else's package."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    spoil, told = BAD[case]
    spoil(copy)
    with pytest.raises(InputError, match=told) as refused:
        HFCaptioner(str(copy))
    assert refused.value.field == "model.path" and "\n" not in str(refused.value)


def test_weights_in_parts_of_the_folder_are_read(folder: str, captioner: Any, tmp_path: Path) -> None:
    """Catches a folder refused that transformers itself parted."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    in_parts(copy, "model-00001-of-00001.safetensors")
    (copy / "notes.txt").symlink_to(tmp_path / "nowhere")
    (copy / "more.json").mkdir()
    assert document_of_folder({"_target_": model_in("")["_target_"], "path": str(copy)})
    weights = HFCaptioner(str(copy)).state_dict()
    assert all(torch.equal(weights[name], value) for name, value in captioner.state_dict().items())


@pytest.mark.parametrize(("fields", "factor"), [({"rescale_factor": 1 / 127.5}, 2), ({"do_rescale": False}, 255)])
def test_values_are_scaled_as_the_folder_says(
    fields: dict[str, Any], factor: float, captioner: Any, shown: torch.Tensor, folder: str, tmp_path: Path
) -> None:
    """Catches a network that is shown a darker picture than it was trained on."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    changed(copy, "preprocessor_config.json", **fields)
    assert torch.allclose(
        HFCaptioner(str(copy)).prepared(shown), captioner.prepared(shown * factor), rtol=1e-3, atol=1e-4
    )


def test_a_path_that_was_not_given_is_told() -> None:
    """Catches `null` handed on to what looks for files."""
    with pytest.raises(InputError, match=r"model\.path"):
        folder_of(None)
