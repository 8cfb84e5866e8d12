"""A tiny captioner in a folder, made and saved by the package transformers itself: ViT and GPT-2 of two layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.training.captions import RECORDS

WORDS = sorted({word for texts in RECORDS.references for text in texts for word in text.split()})


def saved(folder: Path, side: int = 16) -> str:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        GPT2Config,
        PreTrainedTokenizerFast,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
    )

    numbers = {word: place for place, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *WORDS])}
    words: Any = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **marks)
    vit = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    encoder = ViTConfig(**vit, image_size=side, patch_size=8)
    decoder = GPT2Config(vocab_size=len(numbers), n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 1, 0, 2
    torch.manual_seed(0)
    network = VisionEncoderDecoderModel(config)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(4)  # so that captions differ between pictures
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def model_in(folder: str) -> dict[str, Any]:
    return {"_target_": "telltale.models.hf_captioner.HFCaptioner", "path": folder}
